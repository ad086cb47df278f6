package recode

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"mirrorgw/scanner/transfer"
)

// maxType bounds what stands between the scheme of a data: URL and its comma.
const maxType = 256

// url hands out what a data: URL holds whose scheme ends before at.
func (s *search) url(at int64) error {
	if at < s.done {
		return nil // within another: found when that is opened
	}
	var head [maxType]byte
	n, err := s.content.ReadAt(head[:], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	comma := bytes.IndexByte(head[:n], ',')
	if comma < 0 || bytes.ContainsAny(head[:comma], "\"'<>()\r\n") {
		return nil
	}
	typ := strings.ToLower(string(head[:comma]))
	begin := at + int64(comma) + 1
	media, encoded := strings.CutSuffix(strings.ReplaceAll(typ, " ", ""), ";base64")
	text := &urlText{ends: "\"'<>)", r: io.NewSectionReader(s.content, begin, s.content.Size()-begin)}
	if encoded {
		text.ends += ":`" // no digits, and what begins another URL that this one must not hide
	}
	content := transfer.NewReader(text, newPercent)
	if encoded {
		content = transfer.NewReader(content, func(w io.Writer) io.WriteCloser { return transfer.NewBase64(w, transfer.Base64{URL: true}) })
	}
	media, _, _ = strings.Cut(media, ";")
	err = s.out.Member("", media, content)
	s.done = begin + text.read
	return err
}

// urlText is what stands in a content up to the end of a URL.
type urlText struct {
	r     io.Reader
	ends  string // each of these octets ends it
	read  int64
	ended bool
}

// Read implements io.Reader.
func (u *urlText) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	n, err := u.r.Read(p)
	if end := bytes.IndexAny(p[:n], u.ends); end >= 0 {
		n, u.ended = end, true
	}
	u.read += int64(n)
	return n, err
}

// newPercent returns a decoder of percent-encoding (RFC 3986 section 2.1) that writes to w. A percent sign that begins no escape stands
// for itself.
func newPercent(w io.Writer) io.WriteCloser { return &percentDecoder{w: w} }

type percentDecoder struct {
	w      io.Writer
	escape []byte
	out    []byte
}

// Write implements io.Writer.
func (d *percentDecoder) Write(p []byte) (int, error) {
	d.out = d.out[:0]
	for _, c := range p {
		switch {
		case len(d.escape) == 0 && c != '%':
			d.out = append(d.out, c)
		case len(d.escape) == 0:
			d.escape = append(d.escape, c)
		case hex(c) < 0:
			d.out = append(append(d.out, d.escape...), c)
			d.escape = d.escape[:0]
		case len(d.escape) == 1:
			d.escape = append(d.escape, c)
		default:
			d.out = append(d.out, byte(hex(d.escape[1])<<4|hex(c)))
			d.escape = d.escape[:0]
		}
	}
	if _, err := d.w.Write(d.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close implements io.Closer.
func (d *percentDecoder) Close() error {
	_, err := d.w.Write(d.escape)
	return err
}

// hex returns the value of a hexadecimal digit, -1 where c is none.
func hex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	default:
		return -1
	}
}
