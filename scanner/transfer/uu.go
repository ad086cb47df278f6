package transfer

import "io"

// NewUU returns a decoder of uuencode that writes to w. It is given what follows the begin line, and stops at the end line. Where a
// line is shorter than its count says, blanks have been lost at its end, and stand for zeros: so a line of one octet and its end may
// be up to 63 octets.
func NewUU(w io.Writer) io.WriteCloser {
	d := &uuDecoder{out: flusher{w: w}}
	d.lines.take = d.line
	return d
}

type uuDecoder struct {
	out   flusher
	lines lineSplitter
	ended bool
}

func (d *uuDecoder) Write(p []byte) (int, error) {
	d.lines.write(p)
	return len(p), d.out.err
}

func (d *uuDecoder) line(line []byte) {
	if string(line) == "end" {
		d.ended = true
	}
	if d.ended {
		return
	}
	count := int(uuValue(line[0]))
	digits := line[1:]
	at := func(i int) byte {
		if i < len(digits) {
			return uuValue(digits[i])
		}
		return 0
	}
	for i := 0; count > 0; i += 4 {
		a, b, c, e := at(i), at(i+1), at(i+2), at(i+3)
		for _, octet := range [3]byte{a<<2 | b>>4, b<<4 | c>>2, c<<6 | e} {
			if count > 0 {
				d.out.put(octet)
				count--
			}
		}
	}
}

// uuValue returns the six bits a character stands for: blank and backquote are both zero.
func uuValue(c byte) byte { return (c - ' ') & 0x3f }

func (d *uuDecoder) Close() error {
	d.lines.flush()
	return d.out.flush()
}
