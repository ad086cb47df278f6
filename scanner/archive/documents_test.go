package archive_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"mirrorgw/scanner"
)

func TestCabinets(t *testing.T) {
	long := program() + strings.Repeat(program(), 2) + payload
	content := archived(t, map[string]string{"a": long, "b.exe": payload}, "x.cab", "gcab", "-c", "-z")
	v, engine := scan(t, scanner.Limits{}, content)
	if v.Class != scanner.Infected || len(v.Also) > 0 || !strings.Contains(strings.Join(engine.contents, "|"), long) {
		t.Errorf("verdict %+v; parts %q", v, engine.parts)
	}
	finds(t, archived(t, map[string]string{"b.exe": payload}, "x.cab", "gcab", "-c", "-n"), "1/1")
	finds(t, append([]byte("MZ and something"), archived(t, map[string]string{"b.exe": payload}, "x.cab", "gcab", "-c", "-z")...), "1/1")
	causes(t, content[:len(content)/2], scanner.CauseMalformed, "")
}

// TestCabinetHistory: what a block repeats may stand in the one before.
func TestCabinetHistory(t *testing.T) {
	le := binary.LittleEndian
	const block = 32 << 10
	first := strings.Repeat("0123456789abcdef", block/16-10)
	first += program()[:block-len(first)]
	var data []byte
	for i, content := range []string{first, payload + first[block-160:]} {
		packed := bytes.NewBufferString("CK")
		w, err := flate.NewWriterDict(packed, 9, []byte(first[:i*block]))
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(content))
		w.Close()
		data = le.AppendUint32(data, 0)
		data = le.AppendUint16(data, uint16(packed.Len()))
		data = le.AppendUint16(data, uint16(len(content)))
		data = append(data, packed.Bytes()...)
	}
	var files []byte
	for _, f := range []struct {
		name     string
		size, at int
	}{{"z", len(payload), block}, {"a", block, 0}, {"end", 160, block + len(payload)}} {
		files = le.AppendUint32(files, uint32(f.size))
		files = le.AppendUint32(files, uint32(f.at))
		files = append(append(append(files, make([]byte, 8)...), f.name...), 0)
	}
	head := make([]byte, 36+8)
	copy(head, "MSCF")
	total := len(head) + len(files) + len(data)
	le.PutUint32(head[8:], uint32(total))
	le.PutUint32(head[16:], uint32(len(head)))
	head[24], head[25], head[26], head[28] = 3, 1, 1, 3
	le.PutUint32(head[36:], uint32(len(head)+len(files)))
	head[40], head[42] = 2, 1
	v, engine := scan(t, scanner.Limits{}, append(append(head, files...), data...))
	if v.Class != scanner.Infected || len(v.Also) > 0 || !slices.Contains(engine.contents, first) || !slices.Contains(engine.contents, first[block-160:]) {
		t.Errorf("verdict %+v; parts %q", v, engine.parts)
	}
}

// compoundFile returns one with the streams given, each of less than 512 octets kept among the small ones.
func compoundFile(streams ...string) []byte {
	le := binary.LittleEndian
	const sector = 512
	var small, table []byte
	root := make([]byte, 128)
	directory := func(entry []byte, name string, kind byte, first, size uint32) {
		for i, u := range utf16.Encode([]rune(name)) {
			le.PutUint16(entry[2*i:], u)
		}
		entry[66] = kind
		le.PutUint32(entry[116:], first)
		le.PutUint32(entry[120:], size)
	}
	entries := root
	for i := 0; i+1 < len(streams); i += 2 {
		content := streams[i+1]
		first := len(small) / 64
		small = append(small, content...)
		for len(small)%64 != 0 {
			small = append(small, 0)
		}
		for n := first + 1; n < len(small)/64; n++ {
			table = le.AppendUint32(table, uint32(n))
		}
		table = le.AppendUint32(table, 0xfffffffe)
		entry := make([]byte, 128)
		directory(entry, streams[i], 2, uint32(first), uint32(len(content)))
		entries = append(entries, entry...)
	}
	pad := func(b []byte) []byte { return append(b, make([]byte, (sector-len(b)%sector)%sector)...) }
	small = pad(small)
	directory(entries, "Root Entry", 5, 3, uint32(len(small)))
	entries, table = pad(entries), pad(table)
	var fat []byte
	for _, n := range []int{1, len(entries) / sector, len(table) / sector, len(small) / sector} {
		for i := range n {
			next := uint32(len(fat)/4 + 1)
			if i == n-1 {
				next = 0xfffffffe
			}
			fat = le.AppendUint32(fat, next)
		}
	}
	if len(entries) > sector || len(table) > sector {
		panic("too many streams for a test")
	}
	head := make([]byte, sector)
	copy(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	le.PutUint16(head[30:], 9)
	le.PutUint32(head[48:], 1) // directory
	le.PutUint32(head[60:], 2) // table of the small ones
	le.PutUint32(head[68:], 0xfffffffe)
	for i := 76; i < sector; i += 4 {
		le.PutUint32(head[i:], 0xffffffff)
	}
	le.PutUint32(head[76:], 0)
	return bytes.Join([][]byte{head, pad(fat), entries, table, small}, nil)
}

// packageOf returns an embedded file.
func packageOf(content string) string {
	b := []byte("\x02\x00label.exe\x00C:\\label.exe\x00\x00\x00\x03\x00")
	b = append(binary.LittleEndian.AppendUint32(b, 4), "tmp\x00"...)
	return string(append(binary.LittleEndian.AppendUint32(b, uint32(len(content))), content...))
}

func TestCompoundFiles(t *testing.T) {
	finds(t, compoundFile("a", "text", "\x05Hidden", payload), "1/2")
	finds(t, compoundFile("\x01Ole10Native", "\x00\x00\x00\x00"+packageOf(payload)), "1/2")
	causes(t, compoundFile("EncryptionInfo", "x", "EncryptedPackage", "octets"), scanner.CauseEncrypted, "EncryptedPackage")
	causes(t, compoundFile("WordDocument", "\xec\xa5\xc1\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00"), scanner.CauseEncrypted, "WordDocument")
	causes(t, compoundFile("Workbook", "\x09\x08\x04\x00\x00\x06\x05\x00\x2f\x00\x02\x00\x00\x00"), scanner.CauseEncrypted, "Workbook")
	for _, plain := range [][]byte{
		compoundFile("WordDocument", "\xec\xa5\xc1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
		compoundFile("Workbook", "\x09\x08\x04\x00\x00\x06\x05\x00\x85\x00\x02\x00\x00\x00\x2f\x00\x00\x00"),
	} {
		if v, _ := scan(t, scanner.Limits{}, plain); v.Class != scanner.Clean {
			t.Errorf("verdict %+v", v)
		}
	}
	circle := compoundFile("a", payload)
	binary.LittleEndian.PutUint32(circle[512+4:], 1) // the directory goes on with itself
	causes(t, circle, scanner.CauseMalformed, "circles")
}

func TestRTF(t *testing.T) {
	object := "\x01\x05\x00\x00\x02\x00\x00\x00\x08\x00\x00\x00Package\x00" + strings.Repeat("\x00", 8)
	file := packageOf(payload)
	object += string(binary.LittleEndian.AppendUint32(nil, uint32(len(file)))) + file
	digits := hex.EncodeToString([]byte(object))
	hidden := ""
	for i, c := range digits {
		hidden += string(c)
		if i%50 == 7 {
			hidden += []string{"\r\n", "{\\*\\x12 }", "\\abc-5 ", "\t", "\\'"}[i/50%5]
		}
	}
	for _, digits := range []string{digits, strings.ToUpper(digits), hidden} {
		finds(t, []byte(`{\rtf1\ansi{\object\objemb{\*\objclass Package}{\*\objdata `+digits+"}}}"), "1/2")
	}
	finds(t, []byte(`{\rt{\object{\*\objdata `+hex.EncodeToString([]byte(payload))+"}}}"), "1/1")
}

// TestWorkIsBounded: what leads to the same octets again and again, which expand to nothing, is over the budget soon.
func TestWorkIsBounded(t *testing.T) {
	blanks := strings.Repeat(" ", 64<<10)
	for name, content := range map[string]string{
		"RTF": `{\rtf` + strings.Repeat(`\objdata`, 9000) + blanks,
		"PDF": "%PDF-" + strings.Repeat("obj/Filter/AHx stream\n", 1900) + blanks,
	} {
		v, _ := scan(t, scanner.Limits{}, []byte(content))
		if v.Cause != scanner.CauseBudget || v.Took > 30*time.Second {
			t.Errorf("%s: verdict %+v", name, v)
		}
		t.Logf("%s: %v", name, v.Took)
	}
}

// lzwOf packs content as PDF's LZWDecode unpacks it.
func lzwOf(content string) string {
	var out []byte
	bits, n, width := 0, 0, 9
	put := func(word int) {
		bits, n = bits<<width|word, n+width
		for ; n >= 8; n -= 8 {
			out = append(out, byte(bits>>(n-8)))
		}
		bits &= 1<<n - 1
	}
	words, next := map[string]int{}, 258
	code := func(s string) int {
		if len(s) == 1 {
			return int(s[0])
		}
		return words[s]
	}
	put(256)
	last := ""
	for i := range len(content) {
		with := last + content[i:i+1]
		if _, known := words[with]; known || len(with) == 1 {
			last = with
			continue
		}
		put(code(last))
		words[with] = next
		next++
		if next+1 > 1<<width { // as a reader sees it, which defines words one later
			width++
		}
		if next == 4094 {
			put(code(content[i : i+1]))
			put(256)
			words, next, width, last = map[string]int{}, 258, 9, ""
			continue
		}
		last = content[i : i+1]
	}
	if last != "" {
		put(code(last))
	}
	put(257)
	return string(append(out, byte(bits<<(8-n))))
}

func TestPDF(t *testing.T) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	w.Write([]byte(payload))
	w.Close()
	var letters bytes.Buffer
	a := ascii85.NewEncoder(&letters)
	a.Write(packed.Bytes())
	a.Close()
	document := func(dictionary, stream string) []byte {
		return fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Length 5%s>>\nstream\n%s\nendstream\nendobj\n", dictionary, stream)
	}
	finds(t, document("/Filter/FlateDecode", packed.String()), "1/1")
	finds(t, document("/Filter [ /FlateDecode ]", packed.String()), "1/1")
	finds(t, document("/Filter/#46late#44ecode", packed.String()), "1/1")
	finds(t, document("/Filter [/ASCII85Decode/FlateDecode]", letters.String()+"~>"), "1/1")
	finds(t, document("/Filter [/ASCIIHexDecode /Fl]", hex.EncodeToString(packed.Bytes())+">"), "1/1")
	finds(t, document("/Filter 2 0 R", packed.String()), "1/1")
	finds(t, document("/Filter[/Crypt/FlateDecode]", packed.String()), "1/1")
	finds(t, document("/Filter/LZWDecode", lzwOf(payload)), "1/1")
	finds(t, document("/Filter[/LZW/Fl]", lzwOf(packed.String())), "1/1")
	runs := "\x05" + payload[:6]
	for _, c := range []byte(payload[6:]) {
		runs += "\x00" + string([]byte{c})
	}
	finds(t, document("/Filter/RunLengthDecode", runs+"\x80"), "1/1")
	_, repeated := scan(t, scanner.Limits{}, document("/Filter/RL", "\x02abc\xfdx\x81y\x80ignored"))
	if !slices.Contains(repeated.contents, "abcxxxx"+strings.Repeat("y", 128)) {
		t.Errorf("runs: %q", repeated.contents)
	}
	long := program() + strings.Repeat(program(), 2)
	if _, engine := scan(t, scanner.Limits{}, document("/Filter/LZW", lzwOf(long))); !slices.Contains(engine.contents, long) {
		t.Errorf("LZW: %d contents", len(engine.contents))
	}
	finds(t, document("", payload), "1/1")
	spells := []byte(strings.Replace(payload, "payload", "endstream endobj", 1))
	_, engine := scan(t, scanner.Limits{}, fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n", len(spells), spells))
	if !slices.Contains(engine.contents, string(spells)) {
		t.Errorf("a stream is cut: %q", engine.contents)
	}
	finds(t, append(bytes.Repeat([]byte("\n"), 1000), document("/Filter/FlateDecode", packed.String())...), "1/1")
	causes(t, append(document("", "x"), "trailer <</Root 1 0 R/Encrypt 9 0 R>>"...), scanner.CauseEncrypted, "PDF")
}
