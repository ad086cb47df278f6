package envelope

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"

	"mirrorgw/scanner"
)

// Tags of BER (X.690) as they stand in CMS, and the bit that says that a value is made of others.
const (
	tagEnd         = 0x00
	tagOctets      = 0x04
	tagOID         = 0x06
	tagSequence    = 0x30
	tagContext0    = 0xA0
	tagConstructed = 0x20
)

// The identifiers of CMS contents: 1.2.840.113549.1.7.x and 1.2.840.113549.1.9.16.1.x, without their beginning.
const (
	pkcs           = "\x2A\x86\x48\x86\xF7\x0D\x01"
	data           = "\x07\x01"
	signedData     = "\x07\x02"
	envelopedData  = "\x07\x03"
	digestedData   = "\x07\x05"
	encryptedData  = "\x07\x06"
	authData       = "\x09\x10\x01\x02"
	compressedData = "\x09\x10\x01\x09"
	authEnveloped  = "\x09\x10\x01\x17"
)

const (
	maxOID    = 16 // octets of an identifier that is looked at
	maxFields = 16 // values ahead of the content in a structure
)

// isCMS says whether a content that begins with head is a ContentInfo (RFC 5652 section 3): a sequence whose first value is such an
// identifier. In certificates and keys there is one further behind.
func isCMS(head []byte) bool {
	at := bytes.Index(head, []byte(pkcs))
	if at < 4 || head[0] != tagSequence || head[at-2] != tagOID {
		return false
	}
	behind := 2 // tag and length
	if head[1] > 0x80 {
		behind += int(head[1] & 0x7F)
	}
	return at-2 == behind
}

// openCMS hands out the content of a ContentInfo.
func openCMS(part *scanner.Part, out scanner.Contents) error {
	b := ber{cursor: newCursor(part)}
	if err := b.contentInfo(out); err != nil {
		return noteTorn(out, err, "what is signed or compressed in it is torn (CMS)")
	}
	return nil
}

// ber reads values in BER, one behind the other.
type ber struct{ *cursor }

// indefinite is the length of a value that goes on to an end mark.
const indefinite = -1

// header reads the tag and the length of the next value; the cursor is then at its content. Errors: errBroken; as octet.
func (b ber) header() (tag byte, length int64, err error) {
	if tag, err = b.octet(); err != nil {
		return 0, 0, err
	}
	if tag&0x1F == 0x1F { // a tag of several octets: there is none in CMS
		return 0, 0, errBroken
	}
	first, err := b.octet()
	if err != nil {
		return 0, 0, err
	}
	switch {
	case first < 0x80:
		return tag, int64(first), nil
	case first == 0x80:
		return tag, indefinite, nil
	case first > 0x80+8:
		return 0, 0, errBroken
	}
	for range first - 0x80 {
		c, err := b.octet()
		if err != nil {
			return 0, 0, err
		}
		if length>>48 != 0 {
			return 0, 0, errBroken
		}
		length = length<<8 | int64(c)
	}
	return tag, length, nil
}

// enter passes over the header of a value with this tag. Errors: errBroken where it has another; as octet.
func (b ber) enter(want byte) (length int64, err error) {
	tag, length, err := b.header()
	if err == nil && tag != want {
		err = errBroken
	}
	return length, err
}

// pass passes over the content of a value whose header has been read. Errors: errBroken; as octet.
func (b ber) pass(length int64) error {
	if length != indefinite {
		return b.skip(length)
	}
	for open := 1; open > 0; {
		tag, length, err := b.header()
		switch {
		case err != nil:
			return err
		case tag == tagEnd:
			open--
		case length == indefinite:
			open++
		default:
			if err := b.skip(length); err != nil {
				return err
			}
		}
	}
	return nil
}

// oid reads an object identifier. Errors: errBroken where there is another value; as octet.
func (b ber) oid() (string, error) {
	length, err := b.enter(tagOID)
	if err != nil {
		return "", err
	}
	if length < 0 || length > maxOID {
		return "", errBroken
	}
	var id [maxOID]byte
	_, err = io.ReadFull(b, id[:length])
	return string(id[:length]), torn(err)
}

// contentInfo reads a ContentInfo.
func (b ber) contentInfo(out scanner.Contents) error {
	if _, err := b.enter(tagSequence); err != nil {
		return err
	}
	id, err := b.oid()
	if err != nil {
		return err
	}
	if _, err := b.enter(tagContext0); err != nil {
		return err
	}
	sequences := 2 // an algorithm comes first
	switch id {
	case pkcs + envelopedData, pkcs + encryptedData, pkcs + authEnveloped:
		out.Note(scanner.CauseEncrypted, "it is encrypted with S/MIME")
		return nil
	case pkcs + data:
		return b.content(out, false)
	case pkcs + signedData:
		sequences = 1
	case pkcs + digestedData, pkcs + authData, pkcs + compressedData:
	default:
		return nil
	}
	if _, err := b.enter(tagSequence); err != nil {
		return err
	}
	for range maxFields {
		tag, length, err := b.header()
		if err != nil {
			return err
		}
		if tag == tagSequence {
			sequences--
		}
		if sequences == 0 {
			return b.encapsulated(out, length, id == pkcs+compressedData)
		}
		if err := b.pass(length); err != nil {
			return err
		}
	}
	return errBroken
}

// encapsulated hands out the content of an EncapsulatedContentInfo (RFC 5652 section 5.2), which a detached signature has not.
func (b ber) encapsulated(out scanner.Contents, length int64, compressed bool) error {
	behind := b.left - length
	if _, err := b.oid(); err != nil {
		return err
	}
	if length != indefinite && b.left <= behind {
		return nil
	}
	if tag, _, err := b.header(); err != nil || tag != tagContext0 {
		return err
	}
	return b.content(out, compressed)
}

// content hands out the octet string that comes next.
func (b ber) content(out scanner.Contents, compressed bool) error {
	octets := &octetString{ber: b}
	if !compressed {
		return out.Member("", "", octets)
	}
	plain, err := zlib.NewReader(octets)
	if err != nil {
		return broken(err)
	}
	defer plain.Close()
	return broken(out.Member("", "", plain))
}

// broken is err, with those of package zlib as what they say.
func broken(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, zlib.ErrHeader) || errors.Is(err, zlib.ErrChecksum) || errors.Is(err, zlib.ErrDictionary) || errors.As(err, &corrupt) {
		return errBroken
	}
	return torn(err)
}

// octetString reads the octets of the next value, be they in one piece or in many, nested.
type octetString struct {
	ber
	begun   bool
	endless bool  // the outermost value is of indefinite length
	until   int64 // else: what is left of the content behind it
	open    int   // values of indefinite length around the next piece
	piece   int64 // octets left of the current piece
}

// Read implements io.Reader. Errors: errBroken; as octet.
func (o *octetString) Read(p []byte) (int, error) {
	for o.piece == 0 {
		if o.begun && (o.endless && o.open == 0 || !o.endless && o.left <= o.until) {
			return 0, io.EOF
		}
		tag, length, err := o.header()
		if err != nil {
			return 0, err
		}
		if !o.begun {
			o.begun, o.endless, o.until = true, length == indefinite, o.left-length
		}
		switch {
		case tag == tagEnd && o.open > 0:
			o.open--
		case tag == tagOctets && length >= 0:
			o.piece = length
		case tag == tagOctets|tagConstructed && length == indefinite:
			o.open++
		case tag == tagOctets|tagConstructed: // what it is made of comes next
		default:
			return 0, errBroken
		}
	}
	n, err := o.cursor.Read(p[:min(int64(len(p)), o.piece)])
	o.piece -= int64(n)
	return n, torn(err)
}
