package archive

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"mirrorgw/scanner"
)

// Taker is the scanner.Contents of the fuzz tests, from inside and outside: it takes so many octets and contents, and then stops. What is
// handed out behind that, and any error that is noted, fails the test.
type Taker struct {
	T    testing.TB
	Part *scanner.Part

	Told  bytes.Buffer // what was handed out and noted
	Ended bool
	parts int
}

// Bounds of a Taker.
const (
	maxTold  = 1 << 20
	maxTaken = 100
)

// Member implements scanner.Contents.
func (k *Taker) Member(name, _ string, content io.Reader) error {
	if k.Ended {
		k.T.Error("a content was handed out behind the end")
	}
	k.Told.WriteString("\nmember " + name + "\n")
	_, err := io.Copy(&k.Told, io.LimitReader(content, maxTold-int64(k.Told.Len())))
	if k.parts++; k.parts == maxTaken || k.Told.Len() >= maxTold {
		k.Ended = true
		return scanner.ErrStopped
	}
	return err
}

// Excerpt implements scanner.Contents.
func (k *Taker) Excerpt(at, n int64) error {
	return k.Member("", "", io.NewSectionReader(k.Part.Reader(), at, n))
}

// Text implements scanner.Contents.
func (k *Taker) Text(io.Reader) error { return errors.New("not wanted") }

// Expect implements scanner.Contents.
func (k *Taker) Expect(n int64) error {
	if n > maxTold {
		k.Ended = true
		return scanner.ErrStopped
	}
	return nil
}

// Note implements scanner.Contents.
func (k *Taker) Note(cause scanner.Cause, detail string) {
	if cause == scanner.CauseError { // of which none is expected but for a library that panics
		k.T.Errorf("%s: %s", cause, detail)
	}
	if len(detail) > 4<<10 {
		k.T.Errorf("a detail of %d octets", len(detail))
	}
	k.Told.WriteString("\nnote " + string(cause) + " " + detail + "\n")
}
