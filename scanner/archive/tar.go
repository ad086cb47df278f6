package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// openTar opens archives of all dialects that the standard library reads. The oldest has no magic: any valid header is one.
func openTar(o *opening, at int64) error {
	archive := tar.NewReader(o.section(at, o.size))
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return malformed("%v", err)
		}
		if h.Size == 0 {
			continue
		}
		if err := o.out.Expect(h.Size); err != nil { // holes are stated, not stored
			return err
		}
		if err := o.member(h.Name, archive); err != nil {
			return err
		}
	}
}

// tarHeader says whether b begins with the header of a member: the sum of its octets stands in it, that field being counted as blanks.
func tarHeader(b []byte) bool {
	if len(b) < 512 {
		return false
	}
	field := bytes.Trim(b[148:156], " \x00")
	if len(field) == 0 || field[0] > '7' { // as nearly always
		return false
	}
	stated, err := strconv.ParseInt(string(field), 8, 64)
	if err != nil {
		return false
	}
	var unsigned, signed int64
	for i, c := range b[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int64(c)
		signed += int64(int8(c))
	}
	return stated == unsigned || stated == signed
}
