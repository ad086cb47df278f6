package carve

import (
	"bytes"
	"net/url"
	"strings"
)

// Bounds on what is remembered of boundaries. Beyond them every line that begins with two hyphens may be one.
const (
	maxBoundaries   = 64
	maxBoundaryText = 4 << 10
)

// boundaries tells which lines that begin with two hyphens some header has declared. The zero value has seen none.
type boundaries struct {
	text   []byte   // what follows "boundary" in each field
	values []string // what is declared, as most clients read it
	odd    bool     // one is written so that it may be anything
	bare   bool     // one is empty
	wanted int      // fields that declare a multipart
	open   bool     // the last field goes on in the lines folded behind it
}

// field takes a line of a header, or one folded behind it.
func (b *boundaries) field(l *line, folded bool) {
	if !folded {
		b.open = false
		if indexFold(l.text, "multipart") >= 0 {
			b.wanted++
		}
	}
	at := indexFold(l.text, "boundary")
	if at < 0 {
		if folded && b.open {
			b.odd = b.odd || !bytes.ContainsAny(l.text, "=;") // a value that is folded itself
		}
		return
	}
	b.open = true
	for rest := l.text; at >= 0; at = indexFold(rest, "boundary") {
		rest = rest[at+len("boundary"):]
		b.value(rest)
	}
	b.odd = b.odd || l.cut
}

// value takes what follows the word boundary.
func (b *boundaries) value(text []byte) {
	if len(b.text)+len(text) > maxBoundaryText || len(b.values) >= maxBoundaries {
		b.odd = true
		return
	}
	b.text = append(append(b.text, text...), '\n')
	b.odd = b.odd || bytes.ContainsAny(text, "*\\(%\x00") || bytes.Contains(text, []byte("=?"))
	key, value, ok := strings.Cut(string(text), "=")
	if !ok {
		b.odd = true
		return
	}
	value = strings.TrimLeft(value, " \t")
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		value, _, _ = strings.Cut(quoted, `"`)
	} else if end := strings.IndexAny(value, " \t;,"); end >= 0 {
		value = value[:end]
	}
	key = strings.TrimRight(key, " \t")
	if strings.HasSuffix(key, "*") { // RFC 2231: charset'language'text, percent-encoded
		if parts := strings.SplitN(value, "'", 3); len(parts) == 3 {
			value = parts[2]
		}
		if plain, err := url.PathUnescape(value); err == nil {
			value = plain
		}
	}
	switch number, continued := strings.CutPrefix(key, "*"); {
	case value == "":
		b.bare = true
	case continued && number != "" && number[0] >= '1' && number[0] <= '9' && len(b.values) > 0: // more of the last one
		b.values[len(b.values)-1] += value
	default:
		b.values = append(b.values, value)
	}
}

// declared says whether a line that begins with two hyphens may be a boundary that some header has declared, in whatever reading of
// the header, and whether it surely is one.
func (b *boundaries) declared(text []byte) (maybe, surely bool) {
	text = bytes.TrimRight(text[2:], " \t")
	inner, closing := bytes.CutSuffix(text, []byte("--"))
	for _, value := range b.values {
		value = strings.TrimRight(value, " \t")
		if string(text) == value || closing && string(inner) == value {
			return true, true
		}
		maybe = maybe || strings.HasPrefix(string(text), value)
	}
	return maybe || b.odd || b.holds(text) || closing && b.holds(inner), false
}

func (b *boundaries) holds(text []byte) bool {
	if len(text) == 0 {
		return b.bare
	}
	return bytes.Contains(b.text, text)
}

// guessed says whether a client may look for boundaries on its own: a multipart came without one.
func (b *boundaries) guessed() bool { return b.wanted > len(b.values) }

// indexFold returns where word, in lower-case letters, stands in text in any case; -1: nowhere.
func indexFold(text []byte, word string) int {
	for i := 0; i+len(word) <= len(text); i++ {
		if text[i]|0x20 == word[0] && strings.EqualFold(string(text[i:i+len(word)]), word) {
			return i
		}
	}
	return -1
}
