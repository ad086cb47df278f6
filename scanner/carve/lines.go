package carve

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxLine bounds what is looked at of one line. Lines may be longer; their rest is passed over.
const maxLine = 1000

// line is one line of a content.
type line struct {
	text   []byte // its first maxLine octets at most, without its end; valid until the next line is read
	at     int64  // of its first octet
	length int    // octets without its end
	next   int64  // of the octet behind its end
}

// lineReader splits a content at LF, CR and CRLF.
type lineReader struct {
	r    *bufio.Reader
	at   int64
	text []byte
}

func newLineReader(content *io.SectionReader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(content, int(min(content.Size(), 32<<10)))}
}

// next returns the next line. Errors: io.EOF at the end of the content, else those of the content.
func (r *lineReader) next() (line, error) {
	l := line{at: r.at}
	r.text = r.text[:0]
	for {
		ahead, err := r.r.Peek(max(r.r.Buffered(), 1))
		if err != nil {
			if errors.Is(err, io.EOF) && l.length > 0 {
				break
			}
			return line{}, err
		}
		end := bytes.IndexAny(ahead, "\r\n")
		n := end
		if end < 0 {
			n = len(ahead)
		}
		r.text = append(r.text, ahead[:min(n, maxLine-len(r.text))]...)
		l.length += n
		if _, err := r.r.Discard(n); err != nil {
			return line{}, err
		}
		r.at += int64(n)
		if end >= 0 {
			if err := r.endLine(); err != nil {
				return line{}, err
			}
			break
		}
	}
	l.text, l.next = r.text, r.at
	return l, nil
}

// endLine passes over the line end that is ahead.
func (r *lineReader) endLine() error {
	n := 1
	if ahead, _ := r.r.Peek(2); string(ahead) == "\r\n" { // an error shows when the next line is read
		n = 2
	}
	r.at += int64(n)
	_, err := r.r.Discard(n)
	return err
}
