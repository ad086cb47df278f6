package carve

import (
	"bytes"
	"strings"
)

// Bounds on what is remembered of boundaries. Beyond them every line that begins with two hyphens may be one.
const (
	maxBoundaries   = 64
	maxBoundaryText = 4 << 10
)

// boundaries tells which lines that begin with two hyphens some header has declared, in any reading of the header. It errs on the side
// of a boundary. The zero value has seen none.
type boundaries struct {
	text   []byte   // what follows "boundary" in each field
	values []string // what it may be at the least
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
	_, value, ok := bytes.Cut(text, []byte("="))
	if !ok {
		b.odd = true
		return
	}
	value = bytes.TrimLeft(value, " \t\"'")
	if end := bytes.IndexAny(value, "\"' \t;,"); end >= 0 {
		value = value[:end]
	}
	if len(value) == 0 {
		b.bare = true
		return
	}
	b.values = append(b.values, string(value))
}

// declared says whether a line that begins with two hyphens may be a boundary that some header has declared.
func (b *boundaries) declared(text []byte) bool {
	if b.odd {
		return true
	}
	text = bytes.TrimRight(text[2:], " \t")
	if inner, ok := bytes.CutSuffix(text, []byte("--")); ok && b.holds(inner) {
		return true
	}
	return b.holds(text)
}

func (b *boundaries) holds(text []byte) bool {
	if len(text) == 0 {
		return b.bare
	}
	for _, value := range b.values {
		if strings.HasPrefix(string(text), value) {
			return true
		}
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
