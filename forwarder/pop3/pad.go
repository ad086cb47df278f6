package pop3

import (
	"io"
	"strings"
)

// padLine is the octets of a full line of padding, CRLF included.
const padLine = 78

// missing returns how many octets fewer than the message the client gets with a notice, what has dripped included.
func (r *retrieval) missing(notice []byte) int64 {
	return r.h.mail().Size() - r.octets - int64(len(notice))
}

// writePadding writes n octets as whole lines of blanks, which add nothing that is shown to the end of a notice. One octet is no
// line and is left out; a negative n is 0.
func writePadding(w io.Writer, n int64) error {
	blanks := strings.Repeat(" ", padLine)
	for n >= 2 {
		line := min(n, padLine)
		if n-line == 1 { // would be left
			line--
		}
		if _, err := io.WriteString(w, blanks[:line-2]+"\r\n"); err != nil {
			return err
		}
		n -= line
	}
	return nil
}
