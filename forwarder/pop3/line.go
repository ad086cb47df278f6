package pop3

import (
	"bufio"
	"errors"
	"io"
)

// errLineTooLong is returned by readLine; the stream cannot be read on, since part of the line is lost.
var errLineTooLong = errors.New("line too long")

// readLine returns the next line, its LF included, of at most limit octets. The slice is valid until the next read.
//
// Errors: errLineTooLong; io.ErrUnexpectedEOF when the stream ends inside a line; io.EOF between lines; those of r.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		whole := append([]byte(nil), line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(whole) <= limit {
			line, err = r.ReadSlice('\n')
			whole = append(whole, line...)
		}
		line = whole
	}
	switch {
	case len(line) > limit:
		return nil, errLineTooLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, io.ErrUnexpectedEOF
	case err != nil:
		return nil, err
	}
	return line, nil
}
