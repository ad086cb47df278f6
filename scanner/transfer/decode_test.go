package transfer

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"testing"
	"testing/iotest"
)

// decoding makes one decoder, over NewReader and in pieces.
type decoding func(io.Writer) io.WriteCloser

func b64(b Base64) decoding { return func(w io.Writer) io.WriteCloser { return NewBase64(w, b) } }
func qp(q QuotedPrintable) decoding {
	return func(w io.Writer) io.WriteCloser { return NewQuotedPrintable(w, q) }
}
func binHex(f Fork) decoding { return func(w io.Writer) io.WriteCloser { return NewBinHex(w, f) } }

func decode(t testing.TB, d decoding, text string, piece int) string {
	t.Helper()
	var out bytes.Buffer
	w := d(&out)
	for text != "" {
		n := min(piece, len(text))
		if _, err := w.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDecode(t *testing.T) {
	plain, qplain := b64(Base64{}), qp(QuotedPrintable{})
	for _, test := range []struct {
		name       string
		decoding   decoding
		text, want string
	}{
		{"nothing", plain, "", ""},
		{"padded", plain, "aGVsbG8=", "hello"},
		{"unpadded", plain, "aGVsbG8", "hello"},
		{"folded", plain, "aGVs\r\nbG8=\r\n", "hello"},
		{"one digit a line", plain, "a\r\nG\r\nV\r\ns\r\n", "hel"},
		{"junk", plain, " aG!Vs\tb*G8=\x00", "hello"},
		{"padded blocks in a row", plain, "aGVsbG8=aGVsbG8=", "hellohello"},
		{"a footer", plain, "aGVsbG8==\r\n--\r\nlist footer", "hello\x96\x2b\x2d\x7e\x8a\x2d\x7a"},
		{"half an octet", plain, "a", ""},
		{"no digit", plain, "!!!!", ""},
		{"stop at padding", b64(Base64{Padding: PadStops}), "aGVsbG8=aGVsbG8=", "hello"},
		{"padding in mid quantum", b64(Base64{Padding: PadSkips}), "aG=Vs=bG8=", "hello"},
		{"padding that ends nothing does not stop", b64(Base64{Padding: PadStops}), "=aGVsbG8=", "hello"},
		{"standard digits", plain, "+/-_+/", "\xfb\xff\xbf"},
		{"line ends between quanta", plain, "aGVs\r\nbG8g\rd29y\nbGQg\r\r\naGVs\n\rbG8h", "hello world hello!"},
		{"stop at junk", b64(Base64{Junk: JunkStops}), "aGVs\r\n bG8=*aGVs", "hello"},
		{"URL digits", b64(Base64{URL: true}), "-_-_", "\xfb\xff\xbf"},

		{"escapes", qplain, "a=3Db=3db", "a=b=b"},
		{"a NUL in a soft break", qplain, "soft=\x00\nbreak", "softbreak"},
		{"a soft break in an escape", qp(QuotedPrintable{JoinFirst: true}), "a=3=\r\nDb=\n=\n=3D= \nc=x=", "a=b=c=x"},
		{"soft breaks", qplain, "soft=\r\nbreak=\nhere= \t\r\n!", "softbreakhere!"},
		{"blanks at line ends", qplain, "line  \t \r\nline\t\n", "line\r\nline\n"},
		{"blanks kept", qp(QuotedPrintable{KeepBlanks: true}), "line \t\r\nline \nend ", "line \t\r\nline \nend "},
		{"stray signs", qplain, "keep  this = that =4 =zz ==41", "keep  this = that =4 =zz =A"},
		{"stray signs dropped", qp(QuotedPrintable{DropStray: true}), "a =4 =zz ==41 =4", "a 4 zz A 4"},
		{"soft end", qplain, "end =", "end "},
		{"half an escape", qplain, "end =4", "end =4"},
		{"soft end with a blank", qplain, "end = ", "end "},
		{"blanks at the end", qplain, "end  ", "end"},
		{"lone CR", qplain, "cr\rcr \r \r\r\n", "cr\rcr \r \r\r\n"},
		{"8-bit", qplain, "8-bit \xff\x00\xfe", "8-bit \xff\x00\xfe"},
		{"CR for line ends", qplain, "soft=\rbreak= \rhere", "softbreakhere"},
		{"LF CR for line ends", qp(QuotedPrintable{DropCRs: true}), "soft=\n\rbreak= \n\rhere\n\r!", "softbreakhere\n!"},
		{"no escape", qplain, "= 41", "= 41"},

		{"uu", NewUU, "%:&5L;&\\\r\n`\r\nend\r\nnot this", "hello"},
		{"uu, blanks lost", NewUU, "#86(\n#    \nend\n", "ab\x00\x00\x00\x00"},
		{"uu without end", NewUU, "%:&5L;&\\", "hello"},
		{"uu, a count too high", NewUU, "M:&5L\n", "hel" + strings.Repeat("\x00", 42)},

		{"yEnc", NewYEnc, "=ypart begin=1 end=5\r\n\x92\x8f\x96\r\n\x96\x99=\x7d\r\n=yend size=6\r\nnot this", "hello\x13"},

		{"BinHex without text", binHex(DataFork), "no colon", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, piece := range []int{1, 3, 1 << 20} {
				if got := decode(t, test.decoding, test.text, piece); got != test.want {
					t.Errorf("%q in pieces of %d: got %q, want %q", test.text, piece, got, test.want)
				}
			}
			got, err := io.ReadAll(NewReader(iotest.OneByteReader(strings.NewReader(test.text)), test.decoding))
			if err != nil || string(got) != test.want {
				t.Errorf("%q through a reader: got %q, %v, want %q", test.text, got, err, test.want)
			}
		})
	}
}

func TestReaderReturnsTheTextsError(t *testing.T) {
	text := io.MultiReader(strings.NewReader("aGVsbG8="), iotest.ErrReader(iotest.ErrTimeout))
	got, err := io.ReadAll(NewReader(text, b64(Base64{})))
	if string(got) != "hello" || err != iotest.ErrTimeout {
		t.Errorf("got %q, %v", got, err)
	}
}

// Law: what package base64 encodes decodes to the same octets, whatever the line length and the pieces; and where package
// base64 decodes a text without error, the result is the same.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("hello"), 3)
	f.Add([]byte("aGVsbG8="), 76)
	f.Add([]byte{0, 0xff, '\r', '\n'}, 1)
	f.Add(bytes.Repeat([]byte("hello"), 5000), 120) // more than is gathered
	f.Fuzz(func(t *testing.T, data []byte, line int) {
		line = max(line&127, 1)
		folded := fold(base64.StdEncoding.EncodeToString(data), line)
		for _, b := range []Base64{{}, {Padding: PadStops}, {Padding: PadSkips}} {
			if got := decode(t, b64(b), folded, line); got != string(data) {
				t.Errorf("%+v: got %q, want %q", b, got, data)
			}
		}
		if got := decode(t, b64(Base64{URL: true}), fold(base64.RawURLEncoding.EncodeToString(data), line), line); got != string(data) {
			t.Errorf("URL: got %q, want %q", got, data)
		}
		if want, err := base64.StdEncoding.DecodeString(string(data)); err == nil {
			if got := decode(t, b64(Base64{}), string(data), line); got != string(want) {
				t.Errorf("%q: got %q, want %q", data, got, want)
			}
		}
	})
}

// fold cuts text into lines of n octets.
func fold(text string, n int) string {
	var folded strings.Builder
	for text != "" {
		cut := min(n, len(text))
		folded.WriteString(text[:cut] + "\r\n")
		text = text[cut:]
	}
	return folded.String()
}

// Law: what package quotedprintable encodes decodes to the same octets; and decoding never makes a text longer.
func FuzzQuotedPrintable(f *testing.F) {
	f.Add([]byte("a = b \t"), 1)
	f.Add([]byte{0, 0xff, '=', '\r', '\n', ' ', '\n'}, 5)
	f.Add([]byte("=3D= \r\n=4"), 2)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		piece = max(piece&127, 1)
		var text bytes.Buffer
		w := quotedprintable.NewWriter(&text)
		w.Binary = true
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, q := range []QuotedPrintable{{}, {KeepBlanks: true}, {DropStray: true}, {JoinFirst: true}} {
			if got := decode(t, qp(q), text.String(), piece); got != string(data) {
				t.Errorf("%+v %q: got %q, want %q", q, text.Bytes(), got, data)
			}
			if got := decode(t, qp(q), string(data), piece); len(got) > len(data) {
				t.Errorf("%+v %q grew to %q", q, data, got)
			}
		}
	})
}

// Law: what is encoded in uuencode and in yEnc decodes to the same octets, also where blanks are lost at the ends of lines, and no text
// decodes to more than its length or, of uuencode, what its lines announce.
func FuzzUUAndYEnc(f *testing.F) {
	f.Add([]byte("hello"), 2)
	f.Add([]byte{0, 0x60, '=', '\n', 19, 214, 224, 227}, 1)
	f.Add([]byte("M\r\n=\n=yend"), 1)
	f.Add(make([]byte, 200), 3)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		piece = max(piece&127, 1)
		var trimmed strings.Builder
		for line := range strings.Lines(strings.ReplaceAll(uuencode(data), "`", " ")) {
			trimmed.WriteString(strings.TrimRight(line, " \r\n") + "\n")
		}
		for name, c := range map[string]struct {
			text     string
			decoding decoding
			growth   int
		}{
			"uu":         {uuencode(data), NewUU, 63},
			"uu trimmed": {trimmed.String(), NewUU, 63},
			"yEnc":       {yencode(data), NewYEnc, 1},
		} {
			if got := decode(t, c.decoding, c.text, piece); got != string(data) {
				t.Errorf("%s %q: got %q, want %q", name, c.text, got, data)
			}
			if got := decode(t, c.decoding, string(data), piece); len(got) > c.growth*len(data) {
				t.Errorf("%s: %q grew to %q", name, data, got)
			}
		}
	})
}

func uuencode(data []byte) string {
	var text strings.Builder
	digit := func(v byte) byte {
		if v &= 0x3f; v != 0 {
			return v + ' '
		}
		return '`'
	}
	for len(data) > 0 {
		n := min(45, len(data))
		line := append(bytes.Clone(data[:n]), 0, 0)
		text.WriteByte(digit(byte(n)))
		for i := 0; i < n; i += 3 {
			a, b, c := line[i], line[i+1], line[i+2]
			text.Write([]byte{digit(a >> 2), digit(a<<4 | b>>4), digit(b<<2 | c>>6), digit(c)})
		}
		text.WriteString("\r\n")
		data = data[n:]
	}
	return text.String() + "`\r\nend\r\n"
}

func yencode(data []byte) string {
	var text strings.Builder
	for i, c := range data {
		switch c += 42; c {
		case 0, '\t', '\n', '\r', '=', '.', ' ':
			text.Write([]byte{'=', c + 64})
		default:
			text.WriteByte(c)
		}
		if i%128 == 127 {
			text.WriteString("\r\n")
		}
	}
	return text.String() + "\r\n=yend\r\n"
}

// Law: a file that is encoded in BinHex decodes to both of its forks.
func FuzzBinHex(f *testing.F) {
	f.Add([]byte("hello"), []byte{}, 2)
	f.Add([]byte{binHexRun, binHexRun, 0, 'a', 'a', 'a', 'a'}, []byte("rsrc"), 1)
	f.Fuzz(func(t *testing.T, data, resource []byte, piece int) {
		piece = max(piece&127, 1)
		text := binHexEncode("file.exe", data, resource)
		if got := decode(t, binHex(DataFork), text, piece); got != string(data) {
			t.Errorf("%q: data %q, want %q", text, got, data)
		}
		if got := decode(t, binHex(ResourceFork), text, piece); got != string(resource) {
			t.Errorf("%q: resource %q, want %q", text, got, resource)
		}
		decode(t, binHex(DataFork), ":"+string(data), piece)
	})
}

func binHexEncode(name string, data, resource []byte) string {
	file := append([]byte{byte(len(name))}, name...)
	file = append(file, "\x00TYPECREA\x00\x00"...)
	file = binary.BigEndian.AppendUint32(file, uint32(len(data)))
	file = binary.BigEndian.AppendUint32(file, uint32(len(resource)))
	file = append(file, 0, 0)
	file = append(append(file, data...), 0, 0)
	file = append(append(file, resource...), 0, 0)
	var packed []byte
	for i := 0; i < len(file); {
		run := 1
		for i+run < len(file) && file[i+run] == file[i] && run < 255 {
			run++
		}
		packed = append(packed, file[i])
		if file[i] == binHexRun {
			packed = append(packed, 0)
		}
		if run > 3 {
			packed = append(packed, binHexRun, byte(run))
		} else {
			run = 1
		}
		i += run
	}
	const digits = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
	text := base64.NewEncoding(digits).WithPadding(base64.NoPadding).EncodeToString(packed)
	return fmt.Sprintf("(This file must be converted with BinHex 4.0)\r\n\r\n:%s:\r\n", strings.TrimSuffix(fold(text, 64), "\r\n"))
}
