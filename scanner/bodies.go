package scanner

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of what Bodies looks at.
const (
	maxBodies     = 1000
	maxBodiesDeep = 32
)

// ErrAmbiguous says that two readers may take a mail apart in different ways.
var ErrAmbiguous = errors.New("the mail may be read in several ways")

// Body is the body of a leaf of a mail.
type Body struct {
	At, End  int64 // in the mail: the first octet, and the one behind the last. The line end before a boundary is not in it
	Type     string
	Params   map[string]string // of the type, lower case
	Encoding Encoding
	Foreign  bool // its transfer encoding is none of RFC 2045, and Encoding means nothing
	Signed   bool // it is inside a multipart/signed (RFC 1847)
}

// Bodies calls each with the bodies of the leaves of a mail, in the order in which they stand, those of messages in it that stand there as
// they are among them. Where Scan takes a mail apart as tolerant as can be, Bodies gives up: what it returns may be changed in place.
//
// Errors: ErrAmbiguous, wrapped; those of each, as they are, and of mail.
func Bodies(mail io.Reader, each func(Body) error) error {
	b := bodies{lines: newLines(mail, lineBuffer), each: each}
	m, err := b.entity(0, false)
	if err == nil && m.level != atEOF {
		err = fmt.Errorf("%w: a boundary is left over", ErrAmbiguous)
	}
	return err
}

// bodies is one call of Bodies.
type bodies struct {
	lines *lines
	each  func(Body) error
	count int
}

// entity passes over one entity and returns what ended it.
func (b *bodies) entity(depth int, signed bool) (mark, error) {
	if b.count++; b.count > maxBodies || depth > maxBodiesDeep {
		return mark{}, fmt.Errorf("%w: too many parts", ErrAmbiguous)
	}
	h, ended, m, err := readHeader(b.lines, structure())
	if err != nil || ended {
		return m, err
	}
	if b.lines.again {
		return mark{}, fmt.Errorf("%w: a header with a line that is no field", ErrAmbiguous)
	}
	for _, name := range structure() {
		if len(h.fields[name]) > 1 || h.cut[name] {
			return mark{}, fmt.Errorf("%w: several %s fields", ErrAmbiguous, name)
		}
	}
	typ, params, err := strictType(h.get("content-type"))
	if err != nil {
		return mark{}, fmt.Errorf("%w: a media type that is not well-formed", ErrAmbiguous)
	}
	coding := h.get("content-transfer-encoding")
	body := Body{Type: typ, Params: params, Encoding: transferEncoding(coding), Foreign: !known(coding), Signed: signed}
	switch {
	case strings.HasPrefix(typ, "multipart/"):
		return b.multipart(params["boundary"], depth, signed || typ == "multipart/signed")
	case typ == "message/rfc822" && body.Encoding == Identity && !body.Foreign:
		return b.entity(depth+1, signed)
	}
	body.At = b.lines.at()
	if m, body.End, err = b.pass(); err != nil {
		return mark{}, err
	}
	return m, b.each(body)
}

// multipart passes over the body of a multipart.
func (b *bodies) multipart(boundary string, depth int, signed bool) (mark, error) {
	if boundary == "" || len(boundary) > 70 || strings.HasSuffix(boundary, " ") {
		return mark{}, fmt.Errorf("%w: a multipart without a good boundary", ErrAmbiguous)
	}
	for _, open := range b.lines.open {
		if strings.HasPrefix(open, "--"+boundary) || strings.HasPrefix("--"+boundary, open) {
			return mark{}, fmt.Errorf("%w: boundaries that begin alike", ErrAmbiguous)
		}
	}
	level := b.lines.push(boundary)
	m, _, err := b.pass()
	for err == nil && m.level == level && !m.closing {
		m, err = b.entity(depth+1, signed)
	}
	b.lines.pop()
	if err != nil {
		return mark{}, err
	}
	if m.level == level {
		m, _, err = b.pass()
	}
	return m, err
}

// pass passes over text up to the next boundary. end is where the text ends, the line end before the boundary left out.
func (b *bodies) pass() (m mark, end int64, err error) {
	held, cr := int64(0), false // octets of the line end that was passed last; whether a piece ended in CR
	for {
		piece, _, ok, m, err := b.lines.next()
		if err != nil {
			return mark{}, 0, err
		}
		if !ok {
			if m.level == atEOF {
				held = 0
			}
			return m, b.lines.from - held, nil
		}
		switch {
		case bytes.HasSuffix(piece, []byte("\r\n")), cr && string(piece) == "\n":
			held = 2
		case bytes.HasSuffix(piece, []byte("\n")):
			held = 1
		default:
			held = 0
		}
		cr = bytes.HasSuffix(piece, []byte("\r"))
	}
}

// known says whether the value of a Content-Transfer-Encoding field is one of RFC 2045 section 6.1 and nothing else.
func known(value string) bool {
	switch strings.ToLower(value) {
	case "", "7bit", "8bit", "binary", "quoted-printable", "base64":
		return true
	}
	return false
}
