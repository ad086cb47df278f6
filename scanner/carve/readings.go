package carve

import (
	"cmp"
	"context"
	"io"
	"slices"

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
func (Carver) Open(ctx context.Context, part *scanner.Part, out scanner.Contents) error {
	if part.Verbatim {
		return nil // what it holds was found in what it was found in
	}
	memory, file := part.Region()
	lines := newLineReader(memory, nil)
	if file != nil {
		lines = newLineReader(nil, part.Reader())
	}
	s, err := find(ctx, lines, part.Path == "")
	if err != nil {
		return err
	}
	if s.sealed {
		out.Note(scanner.CauseEncrypted, "it holds an OpenPGP message")
	}
	if s.partial {
		out.Note(scanner.CausePartial, "a header in it says that it is one piece of a message sent in several (message/partial)")
	}
	if s.full {
		out.Note(scanner.CauseBudget, "more places where a part could begin than are looked at")
		return nil
	}
	o := opening{part: part, out: out, work: maxWork*part.Size() + freeWork}
	for i := range s.starts {
		if done, err := o.decode(&s.starts[i]); done || err != nil {
			return err
		}
	}
	return nil
}

// opening is the state of one Open.
type opening struct {
	part *scanner.Part
	out  scanner.Contents
	work int64 // octets that may still be decoded
}

// decode hands out what may begin at s. done is true when the work is spent.
func (o *opening) decode(s *start) (done bool, err error) {
	for i, e := range [...]extent{s.near, s.far} {
		vague := i == 0 && s.vague
		for _, r := range s.readings(e) {
			if o.walked(s.at, e.end, vague, r.is) || e.end-s.at == o.part.Size() && r.decode == nil {
				continue
			}
			if o.work -= e.end - s.at; o.work < 0 {
				if s.isStrong() {
					o.out.Note(scanner.CauseBudget, "too much to decode in all the places where a part could begin")
				}
				return true, nil
			}
			if r.decode == nil {
				err = o.out.Excerpt(s.at, e.end-s.at)
			} else {
				err = o.out.Member(s.name, "", r.decode(io.NewSectionReader(o.part.Reader(), s.at, e.end-s.at)))
			}
			if err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// walked says whether a client that reads [at, end) as is would extract nothing but what the scanner's walk has extracted. A vague end
// is none where the walk, which knows what was declared, has gone on.
func (o *opening) walked(at, end int64, vague bool, is scanner.Encoding) bool {
	if is == ambiguous {
		return false
	}
	leaves := o.part.Leaves()
	i, ok := slices.BinarySearchFunc(leaves, at, func(l scanner.Leaf, at int64) int { return cmp.Compare(l.At, at) })
	return ok && leaves[i].Encoding == is && (leaves[i].End == end || vague && end < leaves[i].End)
}

// ambiguous is the encoding of a reading that is not the walk's.
const ambiguous = ^scanner.Encoding(0)

// reading is a way in which a client may read a text.
type reading struct {
	is     scanner.Encoding
	decode func(text io.Reader) io.Reader // nil: as it stands
}

// readings returns the ways in which a client may read what begins at s and ends with e.
func (s *start) readings(e extent) []reading {
	if e.end <= s.at || e.traits.lines == 0 {
		return nil
	}
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
	t := e.traits
	var list []reading
	if s.looksBase64 || s.part && s.says&saysBase64 != 0 {
		plain := inBase64(transfer.Base64{})
		plain.is = scanner.Base64
		list = append(list, plain)
		if t.inner > 0 {
			list = append(list, inBase64(transfer.Base64{Padding: transfer.PadStops}), inBase64(transfer.Base64{Padding: transfer.PadSkips}))
		}
		if t.prose > 0 && s.says&saysBase64 != 0 {
			list = append(list, inBase64Lines(), inBase64(transfer.Base64{Junk: transfer.JunkStops}))
		}
		if t.urlDigits > 0 {
			list = append(list, inBase64(transfer.Base64{URL: true}))
		}
	}
	if s.part && s.says&saysQuotedPrintable != 0 {
		plain := inQuotedPrintable(transfer.QuotedPrintable{})
		plain.is = scanner.QuotedPrintable
		list = append(list, plain)
		if t.trailing > 0 {
			list = append(list, inQuotedPrintable(transfer.QuotedPrintable{KeepBlanks: true}))
		}
		if t.stray > 0 {
			list = append(list, inQuotedPrintable(transfer.QuotedPrintable{DropStray: true}), inQuotedPrintable(transfer.QuotedPrintable{JoinFirst: true}))
		}
		if t.trailing > 0 && t.stray > 0 {
			list = append(list, inQuotedPrintable(transfer.QuotedPrintable{KeepBlanks: true, DropStray: true}))
		}
		if t.crs > 0 {
			list = append(list, inQuotedPrintable(transfer.QuotedPrintable{DropCRs: true}))
		}
	}
	if (s.part || s.raw) && t.prose > 0 {
		list = append(list, reading{is: scanner.Identity})
	}
	return list
}

func with(decode func(io.Writer) io.WriteCloser) reading {
	return reading{is: ambiguous, decode: func(text io.Reader) io.Reader { return transfer.NewReader(text, decode) }}
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
