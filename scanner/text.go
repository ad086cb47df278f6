package scanner

import (
	"io"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
)

// Printable returns s as one line that is safe to show to a person, in a terminal as in a mail: valid UTF-8 of at most limit
// runes, an ellipsis marking the cut, without control, format and bidirectional characters, each run of blanks one space.
func Printable(s string, limit int) string {
	var b strings.Builder
	b.Grow(min(len(s), limit*utf8.UTFMax))
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

// readCharset decodes a text in a charset that package mime does not know. One that is unknown here too is taken to agree with
// ASCII; what else it says becomes U+FFFD.
func readCharset(charset string, r io.Reader) (io.Reader, error) {
	r = io.LimitReader(r, maxFieldLength)
	if known := encodingOf(charset); known != nil {
		return known.NewDecoder().Reader(r), nil
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	return strings.NewReader(strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return unicode.ReplacementChar
		}
		return r
	}, string(text))), nil
}

// encodingOf returns the encoding that a charset's name stands for, to browsers or else to IANA; nil for none.
func encodingOf(charset string) encoding.Encoding {
	if known, err := htmlindex.Get(charset); err == nil && known != encoding.Replacement {
		return known
	}
	if known, err := ianaindex.MIME.Encoding(charset); err == nil {
		return known // nil where it is a name and no more
	}
	return nil
}
