package transfer

import (
	"bytes"
	"errors"
	"io"
)

// flusher gathers single octets into larger writes.
type flusher struct {
	w   io.Writer
	buf [4096]byte
	n   int
	err error // the first; sticky
}

func (f *flusher) put(c byte) {
	if f.n == len(f.buf) {
		_ = f.flush() // the error is kept
	}
	f.buf[f.n] = c
	f.n++
}

// putAll is put for several octets.
func (f *flusher) putAll(p []byte) {
	for len(p) > 0 {
		n := copy(f.room(1), p)
		f.n += n
		p = p[n:]
	}
}

// room returns where the next octets go, at least n of them; the caller adds to f.n what it has written there.
func (f *flusher) room(n int) []byte {
	if len(f.buf)-f.n < n {
		_ = f.flush() // the error is kept
	}
	return f.buf[f.n:]
}

func (f *flusher) flush() error {
	if f.err == nil && f.n > 0 {
		_, f.err = f.w.Write(f.buf[:f.n])
	}
	f.n = 0
	return f.err
}

// NewReader returns a reader of what is left of text once the decoder that decode returns has undone its encoding. decode is
// given the writer to which decoded octets go; the decoder is closed at the end of text.
//
// Errors: those of text.
func NewReader(text io.Reader, decode func(io.Writer) io.WriteCloser) io.Reader {
	r := &reader{text: text}
	r.decoder = decode(&r.ready)
	return r
}

type reader struct {
	text    io.Reader
	decoder io.WriteCloser
	ready   bytes.Buffer
	err     error
	raw     [16 << 10]byte
}

func (r *reader) Read(p []byte) (int, error) {
	for r.ready.Len() == 0 && r.err == nil {
		n, err := r.text.Read(r.raw[:])
		if _, werr := r.decoder.Write(r.raw[:n]); werr != nil && err == nil {
			err = werr
		}
		if err != nil {
			if cerr := r.decoder.Close(); cerr != nil && errors.Is(err, io.EOF) {
				err = cerr
			}
			r.err = err
		}
	}
	if r.ready.Len() > 0 {
		return r.ready.Read(p)
	}
	return 0, r.err
}
