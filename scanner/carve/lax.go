package carve

import (
	"bytes"
	"io"

	"mirrorgw/scanner/transfer"
)

// inBase64Lines reads base64 as clients do that drop every line that is none.
func inBase64Lines() reading {
	return reading{is: ambiguous, decode: func(text io.Reader) io.Reader {
		return transfer.NewReader(text, func(w io.Writer) io.WriteCloser {
			return &lineFilter{w: transfer.NewBase64(w, transfer.Base64{})}
		})
	}}
}

// lineFilter passes on the lines of a text that are base64. A line is cut at maxLine.
type lineFilter struct {
	w    io.WriteCloser
	text []byte
}

func (f *lineFilter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		end := bytes.IndexAny(p, "\r\n")
		if end < 0 {
			end = len(p)
		}
		kept := min(end, maxLine-len(f.text))
		f.text = append(f.text, p[:kept]...)
		if kept < len(p) {
			if err := f.flush(); err != nil {
				return 0, err
			}
			if kept == end { // the line end itself
				kept++
			}
		}
		p = p[kept:]
	}
	return n, nil
}

func (f *lineFilter) flush() error {
	text := f.text
	f.text = f.text[:0]
	if ok, _ := base64Line(text); !ok {
		return nil
	}
	_, err := f.w.Write(text)
	return err
}

// Close implements io.Closer.
func (f *lineFilter) Close() error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.w.Close()
}
