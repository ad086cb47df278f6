package carve

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// Bounds on the starts noted in one content.
const (
	maxStarts = 20_000 // of parts
	maxOthers = 5_000  // all others
)

// kind says what a start is the start of.
type kind uint8

const (
	body   kind = iota // a part, in whatever encoding
	uu                 // uuencode, behind its begin line
	base64             // base64 alone, behind a begin-base64 line
	yEnc               // behind an =ybegin line
	binHex             // behind the line that announces it
)

// start is a place from which a content may be decoded.
type start struct {
	kind kind
	part bool   // behind a header that describes a part: a client may well begin here, and may decode
	raw  bool   // behind a boundary: a client may begin here, and has no reason to decode
	at   int64  // of the first octet
	end  int64  // behind the last
	name string // which the begin line gives

	saysBase64  bool // the header ahead may name base64
	looksBase64 bool // the first line that is not blank holds nothing but base64 digits
	traits      traits
}

// traits count what decides between readings. Those of a start are of its octets alone.
type traits struct {
	lines     int // that are not blank
	equals    int // equals signs
	inner     int // equals signs with a digit behind them in their line, and lines that follow one with such a sign at its end
	urlDigits int // - and _
}

func (t traits) since(earlier traits) traits {
	return traits{t.lines - earlier.lines, t.equals - earlier.equals, t.inner - earlier.inner, t.urlDigits - earlier.urlDigits}
}

// search passes over the lines of one content.
type search struct {
	starts []start
	first  int  // of starts: those from here on are open, their end is not known
	parts  int  // starts of parts
	full   bool // there were more starts of parts than maxStarts

	state      state
	fields     int  // field lines since the last blank line or boundary
	content    bool // one of them is a MIME field
	bounded    bool // no blank line was seen since the last boundary
	saysBase64 bool // a field since the last boundary may name base64
	sofar      traits
	padded     bool // the line before ended in an equals sign
	digits     bool // it held base64 digits only
}

// state says what the lines since the last blank line or boundary are.
type state uint8

const (
	top    state = iota // none yet
	header              // fields
	text                // something else
)

// find returns the starts in content, those of parts first, in the order in which they stand. all is false when there are too many.
//
// Errors: those of content.
func find(content *io.SectionReader) (starts []start, all bool, err error) {
	s := &search{bounded: true}
	lines := newLineReader(content)
	before := 0 // octets of the end of the line before
	for {
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			s.close(lines.at)
			break
		}
		if err != nil {
			return nil, false, err
		}
		s.line(l, before)
		before = int(l.next-l.at) - l.length
	}
	slices.SortStableFunc(s.starts, func(a, b start) int { return rank(a) - rank(b) })
	return s.starts, !s.full, nil
}

func rank(s start) int {
	if s.part || s.kind != body {
		return 0
	}
	return 1
}

// line takes note of l; before are the octets of the line end ahead of it.
func (s *search) line(l line, before int) {
	if bytes.HasPrefix(l.text, []byte("--")) {
		s.close(l.at - int64(before))
		s.state, s.fields, s.content, s.bounded, s.saysBase64 = top, 0, false, true, false
		return
	}
	if isBlank(l.text) {
		if s.state != top || s.bounded {
			s.add(start{part: s.content, raw: s.bounded, at: l.next})
		}
		s.state, s.fields, s.content, s.bounded = top, 0, false, false
		return
	}
	isField := fieldLike(l.text)
	folded := l.text[0] == ' ' || l.text[0] == '\t'
	switch {
	case isField:
		s.fields++
		s.content = s.content || mimeField(l.text)
		s.saysBase64 = s.saysBase64 || namesBase64(l.text)
		if s.state == top {
			s.state = header
		}
	case folded && s.state == header:
		s.saysBase64 = s.saysBase64 || namesBase64(l.text)
	case s.state == header, s.state == top && s.bounded: // a body without a blank line ahead of it
		s.add(start{part: s.content, raw: s.bounded, at: l.at})
		s.state = text
	default:
		s.state = text
	}
	if s.saysBase64 && !s.digits && !s.fresh() && base64Line(l.text) { // base64 behind a line of prose
		s.add(start{at: l.at})
	}
	s.look(l.text)
	s.mark(l)
}

// fresh says whether a start stands right ahead of the next line.
func (s *search) fresh() bool {
	n := len(s.starts)
	return n > s.first && s.starts[n-1].kind == body && s.starts[n-1].traits.lines == s.sofar.lines
}

// add notes a start.
func (s *search) add(a start) {
	if a.part {
		if s.parts++; s.parts > maxStarts {
			s.full = true
			return
		}
	} else if len(s.starts)-s.parts >= maxOthers {
		return
	}
	a.saysBase64 = s.saysBase64
	a.traits = s.sofar
	s.starts = append(s.starts, a)
}

// close sets the end of all open starts.
func (s *search) close(end int64) {
	kept := s.starts[:s.first]
	for _, a := range s.starts[s.first:] {
		a.end = max(end, a.at)
		a.traits = s.sofar.since(a.traits)
		if a.kind == body && a.traits.lines == 0 {
			continue
		}
		kept = append(kept, a)
	}
	s.starts, s.first = kept, len(kept)
}

// look counts the traits of a line, and tells the starts right ahead of it what it looks like. Of those that are no part's, ordinary
// text has plenty: they are dropped unless it looks like base64.
func (s *search) look(text []byte) {
	digits := base64Line(text)
	n := len(s.starts)
	for n > s.first && s.starts[n-1].kind == body && s.starts[n-1].traits.lines == s.sofar.lines {
		n--
	}
	fresh := s.starts[n:]
	s.starts = s.starts[:n]
	for _, a := range fresh {
		a.looksBase64 = digits
		if a.part || a.raw || digits {
			s.starts = append(s.starts, a)
		}
	}
	s.sofar.lines++
	if s.padded {
		s.sofar.inner++
	}
	s.padded, s.digits = false, digits
	if n := bytes.Count(text, []byte("=")); n > 0 {
		s.sofar.equals += n
		tail := bytes.TrimRight(text, "= \t")
		if bytes.IndexByte(tail, '=') >= 0 {
			s.sofar.inner++
		}
		s.padded = len(tail) < len(text)
	}
	s.sofar.urlDigits += bytes.Count(text, []byte("-")) + bytes.Count(text, []byte("_"))
}
