package scanner

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"unicode"
)

// Printable returns s as one line that is safe to show to a person, in a terminal as in a mail: valid UTF-8 of at most limit
// runes, an ellipsis marking the cut, without control, format and bidirectional characters, each run of blanks one space.
func Printable(s string, limit int) string {
	var b strings.Builder
	runes, blank := 0, false
	for _, r := range s {
		if !unicode.IsPrint(r) || r == ' ' { // IsPrint holds for no space but U+0020, for no control and no format character
			blank = runes > 0
			continue
		}
		if runes >= limit || blank && runes+1 >= limit {
			b.WriteRune('…')
			break
		}
		if blank {
			b.WriteByte(' ')
			blank = false
			runes++
		}
		b.WriteRune(r) // octets that are no UTF-8 arrive as U+FFFD
		runes++
	}
	return b.String()
}

// decodeWords decodes the encoded words in s (RFC 2047). Words that are broken stay as they are.
func decodeWords(s string) string {
	d := mime.WordDecoder{CharsetReader: readCharset}
	decoded, err := d.DecodeHeader(s)
	if err != nil {
		return s
	}
	return decoded
}

// readCharset stands in for the charsets that package mime does not know. They agree on ASCII; the Latin ones nearly agree
// on 0xA0 to 0xFF; what else there is becomes U+FFFD. Enough to recognise a sender or a subject.
func readCharset(charset string, r io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFieldLength))
	if err != nil {
		return nil, err
	}
	latin := strings.EqualFold(charset, "windows-1252") || strings.EqualFold(charset, "iso-8859-15")
	var out bytes.Buffer
	for _, c := range text {
		switch {
		case c < 0x80 || latin && c >= 0xA0:
			out.WriteRune(rune(c))
		default:
			out.WriteRune(unicode.ReplacementChar)
		}
	}
	return &out, nil
}
