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
	r      io.Reader
	buffer []byte
	ahead  []byte // of buffer: what has been read and not passed
	err    error  // what ended the reading
	at     int64  // of the first octet ahead
	lf     int64  // where the next LF is, unless that is before at
	noLF   int64  // between at and here there is none
	text   []byte // of a line that is longer than buffer
}

func newLineReader(content *io.SectionReader) *lineReader {
	return &lineReader{r: content, buffer: make([]byte, min(content.Size()+1, 32<<10)), lf: -1}
}

// next reads the next line into l. Errors: io.EOF at the end of the content, else those of the content.
func (r *lineReader) next(l *line) error {
	*l = line{at: r.at}
	for {
		n, ended := r.span()
		full := len(r.ahead) == len(r.buffer)
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
	} else {
		l.text, l.length = r.ahead[:n:n], n
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
	n := copy(r.buffer, r.ahead)
	more, err := r.r.Read(r.buffer[n:])
	r.ahead, r.err = r.buffer[:n+more], err
}

// span returns how many octets come before the first line end ahead. ended is false where there is none, or where it is a CR behind
// which something may come that belongs to it.
func (r *lineReader) span() (n int, ended bool) {
	n = len(r.ahead)
	if r.lf < r.at && r.noLF < r.at+int64(n) {
		from := int(max(r.noLF-r.at, 0))
		r.noLF = r.at + int64(n)
		if i := bytes.IndexByte(r.ahead[from:], '\n'); i >= 0 {
			r.lf = r.at + int64(from+i)
			r.noLF = r.lf
		}
	}
	if r.lf >= r.at {
		n = int(r.lf - r.at)
	}
	if i := bytes.IndexByte(r.ahead[:n], '\r'); i >= 0 {
		return i, i+1 < len(r.ahead) || r.err != nil
	}
	return n, n < len(r.ahead)
}
