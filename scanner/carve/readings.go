package carve

import (
	"context"
	"io"

	"mirrorgw/scanner"
	"mirrorgw/scanner/transfer"
)

// Bounds on the decoding of one content.
const (
	maxWork  = 8       // times its length
	freeWork = 1 << 20 // octets on top, so that a small mail may have many parts
)

// Carver is a scanner.Opener. The zero value is ready for use, by several at once.
type Carver struct{}

// Name implements scanner.Opener.
func (Carver) Name() string { return "carve" }

// Open implements scanner.Opener.
func (Carver) Open(_ context.Context, part *scanner.Part, out scanner.Contents) error {
	if part.Verbatim {
		return nil // what it holds was found in what it was found in
	}
	content := part.Reader()
	starts, all, err := find(content)
	if err != nil {
		return err
	}
	if !all {
		out.Note(scanner.CauseBudget, "more places where a part could begin than are looked at")
		return nil
	}
	work := maxWork*part.Size() + freeWork
	for _, s := range starts {
		for _, decode := range s.readings(part.Size()) {
			if work -= s.end - s.at; work < 0 {
				if s.part {
					out.Note(scanner.CauseBudget, "too much to decode in all the places where a part could begin")
				}
				return nil
			}
			if decode == nil {
				err = out.Excerpt(s.at, s.end-s.at)
			} else {
				err = out.Member(s.name, "", decode(io.NewSectionReader(content, s.at, s.end-s.at)))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// reading returns a reader of what text holds in one reading of it; nil: text as it stands.
type reading func(text io.Reader) io.Reader

// readings returns the ways in which a client may read what begins at s, in a content of size octets.
func (s *start) readings(size int64) []reading {
	switch s.kind {
	case uu:
		return []reading{with(transfer.NewUU)}
	case base64:
		return []reading{inBase64(transfer.Base64{Padding: transfer.PadStops})}
	case yEnc:
		return []reading{with(transfer.NewYEnc)}
	case binHex:
		return []reading{inBinHex(transfer.DataFork), inBinHex(transfer.ResourceFork)}
	}
	var list []reading
	if s.looksBase64 || s.saysBase64 && s.part {
		list = append(list, inBase64(transfer.Base64{}))
		if s.traits.inner > 0 {
			list = append(list, inBase64(transfer.Base64{Padding: transfer.PadStops}), inBase64(transfer.Base64{Padding: transfer.PadSkips}))
		}
		if s.traits.urlDigits > 0 {
			list = append(list, inBase64(transfer.Base64{URL: true}))
		}
	}
	if s.part && s.traits.equals > 0 && !s.looksBase64 {
		list = append(list,
			inQuotedPrintable(transfer.QuotedPrintable{}),
			inQuotedPrintable(transfer.QuotedPrintable{KeepBlanks: true}),
			inQuotedPrintable(transfer.QuotedPrintable{DropStray: true}))
	}
	if (s.part || s.raw) && !s.looksBase64 && s.end-s.at < size {
		list = append(list, nil)
	}
	return list
}

func with(decode func(io.Writer) io.WriteCloser) reading {
	return func(text io.Reader) io.Reader { return transfer.NewReader(text, decode) }
}

func inBase64(b transfer.Base64) reading {
	return with(func(w io.Writer) io.WriteCloser { return transfer.NewBase64(w, b) })
}

func inQuotedPrintable(q transfer.QuotedPrintable) reading {
	return with(func(w io.Writer) io.WriteCloser { return transfer.NewQuotedPrintable(w, q) })
}

func inBinHex(f transfer.Fork) reading {
	return with(func(w io.Writer) io.WriteCloser { return transfer.NewBinHex(w, f) })
}
