package carve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
)

// Bounds on the starts noted in one content.
const (
	maxStarts = 20_000 // of parts
	maxOthers = 5_000  // all others
)

// minBase64 is how long a first line of base64 is where nothing has said that it is base64. There are shorter words.
const minBase64 = 24

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
	kind   kind
	part   bool   // behind a header that describes a part: a client may well begin here, and may decode
	strong bool   // no empty line stands between the two
	raw    bool   // behind a boundary: a client may begin here, and has no reason to decode
	at     int64  // of the first octet
	name   string // which the begin line gives

	says        says // of the encoding, in the headers ahead
	looksBase64 bool // the first line that is not blank holds nothing but base64 digits

	near    extent // up to the first line that begins with two hyphens
	vague   bool   // that line may be no boundary that was declared
	far     extent // up to the first that surely is, where that is another line
	already traits // what stands before it
}

// extent is where the octets of a start end, and their traits.
type extent struct {
	end    int64 // behind the last octet
	traits traits
}

// isStrong says whether a client may well begin here.
func (s *start) isStrong() bool { return s.strong || s.kind != body }

// search passes over the lines of one content.
type search struct {
	starts []start
	near   int  // of starts: those from here on have no near end yet
	far    int  // of starts: those from here on have no far end yet
	parts  int  // starts of parts
	full   bool // there were more starts of parts than maxStarts

	boundaries boundaries
	state      state
	content    bool // a field since the last empty line or boundary describes a part
	apart      bool // that field stands before an empty line
	bounded    bool // no blank line was seen since the last boundary
	fields     bool // since the last boundary there have been fields and blank lines only
	headless   bool // a body may begin behind lines that are no fields
	says       says // the fields since the last boundary
	sofar      traits
	padded     bool // the line before ended in an equals sign
	digits     bool // it held base64 digits only

	partial bool // a field of a part declares it one piece of a message
	sealed  bool // there is an OpenPGP message
}

// state says what the lines since the last blank line or boundary are.
type state uint8

const (
	top    state = iota // none yet
	header              // fields
	text                // something else
)

// find passes over a content; whole: it is a mail, not what was found in one. Its starts are then those of parts first, each kind in the order in which they stand.
//
// Errors: those of the content; ctx's, which is looked at every 4,096 lines or 32 KiB of them.
func find(ctx context.Context, lines *lineReader, whole bool) (*search, error) {
	s := &search{bounded: true, fields: true, headless: whole}
	var l line
	before := 0 // octets of the end of the line before
	lf := false // which was LF
	for count := 1; ; count++ {
		if count >= 4096 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			count = 0
		}
		err := lines.next(&l)
		if errors.Is(err, io.EOF) {
			s.end(lines.at, true)
			break
		}
		if err != nil {
			return nil, err
		}
		s.line(&l, before)
		if l.cr && l.length == 0 && lf { // LF CR is a line end, too
			before = 2
		} else {
			before = int(l.next-l.at) - l.length
		}
		lf = before == 1 && !l.cr
		switch {
		case !s.calm():
		case s.digits:
			n := lines.passDigits(&l)
			s.sofar.lines += n
			count += n
		case s.far == len(s.starts): // no start waits for its end: only what is counted behind one counts for it
			n, end, cr := lines.passUncounted()
			if n > 0 {
				before, lf = end, end == 1 && !cr
			}
			count += n
		default:
			n, trailing, end := lines.passProse()
			s.prose(n, trailing)
			if n > 0 {
				before, lf = end, end == 1
			}
			count += n
		}
	}
	slices.SortStableFunc(s.starts, func(a, b start) int { return rank(a) - rank(b) })
	return s, nil
}

// calm says whether another line like the last one, of nothing but digits of base64 or of mere prose, would change nothing but traits: it
// is in the midst of a text, so that no start waits to be told what its first line looks like, and not behind padding.
func (s *search) calm() bool { return !s.padded && s.state == text }

// prose takes note of n lines of mere prose in the midst of a text, of which so many end in a blank.
func (s *search) prose(n, trailing int) {
	s.sofar.lines += n
	s.sofar.prose += n
	s.sofar.urlDigits += n
	s.sofar.trailing += trailing
}

func rank(s start) int {
	if s.isStrong() {
		return 0
	}
	return 1
}

// line takes note of l; before are the octets of the line end ahead of it.
func (s *search) line(l *line, before int) {
	if l.cr {
		s.sofar.crs++
	}
	if len(l.text) > 1 && l.text[0] == '-' && l.text[1] == '-' {
		s.boundary(l, before)
		return
	}
	if l.isBlank() {
		s.blank(l)
		return
	}
	digits, url := base64Line(l.text)
	isField := !digits && l.colons && fieldLike(l.text)
	folded := isSpace(l.text[0])
	switch {
	case isField:
		s.field(l)
	case folded && s.state == header:
		s.says |= encodings(l)
		s.boundaries.field(l, true)
	case s.state == header, s.state == top && s.bounded: // a body without a blank line ahead of it
		s.add(start{part: s.content, strong: s.content && !s.apart, raw: s.bounded && s.headless, at: l.at})
		s.state = text
	default:
		s.state = text
	}
	if s.state == text && !s.bounded && s.fields {
		s.fields, s.content = false, false
	}
	if s.says&saysBase64 != 0 && digits && !s.digits && !s.fresh() { // base64 behind a line of prose
		s.add(start{at: l.at})
	}
	s.look(l, digits, url)
	s.mark(l)
}

// field takes note of a line that may be a header field.
func (s *search) field(l *line) {
	if bytes.IndexByte(l.text, 0) >= 0 { // which some clients do not see
		visible := *l
		visible.text = bytes.ReplaceAll(l.text, []byte{0}, nil)
		l = &visible
	}
	if describes(l.text) {
		s.content, s.apart = true, false
		s.partial = s.partial || s.fields && indexFold(l.text, "message/partial") >= 0
	}
	s.headless = true
	s.says |= encodings(l)
	s.boundaries.field(l, false)
	if s.state == top {
		s.state = header
	}
}

// blank takes note of a line that may end a header.
func (s *search) blank(l *line) {
	if s.state != top || s.bounded {
		s.add(start{part: s.content, strong: s.content && !s.apart, raw: s.bounded && s.headless, at: l.next})
	}
	switch {
	case l.length > 0: // of blanks: for some clients the header goes on
	case s.fields: // the header of a message, or what some client takes for more of this one
		s.apart = true
	default:
		s.content = false
	}
	s.state, s.bounded = top, false
}

// boundary takes note of a line that begins with two hyphens.
func (s *search) boundary(l *line, before int) {
	declared, surely := s.boundaries.declared(l.text)
	s.end(l.at-int64(before), surely)
	s.sealed = s.sealed || bytes.HasPrefix(l.text, []byte("-----BEGIN PGP MESSAGE"))
	if !surely {
		s.padded = s.sofar.count(l, false, false, s.padded)
	}
	inHeader := s.bounded && s.state != text // some clients pass over such a line in a header
	if !inHeader && (declared || !s.fields) {
		s.says, s.content = 0, false
	}
	s.state, s.apart, s.fields, s.headless = top, false, true, true
	s.bounded = declared || s.boundaries.guessed() || inHeader
}

// fresh says whether a start stands right ahead of the next line.
func (s *search) fresh() bool {
	n := len(s.starts)
	return n > s.near && s.starts[n-1].kind == body && s.starts[n-1].already.lines == s.sofar.lines
}

// add notes a start.
func (s *search) add(a start) {
	if a.isStrong() {
		if s.parts++; s.parts > maxStarts {
			s.full = true
			return
		}
	} else if len(s.starts)-s.parts >= maxOthers {
		return
	}
	a.says = s.says
	a.already = s.sofar
	s.starts = append(s.starts, a)
}

// end sets the near end of the starts that have none; surely: a boundary that was declared or the end of the content is there, and so
// their far end.
func (s *search) end(at int64, surely bool) {
	kept := s.starts[:s.near]
	for _, a := range s.starts[s.near:] {
		a.near = extent{end: max(at, a.at), traits: s.sofar.since(a.already)}
		a.vague = !surely
		if a.kind == body && a.near.traits.lines == 0 && (surely || !a.isStrong()) {
			continue
		}
		kept = append(kept, a)
	}
	s.starts, s.near = kept, len(kept)
	if !surely {
		return
	}
	for i := range s.starts[s.far:] {
		a := &s.starts[s.far+i]
		if a.vague && a.isStrong() {
			a.far = extent{end: max(at, a.at), traits: s.sofar.since(a.already)}
		}
	}
	s.far = len(s.starts)
}

// look counts the traits of a line, and tells the starts right ahead of it what it looks like. Of those that are no part's, ordinary
// text has plenty: they are dropped unless it looks like base64.
func (s *search) look(l *line, digits, url bool) {
	n := len(s.starts)
	for n > s.near && s.starts[n-1].kind == body && s.starts[n-1].already.lines == s.sofar.lines {
		n--
	}
	fresh := s.starts[n:]
	s.starts = s.starts[:n]
	for _, a := range fresh {
		a.looksBase64 = digits && (a.says&saysBase64 != 0 || l.length >= minBase64)
		if a.part || a.raw || a.looksBase64 {
			s.starts = append(s.starts, a)
		}
	}
	s.padded = s.sofar.count(l, digits, url, s.padded)
	s.digits = digits
}
