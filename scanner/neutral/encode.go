package neutral

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"

	"mirrorgw/scanner"
)

// base64Line is how many octets go into one line of base64: 76 digits (RFC 2045 section 6.8).
const base64Line = 57

// encode writes text to w in a transfer encoding. last says that the mail ends with it, and so with CRLF.
func encode(w io.Writer, text []byte, e scanner.Encoding, last bool) error {
	end := &tail{w: w}
	switch e {
	case scanner.Base64:
		for len(text) > 0 {
			line := text[:min(len(text), base64Line)]
			text = text[len(line):]
			if _, err := io.WriteString(end, base64.StdEncoding.EncodeToString(line)); err != nil {
				return err
			}
			if len(text) > 0 {
				if _, err := io.WriteString(end, "\r\n"); err != nil {
					return err
				}
			}
		}
	case scanner.QuotedPrintable:
		q := quotedprintable.NewWriter(end)
		if _, err := q.Write(text); err != nil {
			return err
		}
		if err := q.Close(); err != nil {
			return err
		}
	default:
		if _, err := end.Write(text); err != nil {
			return err
		}
	}
	if last && !bytes.Equal(end.last[:], []byte("\r\n")) {
		_, err := io.WriteString(end, "\r\n")
		return err
	}
	return nil
}

// tail is a writer that knows the last two octets written.
type tail struct {
	w    io.Writer
	last [2]byte
}

func (t *tail) Write(p []byte) (int, error) {
	switch n := len(p); {
	case n >= 2:
		t.last = [2]byte(p[n-2:])
	case n == 1:
		t.last = [2]byte{t.last[1], p[0]}
	}
	return t.w.Write(p)
}
