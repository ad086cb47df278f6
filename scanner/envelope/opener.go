package envelope

import (
	"bufio"
	"context"
	"errors"
	"io"

	"mirrorgw/scanner"
)

// Opener is a scanner.Opener. The zero value is ready for use, by several at once.
type Opener struct{}

// Name implements scanner.Opener.
func (Opener) Name() string { return "envelope" }

// magicSize is how much of a content tells what it is.
const magicSize = 32

// Open implements scanner.Opener.
func (Opener) Open(_ context.Context, part *scanner.Part, out scanner.Contents) error {
	head, file := part.Region()
	if file != nil {
		head = make([]byte, min(magicSize, part.Size()))
		if _, err := part.Reader().ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	switch head = head[:min(magicSize, len(head))]; {
	case isCMS(head):
		return openCMS(part, out)
	case isTNEF(head):
		return openTNEF(part, out)
	case isOpenPGP(head):
		out.Note(scanner.CauseEncrypted, "it is encrypted with OpenPGP")
	}
	return nil
}

// cursor passes over a content once.
type cursor struct {
	r    *bufio.Reader
	left int64 // octets of the content behind the current one
}

func newCursor(part *scanner.Part) *cursor {
	return &cursor{r: bufio.NewReaderSize(part.Reader(), int(min(part.Size(), 16<<10))), left: part.Size()}
}

// octet returns the next octet. Errors: io.ErrUnexpectedEOF at the end of the content; those of the content.
func (c *cursor) octet() (byte, error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, torn(err)
	}
	c.left--
	return b, nil
}

// number returns the next n octets, at most 8, as a number in little-endian order. Errors: as octet.
func (c *cursor) number(n int) (v uint64, err error) {
	for i := range n {
		b, err := c.octet()
		if err != nil {
			return 0, err
		}
		v |= uint64(b) << (8 * i)
	}
	return v, nil
}

// skip passes over n octets. Errors: as octet.
func (c *cursor) skip(n int64) error {
	for n > 0 {
		k, err := c.r.Discard(int(min(n, 1<<30)))
		c.left -= int64(k)
		if err != nil {
			return torn(err)
		}
		n -= int64(k)
	}
	return nil
}

// Read implements io.Reader.
func (c *cursor) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}

// torn is err, with the end of the content as the error that it is where more was announced.
func torn(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// noteTorn records that a content was found to be broken, as opposed to not readable. Errors: err where it is another.
func noteTorn(out scanner.Contents, err error, what string) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errBroken) {
		out.Note(scanner.CauseMalformed, what)
		return nil
	}
	return err
}

// errBroken says that a content is not what it began as.
var errBroken = errors.New("envelope: broken")
