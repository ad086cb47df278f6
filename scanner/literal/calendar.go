package literal

import (
	"bytes"
	"io"
)

// isCalendar says whether a content that begins with head is an iCalendar or vCard object.
func isCalendar(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF")), " \t\r\n")
	const begin = "BEGIN:V"
	return len(head) > len(begin) && bytes.EqualFold(head[:len(begin)], []byte(begin))
}

// unfolded reads a text without its folds: line ends with a blank behind them.
type unfolded struct {
	r    io.Reader
	held []byte // a line end, behind which it is not known what follows
	text []byte // what was read and is not yet handed on
	err  error
}

// Read implements io.Reader.
func (u *unfolded) Read(p []byte) (int, error) {
	for len(u.text) == 0 && u.err == nil {
		n, err := u.r.Read(p[:(len(p)+1)/2]) // a line end that was held may join it
		u.err = err
		u.text = u.unfold(p[:n])
		if err != nil {
			u.text, u.held = append(u.text, u.held...), nil
		}
	}
	n := copy(p, u.text)
	u.text = u.text[n:]
	if n == 0 && len(u.text) == 0 {
		return 0, u.err
	}
	return n, nil
}

// unfold returns text, and the line end ahead of it, without folds, and holds back the line end behind it.
func (u *unfolded) unfold(text []byte) []byte {
	var out []byte
	for _, c := range text {
		switch {
		case c == '\r' || c == '\n':
			if len(u.held) > 0 && (c == '\r' || u.held[len(u.held)-1] == '\n') { // an empty line
				out = append(out, u.held...)
				u.held = u.held[:0]
			}
			u.held = append(u.held, c)
		case (c == ' ' || c == '\t') && len(u.held) > 0:
			u.held = u.held[:0]
		default:
			out = append(append(out, u.held...), c)
			u.held = u.held[:0]
		}
	}
	return out
}
