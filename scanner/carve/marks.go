package carve

import (
	"bytes"
	"strings"
)

// fieldLike says whether a line that is not blank may begin a header field: a name of printable octets (RFC 5322 section 2.2), blanks around
// it forgiven, and a colon that does not begin a URL.
func fieldLike(text []byte) bool {
	if text[0] > '~' { // as in most lines of random octets
		return false
	}
	end := bytes.IndexByte(text[:min(len(text), 2*maxFieldName)], ':')
	if end < 0 || bytes.HasPrefix(text[end:], []byte("://")) {
		return false
	}
	name := bytes.Trim(text[:end], " \t\x00")
	if len(name) == 0 || len(name) > maxFieldName {
		return false
	}
	for _, c := range name {
		if c != 0 && (c <= ' ' || c > '~') {
			return false
		}
	}
	return true
}

const maxFieldName = 80

// says is what a header may say of the encoding.
type says uint8

const (
	saysBase64 says = 1 << iota
	saysQuotedPrintable
)

// describes says whether a field is one of those that describe a part.
func describes(text []byte) bool {
	text = bytes.TrimLeft(text, " \t")
	return indexFold(text[:min(len(text), len("content-"))], "content-") == 0
}

// encodings returns what a line of a header may say. What is not looked at may say anything, and so may an encoded word, and a field
// that speaks of an encoding and names none of the usual ones.
func encodings(l *line) (s says) {
	if l.cut || bytes.Contains(l.text, []byte("=?")) {
		return saysBase64 | saysQuotedPrintable
	}
	if name, value, ok := bytes.Cut(l.text, []byte(":")); ok && indexFold(name, "encoding") >= 0 {
		switch strings.ToLower(string(bytes.TrimSpace(value))) {
		case "7bit", "8bit", "binary":
			return 0
		case "base64":
			return saysBase64
		case "quoted-printable":
			return saysQuotedPrintable
		default:
			return saysBase64 | saysQuotedPrintable
		}
	}
	if indexFold(l.text, "base64") >= 0 {
		s |= saysBase64
	}
	if indexFold(l.text, "quoted") >= 0 {
		s |= saysQuotedPrintable
	}
	return s
}

// base64Line says whether a line holds digits of base64, in either alphabet, and nothing else but padding and blanks at its ends. url:
// some are of the other alphabet.
func base64Line(text []byte) (ok, url bool) {
	for len(text) > 0 && isFiller(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && isFiller(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	kinds := byte(0)
	for ; len(text) >= 8; text = text[8:] {
		kinds |= alphabet[text[0]] | alphabet[text[1]] | alphabet[text[2]] | alphabet[text[3]] |
			alphabet[text[4]] | alphabet[text[5]] | alphabet[text[6]] | alphabet[text[7]]
		if kinds >= noDigit {
			return false, false
		}
	}
	for _, c := range text {
		kinds |= alphabet[c]
	}
	return kinds != 0 && kinds < noDigit, kinds&urlDigit != 0
}

// allDigits says whether text holds digits of the usual alphabet and nothing else.
func allDigits(text []byte) bool {
	kinds := byte(0)
	for ; len(text) >= 8; text = text[8:] {
		kinds |= alphabet[text[0]] | alphabet[text[1]] | alphabet[text[2]] | alphabet[text[3]] |
			alphabet[text[4]] | alphabet[text[5]] | alphabet[text[6]] | alphabet[text[7]]
	}
	for _, c := range text {
		kinds |= alphabet[c]
	}
	return kinds == digit
}

func isFiller(c byte) bool { return c == ' ' || c == '\t' || c == '=' || c == 0 }

// Kinds of octets in alphabet.
const (
	digit    = 1 // of base64
	urlDigit = 2 // - and _, digits of its other alphabet
	noDigit  = 4
)

// alphabet holds the kind of each octet.
const alphabet = "" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x01\x04\x02\x04\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x04\x04\x04\x04\x04\x04" +
	"\x04\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x04\x04\x04\x04\x02" +
	"\x04\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x04\x04\x04\x04\x04" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04" +
	"\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04\x04"

// mark notes the start behind a line that announces an encoded file in the midst of text.
func (s *search) mark(l *line) {
	if !isMark(l.text[0]) && !isSpace(l.text[0]) {
		return
	}
	text := bytes.TrimLeft(l.text, " \t")
	switch {
	case beginsFold(text, "begin "):
		if name, ok := beginName(text[len("begin "):]); ok {
			s.add(start{kind: uu, at: l.next, name: name})
		}
	case beginsFold(text, "begin-base64 "):
		if name, ok := beginName(text[len("begin-base64 "):]); ok {
			s.add(start{kind: base64, at: l.next, name: name})
		}
	case bytes.HasPrefix(text, []byte("=ybegin ")):
		_, name, _ := bytes.Cut(text, []byte("name="))
		s.add(start{kind: yEnc, at: l.next, name: string(bytes.TrimSpace(name))})
	case bytes.HasPrefix(text, []byte("(This file must be converted with BinHex")):
		s.add(start{kind: binHex, at: l.next})
	}
}

// isMark says whether a line that announces an encoded file may begin with c.
func isMark(c byte) bool { return c == 'b' || c == 'B' || c == '=' || c == '(' }

// beginsFold says whether a line begins with a word, in whatever case.
func beginsFold(text []byte, word string) bool {
	return len(text) >= len(word) && (text[0]|0x20) == 'b' && strings.EqualFold(string(text[:len(word)]), word)
}

// beginName returns the file name of a begin line whose mode and name are given. Some decoders want no name.
func beginName(text []byte) (string, bool) {
	mode, name, _ := bytes.Cut(bytes.Trim(text, " \t"), []byte(" "))
	if len(mode) < 3 || len(mode) > 5 {
		return "", false
	}
	for _, c := range mode {
		if c < '0' || c > '7' {
			return "", false
		}
	}
	return string(bytes.TrimSpace(name)), true
}
