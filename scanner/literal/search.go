package literal

import "sync"

// stretch is how many octets of one class in a row are looked into. It is below the length of the lines in which base64 is written
// (60 to 76), so that each of them tells, and above that of nearly all words and links.
const stretch = 56

// class is a set of octets, or what an octet is in.
type class byte

// The classes that are looked for.
const (
	// plain are the digits of base64 and hexadecimal, characters that are told by number in the strings of scripts, and the line ends and joints between them.
	plain class = 1 << iota
	// listed are lists of numbers, and other forms of characters that are told by number.
	listed
	// separator are those octets of the second that separate numbers.
	separator
	// digit are those octets of the first that are digits of base64.
	digit
)

const (
	decimals = "0123456789"
	letters  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	quotes   = "\"'`"
)

// classes returns the classes of each octet.
var classes = sync.OnceValue(func() *[256]class {
	var table [256]class
	for _, c := range []struct {
		class class
		text  string
	}{
		{plain | digit, letters + decimals + "+/-_"},
		{plain, quotes + "\r\n\t\\%,"},
		{listed, decimals + "abcdefABCDEFxX&#="},
		{listed | separator, quotes + " \t\r\n,;+"},
	} {
		for _, octet := range []byte(c.text) {
			table[octet] |= c.class
		}
	}
	return &table
})

// find returns where in b, from an offset on, stretch octets stand in a row for the first time that are all plain or all listed, and which of
// the two; -1 where they do nowhere. Where that is behind the offset, the octet ahead is not of the class.
func find(b []byte, from int, table *[256]class) (at int, found class) {
	for last := from + stretch - 1; last < len(b); last = from + stretch - 1 {
		at, found = last, plain|listed
		for at >= from && found&table[b[at]] != 0 {
			found &= table[b[at]]
			at--
		}
		if at < from {
			return from, found
		}
		from = at + 1
	}
	return -1, 0
}
