package scanner

import "testing"

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
