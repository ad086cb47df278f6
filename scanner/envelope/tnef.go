package envelope

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf16"

	"mirrorgw/scanner"
)

const tnefMagic = "\x78\x9F\x3E\x22"

// Attributes of TNEF ([MS-OXTNEF] section 2.1.3.1) that hold contents or their names.
const (
	attachTitle  = 0x00018010
	attachData   = 0x0006800F
	attachRender = 0x00069002 // begins an attachment
	attachProps  = 0x00069005
	messageProps = 0x00069003
	messageBody  = 0x0002800C
)

// Types of MAPI properties ([MS-OXCDATA] section 2.11.1).
const (
	propShort    = 0x0002
	propLong     = 0x0003
	propFloat    = 0x0004
	propDouble   = 0x0005
	propCurrency = 0x0006
	propAppTime  = 0x0007
	propError    = 0x000A
	propBoolean  = 0x000B
	propObject   = 0x000D
	propLongLong = 0x0014
	propString8  = 0x001E
	propUnicode  = 0x001F
	propTime     = 0x0040
	propGUID     = 0x0048
	propBinary   = 0x0102
	propMultiple = 0x1000 // a flag
	propNamed    = 0x8000 // identifiers from here on have a name
)

// Properties ([MS-OXPROPS]) that are names of an attachment.
const (
	idDisplayName  = 0x3001
	idFilename     = 0x3704
	idLongFilename = 0x3707
)

const (
	maxTitle   = 1024
	objectGUID = 16 // octets ahead of an embedded object
)

func isTNEF(head []byte) bool { return bytes.HasPrefix(head, []byte(tnefMagic)) }

// openTNEF hands out what the attributes of a TNEF stream hold.
func openTNEF(part *scanner.Part, out scanner.Contents) error {
	t := tnef{cursor: newCursor(part), part: part, out: out}
	if err := t.stream(); err != nil {
		if err := noteTorn(out, err, "an attachment in it is torn (winmail.dat)"); err != nil {
			return err
		}
	}
	return t.flush()
}

// tnef reads one stream. The name of an attachment may stand behind its data, which is therefore handed out when the next one begins.
type tnef struct {
	*cursor
	part    *scanner.Part
	out     scanner.Contents
	name    string
	pending []span
}

// span is where a content stands in the part.
type span struct{ at, length int64 }

// maxPending bounds the contents of one attachment: its data and its object, one of each in practice.
const maxPending = 64

func (t *tnef) stream() error {
	if err := t.skip(int64(len(tnefMagic)) + 2); err != nil { // and a key
		return err
	}
	for t.left >= 9 { // less than an attribute is padding
		if err := t.attribute(); err != nil {
			return err
		}
	}
	return nil
}

// at returns the position of the cursor.
func (t *tnef) at() int64 { return t.part.Size() - t.left }

// attribute reads the next attribute: level, identifier, length, data and checksum.
func (t *tnef) attribute() error {
	if _, err := t.octet(); err != nil {
		return err
	}
	id, err := t.number(4)
	if err != nil {
		return err
	}
	length, err := t.number(4)
	if err != nil {
		return err
	}
	data := span{at: t.at(), length: int64(length)}
	behind := t.left - int64(length)
	switch id {
	case attachRender:
		err = t.flush()
	case attachTitle:
		t.name, err = t.text(int64(length), false)
	case attachData, messageBody:
		err = t.hold(data)
	case attachProps, messageProps:
		err = t.properties(behind)
	}
	if err != nil {
		return err
	}
	if t.left < behind {
		return errBroken
	}
	return t.skip(min(t.left-behind+2, max(t.left, t.left-behind))) // the last checksum may be missing
}

// hold remembers a content until its name is known.
func (t *tnef) hold(s span) error {
	if s.length > t.part.Size()-s.at {
		s.length = t.part.Size() - s.at // what there is of it
	}
	t.pending = append(t.pending, s)
	if len(t.pending) < maxPending {
		return nil
	}
	return t.flush()
}

// flush hands out what is remembered.
func (t *tnef) flush() error {
	for _, s := range t.pending {
		if err := t.out.Member(t.name, "", io.NewSectionReader(t.part.Reader(), s.at, s.length)); err != nil {
			return err
		}
	}
	t.name, t.pending = "", t.pending[:0]
	return nil
}

// text reads a text of length octets, as far as names go, and leaves the rest.
func (t *tnef) text(length int64, wide bool) (string, error) {
	raw := make([]byte, min(length, maxTitle))
	if _, err := io.ReadFull(t, raw); err != nil {
		return "", torn(err)
	}
	if wide {
		units := make([]uint16, len(raw)/2)
		for i := range units {
			units[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
		}
		return strings.TrimRight(string(utf16.Decode(units)), "\x00"), nil
	}
	return string(bytes.TrimRight(raw, "\x00")), nil
}

// properties reads a list of MAPI properties that ends where behind octets are left.
func (t *tnef) properties(behind int64) error {
	count, err := t.number(4)
	for ; err == nil && count > 0 && t.left > behind; count-- {
		err = t.property()
	}
	return err
}

func (t *tnef) property() error {
	typ, err := t.number(2)
	if err != nil {
		return err
	}
	id, err := t.number(2)
	if err != nil {
		return err
	}
	if id >= propNamed {
		if err := t.propertyName(); err != nil {
			return err
		}
	}
	values := uint64(1)
	variable := false
	size := int64(0)
	switch typ &^ propMultiple {
	case propShort, propLong, propFloat, propError, propBoolean:
		size = 4
	case propDouble, propCurrency, propAppTime, propLongLong, propTime:
		size = 8
	case propGUID:
		size = 16
	case propObject, propString8, propUnicode, propBinary:
		variable = true
	default:
		return errBroken
	}
	if variable || typ&propMultiple != 0 {
		if values, err = t.number(4); err != nil {
			return err
		}
	}
	if !variable {
		return t.skip(size * int64(values))
	}
	for range values {
		if err := t.value(typ&^propMultiple, id); err != nil {
			return err
		}
	}
	return nil
}

// propertyName passes over the name of a named property.
func (t *tnef) propertyName() error {
	if err := t.skip(objectGUID); err != nil {
		return err
	}
	kind, err := t.number(4)
	if err != nil {
		return err
	}
	length, err := t.number(4)
	if err != nil || kind == 0 { // the number is the name
		return err
	}
	return t.skip(padded(int64(length)))
}

// value reads one value of variable length.
func (t *tnef) value(typ, id uint64) error {
	length, err := t.number(4)
	if err != nil {
		return err
	}
	behind := t.left - padded(int64(length))
	data := span{at: t.at(), length: int64(length)}
	switch {
	case id == idLongFilename, t.name == "" && (id == idFilename || id == idDisplayName):
		if typ == propString8 || typ == propUnicode {
			if t.name, err = t.text(data.length, typ == propUnicode); err != nil {
				return err
			}
		}
	case typ == propObject && data.length > objectGUID:
		err = t.hold(span{at: data.at + objectGUID, length: data.length - objectGUID})
	case typ == propBinary, typ == propString8 && data.length > maxTitle:
		err = t.hold(data)
	}
	if err != nil {
		return err
	}
	return t.skip(t.left - behind)
}

// padded returns the length of a value with what fills it up.
func padded(length int64) int64 { return (length + 3) &^ 3 }
