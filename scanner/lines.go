package scanner

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
)

// lineBuffer is how much of a line is looked at at once. Field names, boundary lines and transfer encodings fit; a longer
// line comes in several pieces.
const lineBuffer = 16 << 10

// maxBoundary is the longest boundary looked for. RFC 2046 section 5.1.1 allows 70 octets; the rest is tolerance.
const maxBoundary = 1000

// mark says why a run of text ended.
type mark struct {
	level   int  // index of the boundary that was met, or atEOF
	closing bool // it was the closing form, "--boundary--"
}

const atEOF = -1

// lines reads one content line by line, in pieces of bounded size, and recognises the boundaries of the multiparts that are
// open, in one pass whatever their nesting. A line ends with LF; a CR before it belongs to the line end.
type lines struct {
	r       *bufio.Reader
	open    []string // delimiter lines of the open multiparts, "--" included, outermost first
	piece   []byte   // the current piece; after a mark, the line that is the boundary
	whole   bool     // the current piece begins a line
	midline bool     // the next piece goes on with the line of the current one
	again   bool     // the current piece is to be delivered once more
	from    int64    // of the octet at which the current piece, or the boundary met, begins
	read    int64    // of the octet behind it
}

// newLines returns the lines of r, which holds about size octets: most contents are small, and need no large buffer.
func newLines(r io.Reader, size int64) *lines {
	return &lines{r: bufio.NewReaderSize(r, int(min(size+1, lineBuffer)))}
}

// next returns the next piece of text, line end included, and whether it begins a line. When the text ends instead, ok is
// false and m says why. The piece is valid until the next call.
//
// Errors: those of the reader; the end of the content is a mark, not an error.
func (l *lines) next() (piece []byte, begins, ok bool, m mark, err error) {
	if l.again {
		l.again = false
		return l.piece, l.whole, true, mark{}, nil
	}
	begins = !l.midline
	piece, err = l.r.ReadSlice('\n')
	l.midline = errors.Is(err, bufio.ErrBufferFull)
	if err != nil && !l.midline && !errors.Is(err, io.EOF) {
		return nil, false, false, mark{}, err
	}
	l.from = l.read
	l.read += int64(len(piece))
	if len(piece) == 0 {
		return nil, false, false, mark{level: atEOF}, nil
	}
	l.piece, l.whole = piece, begins
	if begins {
		if m, ok := l.match(piece); ok {
			return nil, false, false, m, nil
		}
	}
	return piece, begins, true, mark{}, nil
}

// run returns the whole lines that have been read ahead, as far as none of them may be a boundary: as many pieces at once, the first of
// which begins a line. It is empty where next knows better. The run is valid until the next call of either.
func (l *lines) run() []byte {
	if l.again || l.midline {
		return nil
	}
	ahead, _ := l.r.Peek(l.r.Buffered()) // what is buffered is there
	if len(l.open) > 0 {
		ahead = ahead[:dashed(ahead)]
	}
	ahead = ahead[:bytes.LastIndexByte(ahead, '\n')+1]
	_, _ = l.r.Discard(len(ahead))
	l.from = l.read
	l.read += int64(len(ahead))
	return ahead
}

// dashed returns where the first line of text begins that begins with two hyphens, the length of text where there is none.
func dashed(text []byte) int {
	for at := 0; ; {
		next := bytes.Index(text[at:], []byte("--"))
		if next < 0 {
			return len(text)
		}
		at += next
		if at == 0 || text[at-1] == '\n' {
			return at
		}
		for at < len(text) && text[at] == '-' {
			at++
		}
	}
}

// unread has the current piece delivered once more.
func (l *lines) unread() { l.again = true }

// at returns where the next piece begins.
func (l *lines) at() int64 {
	if l.again {
		return l.from
	}
	return l.read
}

// match looks for a boundary of an open multipart in line, innermost first. Blanks after it are allowed (RFC 2046 section
// 5.1.1), nothing else is: a boundary that is the beginning of another must not end it.
func (l *lines) match(line []byte) (mark, bool) {
	if len(l.open) == 0 || !bytes.HasPrefix(line, []byte("--")) || len(line) > maxBoundary+lineBuffer/2 {
		return mark{}, false
	}
	line = bytes.TrimRight(line, " \t\r\n")
	for i, boundary := range slices.Backward(l.open) {
		rest, ok := bytes.CutPrefix(line, []byte(boundary))
		if ok && (len(rest) == 0 || string(rest) == "--") {
			return mark{level: i, closing: len(rest) > 0}, true
		}
	}
	return mark{}, false
}

// push opens a multipart and returns its level; pop closes the innermost.
func (l *lines) push(boundary string) int {
	l.open = append(l.open, "--"+boundary)
	return len(l.open) - 1
}

func (l *lines) pop() { l.open = l.open[:len(l.open)-1] }
