package scanner

import (
	"io"
	"strings"

	"mirrorgw/scanner/transfer"
)

// Encoding is a content transfer encoding (RFC 2045 section 6), as far as the walk undoes it.
type Encoding uint8

const (
	Identity        Encoding = iota // 7bit, 8bit, binary, none, and any name nobody knows: clients show such a body as it is
	QuotedPrintable                 // RFC 2045 section 6.7
	Base64                          // RFC 2045 section 6.8
)

// transferEncoding reads the value of a Content-Transfer-Encoding field.
func transferEncoding(value string) Encoding {
	value = strings.ToLower(strings.Trim(value, " \t\""))
	if i := strings.IndexAny(value, " \t;(,\""); i >= 0 {
		value = value[:i]
	}
	switch value {
	case "quoted-printable":
		return QuotedPrintable
	case "base64":
		return Base64
	default:
		return Identity
	}
}

// newDecoder returns a writer that undoes e and writes the result to w. It reads as mail clients do: what is not part of the
// encoding is skipped (base64) or taken as it stands (quoted-printable). Close writes what is left and does not close w.
func newDecoder(e Encoding, w io.Writer) io.WriteCloser {
	switch e {
	case QuotedPrintable:
		return transfer.NewQuotedPrintable(w, transfer.QuotedPrintable{})
	case Base64:
		return transfer.NewBase64(w, transfer.Base64{})
	default:
		return identityDecoder{w}
	}
}

// identityDecoder changes nothing.
type identityDecoder struct{ io.Writer }

func (identityDecoder) Close() error { return nil }
