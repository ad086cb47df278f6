package names

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// blanks are the marks that Windows leaves out at the end of a name, and those that look like them.
const blanks = " .\t\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"

// rightToLeft and leftToRight have what follows shown in an order that is not its own: txt.exe, say, as exe.txt.
const (
	leftToRight = '\u202d'
	rightToLeft = '\u202e'
)

// readings returns what some system takes a name for, in lower case: without the folders before it, without what is not shown and
// the blanks at its end; up to the first NUL, where C sees its end; and up to the colon behind which Windows has the name of a stream.
func readings(name string) []string {
	var list []string
	add := func(s string) {
		s = s[strings.LastIndexAny(s, `/\`)+1:]
		s = strings.ToLower(strings.TrimRight(strings.Map(visible, s), blanks))
		if s != "" && !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	add(name)
	for _, end := range [...]string{"\x00", ":"} {
		if before, _, cut := strings.Cut(name, end); cut {
			add(before)
		}
	}
	return list
}

// visible drops what nobody sees: control characters, and those that only direct how others are shown. What is no UTF-8 stays.
func visible(r rune) rune {
	if r != utf8.RuneError && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
		return -1
	}
	return r
}

// hidden says whether a reading of name is made to look like something else than what runs when it is opened, and as what: it has
// a harmless extension before its true one or behind many blanks, or is shown in another order than its own.
func hidden(name, reading string) (extension string, ok bool) {
	extension, before, found := extensionOf(reading)
	if !found {
		return "", false
	}
	inner, _, second := extensionOf(before)
	switch {
	case runs(extension) && strings.ContainsAny(name, string([]rune{leftToRight, rightToLeft})):
		return extension, true
	case runs(extension) && second && shows(inner):
		return inner + "." + extension, true
	case second && runs(inner) && strings.HasSuffix(before, "  "): // "file.exe        .pdf"
		return inner, true
	}
	return "", false
}
