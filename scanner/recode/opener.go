package recode

import (
	"bytes"
	"context"
	"errors"
	"io"

	"mirrorgw/scanner"
	"mirrorgw/scanner/transfer"
)

// Opener is a scanner.Opener. The zero value is ready for use, by several at once.
type Opener struct{}

// Name implements scanner.Opener.
func (Opener) Name() string { return "recode" }

// Open implements scanner.Opener.
func (Opener) Open(_ context.Context, part *scanner.Part, out scanner.Contents) error {
	if part.Path == "" {
		return nil
	}
	memory, file := part.Region()
	head := memory[:min(headSize, len(memory))]
	if file != nil {
		head = make([]byte, min(headSize, part.Size()))
		if _, err := part.Reader().ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	if charset := charsetOf(head); charset != nil {
		return out.Text(charset.NewDecoder().Reader(part.Reader()))
	}
	s := search{content: part.Reader(), out: out}
	var err error
	if file == nil {
		err = s.window(memory, 0)
	} else {
		err = s.run()
	}
	if err != nil {
		return err
	}
	for _, w := range s.shifts.windows() {
		if err := out.Text(transfer.NewReader(io.NewSectionReader(part.Reader(), w.from, w.end-w.from), newUTF7)); err != nil {
			return err
		}
	}
	return nil
}

// windowSize is how much of a content is searched at once, and lookBack how much before a window is still needed.
const (
	windowSize = 32 << 10
	lookBack   = len("data")
)

// search passes over a content.
type search struct {
	content *io.SectionReader
	out     scanner.Contents
	shifts  shifts
	done    int64 // what stands before this has been handed out as part of a URL
}

// run searches a content that is in no memory. Errors: those of reading it; those of out.
func (s *search) run() error {
	window := make([]byte, min(windowSize, s.content.Size()))
	for at := int64(0); ; {
		n, err := s.content.ReadAt(window, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err := s.window(window[:n], at); err != nil {
			return err
		}
		if at+int64(n) >= s.content.Size() {
			return nil
		}
		at += int64(n - lookBack)
	}
}

// window looks at the octets that stand at at. Its first lookBack octets have been seen, but for those of the first window.
func (s *search) window(window []byte, at int64) error {
	from := lookBack
	if at == 0 {
		from = 0
	}
	s.shifts.find(window[min(from, len(window)):])
	for i := lookBack; i < len(window); i++ {
		colon := bytes.IndexByte(window[i:], ':')
		if colon < 0 {
			break
		}
		i += colon
		if bytes.EqualFold(window[i-lookBack:i], []byte("data")) {
			if err := s.url(at + int64(i) + 1); err != nil {
				return err
			}
		}
	}
	return nil
}
