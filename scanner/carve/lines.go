package carve

import (
	"bytes"
	"errors"
	"io"
)

// maxLine bounds what is looked at of a line that does not lie in one buffer. Lines may be longer; of their rest is known only whether
// there are certain octets in it.
const maxLine = 1000

// line is one line of a content.
type line struct {
	text   []byte // the line without its end, or its first maxLine octets; valid until the next line is read
	cut    bool   // text is not all of it
	colons bool   // text holds a colon
	equals bool   // text holds an equals sign
	pads   bool   // the rest holds an equals sign
	cr     bool   // it ends in a CR alone
	at     int64  // of its first octet
	length int    // octets without its end
	next   int64  // of the octet behind its end
}

// isBlank says whether a client may take a line for the one that ends a header: RFC 5322 wants it empty, some take blanks.
func (l *line) isBlank() bool {
	return l.length == 0 || l.text[0] <= ' ' && !l.cut && len(bytes.Trim(l.text, " \t\v\f\x00")) == 0
}

// lineReader splits a content at LF, CR and CRLF.
type lineReader struct {
	r      io.Reader // of a content that is in no memory
	buffer []byte    // into which it is read; else the whole content
	window int       // octets that are ahead at most
	ahead  []byte    // of buffer: what has been read and not passed
	err    error     // what ended the reading
	at     int64     // of the first octet ahead
	text   []byte    // of a line that is longer than window

	lf, cr, colon, equals sought
}

// maxWindow bounds what is ahead, in octets.
const maxWindow = 32 << 10

// newLineReader returns a reader of the lines in memory or, where content is not nil, in that.
func newLineReader(memory []byte, content *io.SectionReader) *lineReader {
	r := &lineReader{
		buffer: memory, window: min(len(memory)+1, maxWindow),
		lf: newSought('\n'), cr: newSought('\r'), colon: newSought(':'), equals: newSought('='),
	}
	if content != nil {
		r.r, r.window = content, int(min(content.Size()+1, maxWindow))
		r.buffer = make([]byte, r.window)
	}
	return r
}

// next reads the next line into l. Errors: io.EOF at the end of the content, else those of the content.
func (r *lineReader) next(l *line) error {
	*l = line{at: r.at}
	for {
		n, ended := r.span()
		full := len(r.ahead) == r.window
		switch {
		case ended:
			r.take(l, n)
			return nil
		case r.err != nil:
			if n == 0 && l.length == 0 || !errors.Is(r.err, io.EOF) {
				return r.err
			}
			r.take(l, n)
			return nil
		case full && n > 0:
			r.gather(l, n)
			r.pass(n)
		}
		r.fill()
	}
}

// take ends l with the n octets ahead and the line end behind them.
func (r *lineReader) take(l *line, n int) {
	if l.length > 0 {
		r.gather(l, n)
		l.text = r.text
		l.colons, l.equals = bytes.IndexByte(l.text, ':') >= 0, bytes.IndexByte(l.text, '=') >= 0
	} else {
		l.text, l.length = r.ahead[:n:n], n
		l.colons = r.colon.ahead(r.ahead, r.at) < n
		l.equals = r.equals.ahead(r.ahead, r.at) < n
	}
	switch rest := r.ahead[n:]; {
	case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
		n += 2
	case len(rest) > 0:
		l.cr = rest[0] == '\r'
		n++
	}
	r.pass(n)
	l.next = r.at
}

// gather adds the n octets ahead to a line that does not fit into the buffer.
func (r *lineReader) gather(l *line, n int) {
	if l.length == 0 {
		r.text = r.text[:0]
	}
	kept := min(n, maxLine-len(r.text))
	r.text = append(r.text, r.ahead[:kept]...)
	l.length += n
	l.cut = true
	l.pads = l.pads || bytes.IndexByte(r.ahead[kept:n], '=') >= 0
}

func (r *lineReader) pass(n int) {
	r.ahead = r.ahead[n:]
	r.at += int64(n)
}

// fill reads more.
func (r *lineReader) fill() {
	if r.r == nil {
		rest := r.buffer[r.at:]
		if len(rest) <= r.window {
			r.err = io.EOF
		}
		r.ahead = rest[:min(len(rest), r.window)]
		return
	}
	n := copy(r.buffer, r.ahead)
	more, err := r.r.Read(r.buffer[n:])
	r.ahead, r.err = r.buffer[:n+more], err
}

// span returns how many octets come before the first line end ahead. ended is false where there is none, or where it is a CR behind
// which something may come that belongs to it.
func (r *lineReader) span() (n int, ended bool) {
	n = r.lf.ahead(r.ahead, r.at)
	if cr := r.cr.ahead(r.ahead, r.at); cr < n {
		return cr, cr+1 < len(r.ahead) || r.err != nil
	}
	return n, n < len(r.ahead)
}

// passDigits passes over the lines ahead that are like l in length and end and hold digits of base64 and nothing else, as far as they
// are whole, and returns how many that were.
func (r *lineReader) passDigits(l *line) (lines int) {
	n, size := l.length, int(l.next-l.at)
	if l.cut || l.cr || n == 0 {
		return 0
	}
	for ; len(r.ahead) >= size && r.ahead[size-1] == '\n' && (size == n+1 || r.ahead[n] == '\r'); lines++ {
		if !allDigits(r.ahead[:n]) {
			break
		}
		r.pass(size)
	}
	return lines
}

// passProse passes over the lines ahead that hold nothing but prose, as far as they are whole: octets that begin no other kind of line,
// no colon, no equals sign, and not base64 alone. trailing of the lines end in a blank; end is how long the end of the last one is.
func (r *lineReader) passProse() (lines, trailing, end int) {
	rest := r.ahead[:min(r.colon.ahead(r.ahead, r.at), r.equals.ahead(r.ahead, r.at))]
	for {
		n := bytes.IndexByte(rest, '\n')
		next := n + 1
		if n > 0 && rest[n-1] == '\r' {
			n--
		}
		if n <= 0 || opensLine(rest[0]) || bytes.IndexByte(rest[:n], '\r') >= 0 {
			return lines, trailing, end
		}
		if digits, _ := base64Line(rest[:n]); digits {
			return lines, trailing, end
		}
		if isSpace(rest[n-1]) {
			trailing++
		}
		lines++
		end = next - n
		rest = rest[next:]
		r.pass(next)
	}
}

// passUncounted is passProse where nothing is counted of the lines. They may hold colons if they are no fields, and equals signs if they do
// not count for the line behind, and end in CR: of random octets, nearly all lines are such. cr: the last one ends in a CR alone.
func (r *lineReader) passUncounted() (lines, end int, cr bool) {
	for ; ; lines++ {
		lf := r.lf.ahead(r.ahead, r.at)
		if lf == len(r.ahead) {
			return lines, end, cr
		}
		n, next := lf, lf+1
		if first := bytes.IndexByte(r.ahead[:lf], '\r'); first >= 0 {
			n = first
			if first < lf-1 {
				next = first + 1
			}
		}
		text := r.ahead[:n]
		if n == 0 || opensLine(text[0]) || fieldLike(text) || endsPadded(text) {
			return lines, end, cr
		}
		if digits, _ := base64Line(text); digits {
			return lines, end, cr
		}
		end, cr = next-n, next < lf
		r.pass(next)
	}
}

// opensLine says whether a line that begins with c may be another than one of prose or a field: blank, folded, a boundary, or what mark looks
// for.
func opensLine(c byte) bool { return c == '-' || isFiller(c) || c == '\v' || c == '\f' || isMark(c) }

// sought is an octet that is looked for in what is ahead of a reader.
type sought struct {
	octet byte
	at    int64 // where it is next, unless that is before the reader's place
	until int64 // between that place and here it is not
}

func newSought(octet byte) sought { return sought{octet: octet, at: -1} }

// ahead returns how many of the octets ahead, which stand at at, come before the octet: all, where it is none of them.
func (s *sought) ahead(ahead []byte, at int64) int {
	if s.at < at {
		from := int(max(s.until-at, 0))
		i := bytes.IndexByte(ahead[from:], s.octet)
		if i < 0 {
			s.until = at + int64(len(ahead))
			return len(ahead)
		}
		s.at = at + int64(from+i)
	}
	return int(min(s.at-at, int64(len(ahead))))
}
