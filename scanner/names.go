package scanner

import (
	"cmp"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds on the file names of one part.
const (
	maxNames      = 16
	maxNameOctets = 1024
	maxParams     = 64 // of one field
)

// fileNames returns the names that a client may take from the fields of a part, those of the disposition first: of parameters
// filename and name, in one piece or continued and encoded (RFC 2231), in encoded words (RFC 2047) or escaped like a URL, each of
// several values of one parameter, and of a field that follows no grammar.
func fileNames(h header) []string {
	var names nameSet
	for _, field := range [...]string{"content-disposition", "content-type"} {
		for _, value := range h.fields[field] {
			if strings.Contains(strings.ToLower(value), "name") {
				names.addField(value)
			}
		}
	}
	return names
}

// nameSet is a list of distinct names.
type nameSet []string

// add takes a name as it stands in a field, and in what it decodes to.
func (n *nameSet) add(name string) {
	n.addOne(name)
	n.addOne(decodeWords(name))
	if text, err := url.PathUnescape(name); err == nil {
		n.addOne(text)
	}
}

func (n *nameSet) addOne(name string) {
	if len(name) > maxNameOctets { // the end counts: there is the extension
		name = name[len(name)-maxNameOctets:]
	}
	if name == "" || len(*n) >= maxNames || slices.Contains(*n, name) {
		return
	}
	*n = append(*n, name)
	if !utf8.ValidString(name) {
		var latin strings.Builder
		for i := range len(name) {
			latin.WriteRune(rune(name[i]))
		}
		n.addOne(latin.String())
	}
}

// param is one name=value pair of a field.
type param struct{ name, value string }

// addField adds the names in one field's value.
func (n *nameSet) addField(value string) {
	if _, strict, err := mime.ParseMediaType(value); err == nil {
		n.add(strict["filename"])
		n.add(strict["name"])
	}
	params := looseParamList(value)
	for _, base := range [...]string{"filename", "name"} {
		var pieces []piece
		for _, p := range params {
			if p.name == base {
				n.add(p.value)
			}
			if piece, ok := continuation(p, base); ok {
				pieces = append(pieces, piece)
			}
		}
		n.addPieces(pieces)
	}
}

// piece is one part of a continued parameter value (RFC 2231 section 3).
type piece struct {
	number  int
	text    string
	charset string // that the part names; empty: none
}

// continuation returns the piece that a parameter named base*, base*N or base*N* holds.
func continuation(p param, base string) (piece, bool) {
	rest, ok := strings.CutPrefix(p.name, base+"*")
	if !ok {
		return piece{}, false
	}
	number, encoded := strings.CutSuffix(rest, "*")
	text, charset := p.value, ""
	if rest == "" || encoded {
		if head, tail, ok := strings.Cut(text, "'"); ok { // charset'language'text
			if _, tail, ok := strings.Cut(tail, "'"); ok {
				text, charset = tail, head
			}
		}
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
	}
	at, err := strconv.Atoi(number)
	if rest != "" && err != nil {
		return piece{}, false
	}
	return piece{at, text, charset}, true
}

// addPieces adds what the pieces make together: in the order in which they stand, by their numbers, and of those by their numbers
// the first and the last of each.
func (n *nameSet) addPieces(pieces []piece) {
	if len(pieces) == 0 {
		return
	}
	n.addJoined(pieces)
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(a.number, b.number) })
	n.addJoined(pieces)
	same := func(a, b piece) bool { return a.number == b.number }
	n.addJoined(slices.CompactFunc(slices.Clone(pieces), same))
	slices.Reverse(pieces)
	last := slices.CompactFunc(pieces, same)
	slices.Reverse(last)
	n.addJoined(last)
}

// addJoined adds what pieces make one behind the other, as octets and in the charset that the first to name one names.
func (n *nameSet) addJoined(pieces []piece) {
	var b strings.Builder
	charset := ""
	for _, p := range pieces {
		b.WriteString(p.text)
		charset = cmp.Or(charset, p.charset)
	}
	n.add(b.String())
	if known := encodingOf(charset); known != nil {
		if text, err := known.NewDecoder().String(b.String()); err == nil {
			n.addOne(text)
		}
	}
}
