package scanner

import "testing"

func TestTransferEncoding(t *testing.T) {
	for value, want := range map[string]Encoding{
		"": Identity, "7bit": Identity, "8BIT": Identity, "binary": Identity, "utf-8": Identity,
		"base64": Base64, " BASE64 ": Base64, "base64;": Base64, "base64 (comment)": Base64, `"base64"`: Base64,
		"Quoted-Printable": QuotedPrintable,
		"x-uuencode":       Identity, "uue": Identity,
	} {
		if got := transferEncoding(value); got != want {
			t.Errorf("%q: %d, want %d", value, got, want)
		}
	}
}
