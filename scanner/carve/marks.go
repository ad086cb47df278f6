package carve

import (
	"bytes"
	"strings"
)

// isBlank says whether a client may take a line for the one that ends a header: RFC 5322 wants it empty, some take blanks.
func isBlank(text []byte) bool { return len(bytes.Trim(text, " \t\v\f\x00")) == 0 }

// fieldLike says whether a line may begin a header field: a name of printable octets (RFC 5322 section 2.2), blanks around it
// forgiven, and a colon that does not begin a URL.
func fieldLike(text []byte) bool {
	name, value, ok := bytes.Cut(text, []byte(":"))
	name = bytes.Trim(name, " \t\x00")
	if !ok || len(name) == 0 || len(name) > maxFieldName || bytes.HasPrefix(value, []byte("//")) {
		return false
	}
	for _, c := range name {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

const maxFieldName = 80

// mimeField says whether a field is one of those that describe a part.
func mimeField(text []byte) bool {
	const prefix = "content-"
	text = bytes.TrimLeft(text, " \t\x00")
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}

// namesBase64 says whether a field may name base64 as the encoding, be it in an encoded word.
func namesBase64(text []byte) bool {
	return bytes.Contains(text, []byte("64")) || bytes.Contains(text, []byte("=?"))
}

// base64Line says whether a line holds digits of base64, in either alphabet, and nothing else but padding and blanks at its ends.
func base64Line(text []byte) bool {
	text = bytes.Trim(text, " \t=\x00")
	for _, c := range text {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/', c == '-', c == '_':
		default:
			return false
		}
	}
	return len(text) > 0
}

// mark notes the start behind a line that announces an encoded file in the midst of text.
func (s *search) mark(l line) {
	switch {
	case bytes.HasPrefix(l.text, []byte("begin ")):
		if name, ok := beginName(l.text[len("begin "):]); ok {
			s.add(start{kind: uu, at: l.next, name: name})
		}
	case bytes.HasPrefix(l.text, []byte("begin-base64 ")):
		if name, ok := beginName(l.text[len("begin-base64 "):]); ok {
			s.add(start{kind: base64, at: l.next, name: name})
		}
	case bytes.HasPrefix(l.text, []byte("=ybegin ")):
		_, name, _ := bytes.Cut(l.text, []byte("name="))
		s.add(start{kind: yEnc, at: l.next, name: string(bytes.TrimSpace(name))})
	case bytes.Contains(l.text, []byte("(This file must be converted with BinHex")):
		s.add(start{kind: binHex, at: l.next})
	}
}

// beginName returns the file name of a begin line whose mode and name are given.
func beginName(text []byte) (string, bool) {
	mode, name, ok := bytes.Cut(bytes.TrimLeft(text, " "), []byte(" "))
	if !ok || len(mode) < 3 || len(mode) > 5 {
		return "", false
	}
	for _, c := range mode {
		if c < '0' || c > '7' {
			return "", false
		}
	}
	return string(bytes.TrimSpace(name)), true
}
