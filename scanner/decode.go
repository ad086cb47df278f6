package scanner

import (
	"bufio"
	"io"
	"strings"

	"mirrorgw/scanner/transfer"
)

// encoding is a content transfer encoding (RFC 2045 section 6), as far as it is undone here.
type encoding uint8

const (
	identity        encoding = iota // 7bit, 8bit, binary, none, and any name nobody knows: clients show such a body as it is
	quotedPrintable                 // RFC 2045 section 6.7
	base64Encoding                  // RFC 2045 section 6.8
	foreign                         // known to some clients and not undone here
)

// transferEncoding reads the value of a Content-Transfer-Encoding field.
func transferEncoding(value string) encoding {
	value = strings.ToLower(strings.Trim(value, " \t\""))
	if i := strings.IndexAny(value, " \t;(,\""); i >= 0 {
		value = value[:i]
	}
	switch value {
	case "quoted-printable":
		return quotedPrintable
	case "base64":
		return base64Encoding
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-yenc", "yenc", "mac-binhex40", "x-binhex40":
		return foreign
	default:
		return identity
	}
}

// newDecoder returns a writer that undoes e and writes the result to w. It reads as mail clients do: what is not part of the
// encoding is skipped (base64) or taken as it stands (quoted-printable). Close writes what is left and does not close w.
func newDecoder(e encoding, w io.Writer) io.WriteCloser {
	switch e {
	case quotedPrintable:
		return transfer.NewQuotedPrintable(w, transfer.QuotedPrintable{})
	case base64Encoding:
		return transfer.NewBase64(w, transfer.Base64{})
	default:
		return &identityDecoder{out: bufio.NewWriterSize(w, 4<<10)}
	}
}

// identityDecoder changes nothing. It gathers short lines: a spilled Buffer makes a system call of every write.
type identityDecoder struct{ out *bufio.Writer }

func (d *identityDecoder) Write(p []byte) (int, error) { return d.out.Write(p) }
func (d *identityDecoder) Close() error                { return d.out.Flush() }
