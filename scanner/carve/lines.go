package carve

import (
	"bufio"
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
	r    *bufio.Reader
	at   int64
	lf   int64  // where the next LF is, unless that is before at
	noLF int64  // between at and here there is none
	text []byte // of a line that had to be gathered
}

func newLineReader(content *io.SectionReader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(content, int(min(content.Size(), 32<<10))), lf: -1}
}

// next reads the next line into l. Errors: io.EOF at the end of the content, else those of the content.
func (r *lineReader) next(l *line) error {
	*l = line{at: r.at}
	r.text = r.text[:0]
	for {
		_, err := r.r.Peek(1)
		ahead, _ := r.r.Peek(r.r.Buffered())
		if err != nil {
			if errors.Is(err, io.EOF) && l.length > 0 {
				break
			}
			return err
		}
		n := r.span(ahead)
		if l.length == 0 && n+1 < len(ahead) { // the usual case: nothing needs to be copied
			l.text, l.length = ahead[:n:n], n
			n++
			if l.cr = ahead[n-1] == '\r' && ahead[n] != '\n'; !l.cr && ahead[n-1] == '\r' {
				n++
			}
			r.at += int64(n)
			l.next = r.at
			_, err := r.r.Discard(n)
			return err
		}
		kept := min(n, maxLine-len(r.text))
		r.text = append(r.text, ahead[:kept]...)
		if kept < n {
			l.cut = true
			l.pads = l.pads || bytes.IndexByte(ahead[kept:n], '=') >= 0
		}
		l.length += n
		ended := n < len(ahead)
		if _, err := r.r.Discard(n); err != nil {
			return err
		}
		r.at += int64(n)
		if ended {
			if err := r.endLine(l); err != nil {
				return err
			}
			break
		}
	}
	l.text, l.next = r.text, r.at
	return nil
}

// span returns how many octets of ahead come before the first line end in it.
func (r *lineReader) span(ahead []byte) int {
	n := len(ahead)
	if r.lf < r.at && r.noLF < r.at+int64(n) {
		from := int(max(r.noLF-r.at, 0))
		r.noLF = r.at + int64(n)
		if i := bytes.IndexByte(ahead[from:], '\n'); i >= 0 {
			r.lf = r.at + int64(from+i)
			r.noLF = r.lf
		}
	}
	if r.lf >= r.at {
		n = int(r.lf - r.at)
	}
	if i := bytes.IndexByte(ahead[:n], '\r'); i >= 0 {
		return i
	}
	return n
}

// endLine passes over the line end that is ahead.
func (r *lineReader) endLine(l *line) error {
	n := 1
	switch ahead, _ := r.r.Peek(2); { // an error shows when the next line is read
	case string(ahead) == "\r\n":
		n = 2
	case ahead[0] == '\r':
		l.cr = true
	}
	r.at += int64(n)
	_, err := r.r.Discard(n)
	return err
}
