package carve

import "bytes"

// traits count what decides between readings.
type traits struct {
	lines     int // that are not blank
	prose     int // that are no base64
	inner     int // lines with an equals sign and a digit behind it, and lines that follow one with such a sign at its end
	stray     int // lines with an equals sign that begins neither an escape nor a soft line break
	trailing  int // lines with a blank at their end
	crs       int // lines, blank ones too, that end in a CR alone
	urlDigits int // lines that may hold - or _
}

func (t traits) since(earlier traits) traits {
	return traits{
		t.lines - earlier.lines, t.prose - earlier.prose, t.inner - earlier.inner, t.stray - earlier.stray,
		t.trailing - earlier.trailing, t.crs - earlier.crs, t.urlDigits - earlier.urlDigits,
	}
}

// count takes a line that is not blank. digits: it is base64; url: in its other alphabet; padded: the line before ended in an equals
// sign. It returns padded for the next line.
func (t *traits) count(l *line, digits, url, padded bool) bool {
	t.lines++
	if !digits {
		t.prose++
	}
	if padded {
		t.inner++
	}
	if l.cut || url || !digits {
		t.urlDigits++
	}
	if l.cut || isSpace(l.text[len(l.text)-1]) {
		t.trailing++
	}
	if !l.pads && !l.equals {
		return false
	}
	tail := l.text
	for len(tail) > 0 && (tail[len(tail)-1] == '=' || isSpace(tail[len(tail)-1])) {
		tail = tail[:len(tail)-1]
	}
	if l.pads || bytes.IndexByte(tail, '=') >= 0 {
		t.inner++
	}
	if l.cut || hasStray(l.text) {
		t.stray++
	}
	return l.pads || len(tail) < len(l.text)
}

// endsPadded says whether a line that is not blank counts as one with an equals sign at its end, as count says it.
func endsPadded(text []byte) bool {
	last := text[len(text)-1]
	return last == '=' || isSpace(last) && bytes.IndexByte(text, '=') >= 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// hasStray says whether an equals sign in text is followed by neither two hexadecimal digits nor the end of the line.
func hasStray(text []byte) bool {
	text = bytes.TrimRight(text, " \t")
	for {
		i := bytes.IndexByte(text, '=')
		if i < 0 || i == len(text)-1 {
			return false
		}
		text = text[i+1:]
		if len(text) < 2 || !isHex(text[0]) || !isHex(text[1]) {
			return true
		}
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'F' || 'a' <= c && c <= 'f'
}
