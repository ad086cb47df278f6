package recode

import (
	"bytes"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// headSize is how much of a content tells its charset.
const headSize = 512

// charsetOf returns the charset of a content that begins with head, if it is one whose octets differ from ASCII for Latin letters; else
// nil.
func charsetOf(head []byte) encoding.Encoding {
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xFE\x00\x00")):
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case bytes.HasPrefix(head, []byte("\x00\x00\xFE\xFF")):
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case bytes.HasPrefix(head, []byte("\xFF\xFE")):
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	}
	if bytes.IndexByte(head, 0) < 0 { // as nearly always
		return nil
	}
	nuls := [4]int{} // by position
	for i, c := range head {
		if c == 0 {
			nuls[i%4]++
		}
	}
	most := func(n ...int) bool { // nearly all of these, and nearly none of the others
		want, all := 0, 0
		for _, i := range n {
			want += nuls[i]
		}
		for _, n := range nuls {
			all += n
		}
		return len(head) >= 8 && want*5 >= len(head)*len(n) && (all-want)*20 <= len(head)
	}
	switch {
	case most(1, 2, 3):
		return utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)
	case most(0, 1, 2):
		return utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)
	case most(1, 3):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	case most(0, 2):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	default:
		return nil
	}
}
