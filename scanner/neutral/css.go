package neutral

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// The patterns by which style sheets are read, in linear time.
var (
	address = regexp.MustCompile(`(?i)url\(\s*("[^"]*"|'[^']*'|[^)"']*)\s*\)`)
	imports = regexp.MustCompile(`(?i)@import(?:"[^"]*"|'[^']*'|[^;"'])*;?`)
	escape  = regexp.MustCompile(`\\(?:[0-9a-fA-F]{1,6}(?:\r\n|[ \t\r\n\f])?|(?s:.))`)
	remark  = regexp.MustCompile(`(?s)/\*.*?(?:\*/|$)`)
)

// maxSheet bounds a style sheet, in octets: longer ones go.
const maxSheet = 512 << 10

// style returns what may stay of a style sheet, or of a style attribute, and whether that is something else.
func style(sheet string) (kept string, changed bool) {
	if len(sheet) > maxSheet {
		return "", true
	}
	local := 0
	kept = address.ReplaceAllStringFunc(sheet, func(url string) string {
		value := address.FindStringSubmatch(url)[1]
		if !isLocal(unescape(strings.Trim(value, `"' `))) {
			return "none"
		}
		local++
		return url
	})
	kept = imports.ReplaceAllString(kept, "")
	if plain := strings.ToLower(unescape(kept)); strings.Count(plain, "url(") != local || suspect(plain) || suspect(remark.ReplaceAllString(plain, "")) {
		return "", sheet != ""
	}
	return kept, kept != sheet
}

// suspect says whether a style sheet without escapes, lower case, may fetch or run something.
func suspect(plain string) bool {
	for _, word := range [...]string{"@import", "expression(", "image-set(", "image(", "src(", "alphaimageloader", "javascript:", "vbscript:", "</"} {
		if strings.Contains(plain, word) {
			return true
		}
	}
	return false
}

// unescape returns a style sheet without escapes, which may hide words.
func unescape(sheet string) string {
	return escape.ReplaceAllStringFunc(sheet, func(hidden string) string {
		digits := strings.TrimRight(hidden[1:], " \t\r\n\f")
		code := rune(0)
		for _, c := range digits {
			n := strings.IndexRune("0123456789abcdef", c|0x20)
			if n < 0 || len(digits) > 6 {
				return hidden[1:]
			}
			code = code<<4 | rune(n)
		}
		if digits == "" || !utf8.ValidRune(code) {
			return ""
		}
		return string(code)
	})
}
