package envelope_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"mirrorgw/scanner"
	"mirrorgw/scanner/envelope"
)

// take is a scanner.Contents that keeps what it is given.
type take struct {
	contents, names, notes []string
}

func (t *take) Member(name, _ string, content io.Reader) error {
	var b bytes.Buffer
	_, err := io.Copy(&b, io.LimitReader(content, 1<<20))
	t.contents = append(t.contents, b.String())
	t.names = append(t.names, name)
	return err
}

func (t *take) Excerpt(int64, int64) error { return errors.New("not wanted") }

func (t *take) Text(io.Reader) error { return errors.New("not wanted") }

func (t *take) Expect(int64) error { return nil }

func (t *take) Note(cause scanner.Cause, detail string) {
	t.notes = append(t.notes, string(cause)+": "+detail)
}

func open(t testing.TB, content []byte) *take {
	t.Helper()
	b := scanner.Spool{}.NewBuffer()
	defer b.Close()
	if _, err := b.Write(content); err != nil {
		t.Fatal(err)
	}
	out := &take{}
	if err := (envelope.Opener{}).Open(t.Context(), scanner.NewPart("1", "", "", b), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// value returns a value in DER.
func value(tag byte, parts ...string) string {
	content := strings.Join(parts, "")
	n := len(content)
	switch {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + content
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + content
	default:
		return string([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}) + content
	}
}

// endless returns a value in BER whose length is not told.
func endless(tag byte, parts ...string) string {
	return string([]byte{tag, 0x80}) + strings.Join(parts, "") + "\x00\x00"
}

// chunks returns text as an octet string in pieces of n.
func chunks(text string, n int) string {
	var pieces []string
	for c := range slices.Chunk([]byte(text), n) {
		pieces = append(pieces, value(0x04, string(c)))
	}
	return endless(0x24, pieces...)
}

const (
	oid        = "\x2A\x86\x48\x86\xF7\x0D\x01"
	data       = "\x07\x01"
	signed     = "\x07\x02"
	enveloped  = "\x07\x03"
	digested   = "\x07\x05"
	compressed = "\x09\x10\x01\x09"
	payload    = "Content-Type: text/plain\r\n\r\nwhat was signed\r\n"
)

// cms returns a ContentInfo around an octet string, empty for a detached signature.
func cms(wrap func(byte, ...string) string, kind, octets string) string {
	inner := value(0x06, oid+data)
	if octets != "" {
		inner += wrap(0xA0, octets)
	}
	algorithm := value(0x30, value(0x06, "\x60\x86\x48\x01\x65\x03\x04\x02\x01"), value(0x05))
	body := value(0x02, "\x01")
	if kind == signed {
		body += wrap(0x31, algorithm) + wrap(0x30, inner) + wrap(0xA0, value(0x30, "certificates")) + value(0x31)
	} else {
		body += algorithm + wrap(0x30, inner) + value(0x04, "digest")
	}
	return wrap(0x30, value(0x06, oid+kind), wrap(0xA0, wrap(0x30, body)))
}

func deflate(text string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, text) // to memory
	_ = w.Close()
	return b.String()
}

func TestCMS(t *testing.T) {
	for _, test := range []struct {
		name, content string
		want          []string
		note          string
	}{
		{"signed, DER", cms(value, signed, value(0x04, payload)), []string{payload}, ""},
		{"signed, BER", cms(endless, signed, chunks(payload, 7)), []string{payload}, ""},
		{"signed, pieces in pieces", cms(value, signed, value(0x24, value(0x04, payload[:9]), endless(0x24, value(0x04, payload[9:11])), value(0x24, value(0x04, payload[11:])))), []string{payload}, ""},
		{"signed, a long one", cms(value, signed, value(0x04, strings.Repeat(payload, 1000))), []string{strings.Repeat(payload, 1000)}, ""},
		{"detached", cms(value, signed, ""), nil, ""},
		{"detached, BER", cms(endless, signed, ""), nil, ""},
		{"digested", cms(value, digested, value(0x04, payload)), []string{payload}, ""},
		{"data", value(0x30, value(0x06, oid+data), value(0xA0, value(0x04, payload))), []string{payload}, ""},
		{"compressed", cms(endless, compressed, chunks(deflate(payload), 5)), []string{payload}, ""},
		{"enveloped", cms(value, enveloped, value(0x04, "x")), nil, "encrypted: it is encrypted with S/MIME"},
		{"torn", cms(value, signed, value(0x04, payload))[:90], []string{cms(value, signed, value(0x04, payload))[50:90]}, "malformed: what is signed or compressed in it is torn (CMS)"},
		{"torn, compressed", cms(value, compressed, value(0x04, "no zlib")), nil, "malformed: what is signed or compressed in it is torn (CMS)"},
		{"something else", value(0x30, value(0x06, "\x55\x04\x03"), value(0x0C, "a name in a certificate")), nil, ""},
		{"nothing", "", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := open(t, []byte(test.content))
			if test.name == "torn" { // where the octets begin is told by the length of what is ahead of them
				if len(out.contents) != 1 || out.contents[0] == "" || !strings.HasPrefix(payload, out.contents[0]) {
					t.Errorf("contents %q", out.contents)
				}
			} else if !slices.Equal(out.contents, test.want) {
				t.Errorf("contents %q, want %q", out.contents, test.want)
			}
			if got := strings.Join(out.notes, "; "); got != test.note {
				t.Errorf("notes %q, want %q", got, test.note)
			}
		})
	}
}

func TestOpenPGP(t *testing.T) {
	for _, test := range []struct {
		head string
		want bool
	}{
		{"\x85\x01\x0c\x03ABCDEFGH\x01", true},
		{"\x84\x5e\x03ABCDEFGH\x12", true},
		{"\xc1\xc0\x4c\x03ABCDEFGH\x01", true},
		{"\x8c\x0d\x04\x09\x03\x08ABCDEFGH", true},
		{"\x85\x01\x0c\x04ABCDEFGH\x01", false},
		{"\x89PNG\r\n\x1a\n", false},
		{"\xff\xd8\xff\xe0", false},
	} {
		out := open(t, []byte(test.head+strings.Repeat("x", 100)))
		if got := len(out.notes) == 1; got != test.want {
			t.Errorf("%q: notes %q", test.head, out.notes)
		}
	}
}

func le(n int, v int) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(v))[:n])
}

func attribute(level byte, id int, data string) string {
	return string([]byte{level}) + le(4, id) + le(4, len(data)) + data + "\x00\x00"
}

func property(typ, id int, value string) string {
	return le(2, typ) + le(2, id) + value
}

func variable(text string) string {
	return le(4, 1) + le(4, len(text)) + text + strings.Repeat("\x00", -len(text)&3)
}

func properties(list ...string) string { return le(4, len(list)) + strings.Join(list, "") }

func wide(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

const tnefHead = "\x78\x9F\x3E\x22\x01\x00"

// attachment returns the attributes of one attachment.
func attachment(title, content string, props ...string) string {
	return attribute(2, 0x69002, strings.Repeat("\x01", 14)) + attribute(2, 0x6800F, content) + attribute(2, 0x18010, title+"\x00") +
		attribute(2, 0x69005, properties(props...))
}

func TestTNEF(t *testing.T) {
	named := property(0x1E, 0x8001, strings.Repeat("g", 16)+le(4, 1)+le(4, 6)+wide("abc")+"\x00\x00"+variable("x"))
	embedded := property(0x0D, 0x3701, variable(strings.Repeat("g", 16)+tnefHead+"inner"))
	for _, test := range []struct {
		name, content string
		want, names   []string
		note          string
	}{
		{
			"two attachments", tnefHead + attribute(1, 0x78008, "IPM.Note") + attribute(1, 0x2800C, "body") + attachment("a.exe", payload) + attachment("b.exe", "second"),
			[]string{"body", payload, "second"},
			[]string{"", "a.exe", "b.exe"},
			"",
		},
		{
			"a long name", tnefHead + attachment("A~1.EXE", payload, named, property(0x3, 0x3705, le(4, 1)), property(0x1F, 0x3707, variable(wide("ä long name.exe\x00")))),
			[]string{payload},
			[]string{"ä long name.exe"},
			"",
		},
		{"an embedded message", tnefHead + attachment("x", "icon", embedded), []string{"icon", tnefHead + "inner"}, []string{"x", "x"}, ""},
		{"a body in HTML", tnefHead + attribute(1, 0x69003, properties(property(0x102, 0x1013, variable("<html>")))), []string{"<html>"}, []string{""}, ""},
		{
			"many values", tnefHead + attribute(1, 0x69003, properties(property(0x1102, 0x1, le(4, 2)+le(4, 1)+"a\x00\x00\x00"+le(4, 4)+"bcde"), property(0x1003, 2, le(4, 2)+"12345678"), property(0x48, 3, strings.Repeat("g", 16)))),
			[]string{"a", "bcde"},
			[]string{"", ""},
			"",
		},
		{"without the last checksum", strings.TrimSuffix(tnefHead+attribute(2, 0x6800F, payload), "\x00\x00"), []string{payload}, []string{""}, ""},
		{"torn", (tnefHead + attachment("a.exe", payload))[:60], []string{payload[:60-6-9-16-9]}, []string{""}, "malformed: an attachment in it is torn (winmail.dat)"},
		{"a type that is none", tnefHead + attachment("a.exe", payload, property(0x77, 1, "x")), []string{payload}, []string{"a.exe"}, "malformed: an attachment in it is torn (winmail.dat)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := open(t, []byte(test.content))
			if !slices.Equal(out.contents, test.want) || !slices.Equal(out.names, test.names) {
				t.Errorf("contents %q %q, want %q %q", out.names, out.contents, test.names, test.want)
			}
			if got := strings.Join(out.notes, "; "); got != test.note {
				t.Errorf("notes %q, want %q", got, test.note)
			}
		})
	}
}

// TestRealTNEF opens a file that another program has made, from Debian's package clamav-testfiles.
func TestRealTNEF(t *testing.T) {
	content, err := os.ReadFile("/usr/share/clamav-testfiles/clam.tnef")
	if err != nil {
		t.Skip("clamav-testfiles is not installed:", err)
	}
	out := open(t, content)
	i := slices.Index(out.names, "clam.exe")
	if i < 0 || len(out.contents[i]) != 544 || !strings.HasPrefix(out.contents[i], "MZ") {
		t.Errorf("names %q", out.names)
	}
	if len(out.notes) > 0 {
		t.Errorf("notes %q", out.notes)
	}
}

// Laws: what is wrapped is unwrapped octet for octet, however it is cut; and of nothing there comes more than was there.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(payload), 3)
	f.Add([]byte(cms(endless, signed, chunks(payload, 7))), 1)
	f.Add([]byte(tnefHead+attachment("a.exe", payload, property(0x1F, 0x3707, variable(wide("n"))))), 2)
	f.Fuzz(func(t *testing.T, content []byte, cut int) {
		cut = max(cut&1023, 1)
		if len(content) == 0 {
			return
		}
		for _, wrapped := range []string{
			cms(endless, signed, chunks(string(content), cut)), cms(value, digested, value(0x04, string(content))),
			cms(endless, compressed, chunks(deflate(string(content)), cut)), tnefHead + attachment("a", string(content)),
		} {
			if out := open(t, []byte(wrapped)); len(content) < 1<<16 && !slices.Contains(out.contents, string(content)) {
				t.Errorf("%q is not in %q", content, out.contents)
			}
		}
		total := 0
		for _, c := range open(t, content).contents {
			total += len(c)
		}
		if total > len(content) && !bytes.Contains(content, []byte(compressed)) {
			t.Errorf("%d octets of %d", total, len(content))
		}
	})
}

// TestOtherDER: certificates and keys, which have identifiers of the same root in them, are no CMS.
func TestOtherDER(t *testing.T) {
	rsa := value(0x30, value(0x06, "\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B"), "\x05\x00")
	for name, content := range map[string]string{
		"certificate": value(0x30, value(0x30, "\xA0\x03\x02\x01\x02", value(0x02, "\x01"), rsa, strings.Repeat("x", 300))),
		"private key": value(0x30, "\x02\x01\x00", rsa, strings.Repeat("x", 300)),
		"public key":  value(0x30, rsa, strings.Repeat("x", 300)),
	} {
		if out := open(t, []byte(content)); len(out.notes)+len(out.contents) > 0 {
			t.Errorf("%s: %q, %d contents", name, out.notes, len(out.contents))
		}
	}
}
