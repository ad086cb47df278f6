package transfer

import "io"

// joiner takes the soft line breaks out of quoted-printable (RFC 2045 section 6.7, rule 5), and leaves the rest to another.
type joiner struct {
	to   io.WriteCloser
	held []byte // an equals sign and the blanks behind it
}

func (j *joiner) Write(p []byte) (int, error) {
	from := 0 // what is before has been handed on or is held
	for i, c := range p {
		switch {
		case c == '\n' && len(j.held) > 0:
			j.held, from = j.held[:0], i+1
			continue
		case len(j.held) > 0 && (c == ' ' || c == '\t' || c == '\r' || c == 0) && len(j.held) < maxBlanks:
			j.held, from = append(j.held, c), i+1
			continue
		case len(j.held) > 0:
			if err := j.release(); err != nil {
				return i, err
			}
			from = i
		}
		if c == '=' {
			if _, err := j.to.Write(p[from:i]); err != nil {
				return i, err
			}
			j.held, from = append(j.held, c), i+1
		}
	}
	if _, err := j.to.Write(p[from:]); err != nil {
		return len(p), err
	}
	return len(p), nil
}

// release hands on what has turned out to be no soft line break.
func (j *joiner) release() error {
	_, err := j.to.Write(j.held)
	j.held = j.held[:0]
	return err
}

// Close implements io.Closer. A break at the end of the text has no line end left.
func (j *joiner) Close() error {
	if err := j.release(); err != nil {
		return err
	}
	return j.to.Close()
}
