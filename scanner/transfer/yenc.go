package transfer

import (
	"bytes"
	"io"
)

// NewYEnc returns a decoder of yEnc that writes to w. It is given what follows the =ybegin line, and stops at the =yend line.
func NewYEnc(w io.Writer) io.WriteCloser {
	d := &yencDecoder{out: flusher{w: w}}
	d.lines.take = d.line
	return d
}

type yencDecoder struct {
	out    flusher
	lines  lineSplitter
	escape bool
	ended  bool
}

func (d *yencDecoder) Write(p []byte) (int, error) {
	d.lines.write(p)
	return len(p), d.out.err
}

func (d *yencDecoder) line(line []byte) {
	switch {
	case d.ended:
		return
	case bytes.HasPrefix(line, []byte("=yend")):
		d.ended = true
		return
	case bytes.HasPrefix(line, []byte("=ypart")):
		return
	}
	for _, c := range line {
		switch {
		case d.escape:
			d.out.put(c - 64 - 42)
			d.escape = false
		case c == '=':
			d.escape = true
		default:
			d.out.put(c - 42)
		}
	}
}

func (d *yencDecoder) Close() error {
	d.lines.flush()
	return d.out.flush()
}
