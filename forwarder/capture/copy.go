package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Summary is what Copy saw.
type Summary struct {
	Frames  uint64 // copied
	Dropped uint64 // that the gateway wanted to capture and could not; known from the capture's end only
	Whole   bool   // the capture came to its end
}

// Blocks of pcapng that Copy knows (draft-ietf-opsawg-pcapng section 4), and lengths.
const (
	sectionBlock    = 0x0a0d0d0a
	packetBlock     = 6
	statisticsBlock = 5

	minBlock = 12
	maxBlock = 1 << 20 // far above the longest frame

	ifDropOption = 5
)

// ErrNotCapture is returned by Copy for what Run did not write.
var ErrNotCapture = errors.New("this is no capture")

// Copy copies a capture that Run writes from r to w, and writes whole blocks only: where r breaks off, w has a file that can be read.
// It holds nothing back while r has nothing more.
//
// Errors: ErrNotCapture; io.ErrUnexpectedEOF where r ends within a block or before the capture's end; r's and w's own.
func Copy(w io.Writer, r io.Reader) (Summary, error) {
	var s Summary
	in := bufio.NewReaderSize(r, outputBuffer)
	out := make([]byte, 0, 2*outputBuffer) // whole blocks
	write := func() error {
		_, err := w.Write(out)
		out = out[:0]
		return err
	}
	for first := true; ; first = false {
		begin := len(out)
		var err error
		out, err = appendBlock(out, in, first)
		if err != nil {
			out = out[:begin]
			if werr := write(); werr != nil {
				return s, werr
			}
			if errors.Is(err, io.EOF) && !s.Whole {
				err = io.ErrUnexpectedEOF
			}
			if errors.Is(err, io.EOF) {
				return s, nil
			}
			return s, err
		}
		s.count(out[begin:])
		if in.Buffered() == 0 || len(out) >= outputBuffer {
			if err := write(); err != nil {
				return s, err
			}
		}
	}
}

// appendBlock appends the next block of in to out.
//
// Errors: io.EOF between two blocks.
func appendBlock(out []byte, in *bufio.Reader, first bool) ([]byte, error) {
	head, err := in.Peek(8)
	if err != nil {
		if err == io.EOF && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return out, err
	}
	kind, length := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if length < minBlock || length > maxBlock || length%4 != 0 || first != (kind == sectionBlock) {
		return out, fmt.Errorf("%w: a block of type %#x and %d octets", ErrNotCapture, kind, length)
	}
	begin := len(out)
	for len(out) < begin+int(length) { // in steps, so that memory is made for what is there
		step := min(begin+int(length)-len(out), outputBuffer)
		at := len(out)
		out = append(out, make([]byte, step)...)
		if _, err := io.ReadFull(in, out[at:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return out, err
		}
	}
	return out, nil
}

// count adds a block.
func (s *Summary) count(block []byte) {
	switch binary.LittleEndian.Uint32(block) {
	case packetBlock:
		s.Frames++
	case statisticsBlock:
		s.Whole = true // Run writes them last
		if len(block) < 24 {
			return
		}
		for options := block[20 : len(block)-4]; len(options) >= 4; {
			code, length := binary.LittleEndian.Uint16(options), int(binary.LittleEndian.Uint16(options[2:]))
			padded := 4 + (length+3)&^3
			if padded > len(options) {
				return
			}
			if code == ifDropOption && length == 8 {
				s.Dropped += binary.LittleEndian.Uint64(options[4:])
			}
			options = options[padded:]
		}
	}
}
