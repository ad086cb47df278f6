package scanner

import (
	"bytes"
	"encoding/base64"
	"mime/quotedprintable"
	"testing"
)

func decodeAll(t testing.TB, e encoding, text []byte, piece int) string {
	t.Helper()
	var out bytes.Buffer
	d := newDecoder(e, &out)
	for len(text) > 0 {
		n := min(piece, len(text))
		if _, err := d.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct {
		encoding   encoding
		text, want string
	}{
		{identity, "a=\r\nb", "a=\r\nb"},
		{base64Encoding, "", ""},
		{base64Encoding, "aGVsbG8=", "hello"},
		{base64Encoding, "aGVsbG8", "hello"},
		{base64Encoding, "aGVs\r\nbG8=\r\n", "hello"},
		{base64Encoding, "a\r\nG\r\nV\r\ns\r\n", "hel"},
		{base64Encoding, " aG!Vs\tb*G8=\x00", "hello"},
		{base64Encoding, "aGVsbG8=aGVsbG8=", "hellohello"}, // padded blocks in a row
		{base64Encoding, "aGVsbG8==\r\n--\r\nlist footer", "hello\x96\x2b\x2d\x7e\x8a\x2d\x7a"},
		{base64Encoding, "a", ""},
		{base64Encoding, "!!!!", ""},
		{quotedPrintable, "a=3Db=3db", "a=b=b"},
		{quotedPrintable, "soft=\r\nbreak=\nhere= \t\r\n!", "softbreakhere!"},
		{quotedPrintable, "line  \t \r\nline\t\n", "line\r\nline\n"},
		{quotedPrintable, "keep  this = that =4 =zz ==41", "keep  this = that =4 =zz =A"},
		{quotedPrintable, "end =", "end "},
		{quotedPrintable, "end =4", "end =4"},
		{quotedPrintable, "end = ", "end "},
		{quotedPrintable, "end  ", "end"},
		{quotedPrintable, "cr\rcr \r \r\r\n", "cr\rcr \r \r\r\n"},
		{quotedPrintable, "8-bit \xff\x00\xfe", "8-bit \xff\x00\xfe"},
		{quotedPrintable, "= 41", "= 41"},
	} {
		for _, piece := range []int{1, 3, 1 << 20} {
			if got := decodeAll(t, tt.encoding, []byte(tt.text), piece); got != tt.want {
				t.Errorf("%d %q in pieces of %d: got %q, want %q", tt.encoding, tt.text, piece, got, tt.want)
			}
		}
	}
}

func TestTransferEncoding(t *testing.T) {
	for value, want := range map[string]encoding{
		"": identity, "7bit": identity, "8BIT": identity, "binary": identity, "utf-8": identity,
		"base64": base64Encoding, " BASE64 ": base64Encoding, "base64;": base64Encoding, "base64 (comment)": base64Encoding, `"base64"`: base64Encoding,
		"Quoted-Printable": quotedPrintable,
		"x-uuencode":       foreign, "uue": foreign,
	} {
		if got := transferEncoding(value); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}

// Law: what package base64 encodes decodes to the same octets, whatever the line length and the pieces; and where package
// base64 decodes a text without error, the result is the same.
func FuzzBase64(f *testing.F) {
	f.Add([]byte("hello"), 3)
	f.Add([]byte("aGVsbG8="), 76)
	f.Add([]byte{0, 0xff, '\r', '\n'}, 1)
	f.Fuzz(func(t *testing.T, data []byte, line int) {
		line = max(line&127, 1)
		text := base64.StdEncoding.EncodeToString(data)
		var folded bytes.Buffer
		for rest := text; rest != ""; {
			n := min(line, len(rest))
			folded.WriteString(rest[:n] + "\r\n")
			rest = rest[n:]
		}
		if got := decodeAll(t, base64Encoding, folded.Bytes(), line); got != string(data) {
			t.Errorf("got %q, want %q", got, data)
		}
		if want, err := base64.StdEncoding.DecodeString(string(data)); err == nil {
			if got := decodeAll(t, base64Encoding, data, line); got != string(want) {
				t.Errorf("%q: got %q, want %q", data, got, want)
			}
		}
	})
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
		if got := decodeAll(t, quotedPrintable, text.Bytes(), piece); got != string(data) {
			t.Errorf("%q: got %q, want %q", text.Bytes(), got, data)
		}
		if got := decodeAll(t, quotedPrintable, data, piece); len(got) > len(data) {
			t.Errorf("%q grew to %q", data, got)
		}
	})
}
