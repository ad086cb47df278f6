package scanner

import (
	"bytes"
	"mime"
	"slices"
	"strings"
)

// Bounds of what is remembered of one header. The header itself may have any size: what is not remembered is passed over.
const (
	maxFieldLength = 16 << 10 // octets of one value
	maxFieldRepeat = 4        // fields of one name
)

// header holds the fields of one entity that were asked for, by lower-case name, unfolded (RFC 5322 section 2.2.3).
type header struct {
	fields map[string][]string
	cut    map[string]bool // names with a value longer than maxFieldLength, or more than maxFieldRepeat values
}

// structure returns the names of the fields that say how an entity is put together.
func structure() []string {
	return []string{"content-type", "content-transfer-encoding", "content-disposition"}
}

// get returns the first value of a field, "" when there is none.
func (h header) get(name string) string {
	if v := h.fields[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// readHeader reads the header at the current position of l, up to and including the blank line, and keeps the fields named
// in want. A line that is neither field nor continuation ends the header too and is left as the first line of the body, as
// mail clients do. When the text ends inside the header, ended is true and m says why.
func readHeader(l *lines, want []string) (h header, ended bool, m mark, err error) {
	h = header{fields: make(map[string][]string), cut: make(map[string]bool)}
	name, value := "", []byte(nil)
	keep := func() {
		switch {
		case name == "":
		case len(h.fields[name]) == maxFieldRepeat:
			h.cut[name] = true
		default:
			h.fields[name] = append(h.fields[name], strings.TrimSpace(string(value)))
		}
		name, value = "", nil
	}
	add := func(text []byte) {
		if name == "" {
			return
		}
		text = bytes.TrimRight(text, "\r\n")
		if room := maxFieldLength - len(value); len(text) > room {
			text, h.cut[name] = text[:room], true
		}
		value = append(value, text...)
	}
	first := true
	for {
		line, begins, ok, m, err := l.next()
		if err != nil || !ok {
			keep()
			return h, true, m, err
		}
		if !begins || line[0] == ' ' || line[0] == '\t' { // a line of blanks goes on with the field, too: RFC 5322 section 4.2
			add(line)
			first = false
			continue
		}
		keep()
		if isBlank(line) {
			return h, false, mark{}, nil
		}
		field, rest, ok := fieldName(line)
		switch {
		case ok:
			if slices.Contains(want, field) {
				name = field
				add(rest)
			}
		case first && isEnvelope(line): // the envelope line of an mbox file
		default:
			l.unread()
			return h, false, mark{}, nil
		}
		first = false
	}
}

// fieldName splits a line into a lower-case field name and the rest. Blanks before the colon are allowed: RFC 5322 section
// 4.5 has them as obsolete syntax.
func fieldName(line []byte) (name string, rest []byte, ok bool) {
	before, rest, found := bytes.Cut(line, []byte(":"))
	before = bytes.TrimRight(before, " \t")
	if !found || len(before) == 0 {
		return "", nil, false
	}
	for _, c := range before {
		if c <= ' ' || c >= 0x7f {
			return "", nil, false
		}
	}
	if len(before) > 64 {
		return "-", rest, true // a field, but none of those looked for
	}
	return strings.ToLower(string(before)), rest, true
}

func isBlank(line []byte) bool { return len(bytes.TrimRight(line, " \t\r\n")) == 0 }

func isEnvelope(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// mediaType reads the value of a Content-Type field (RFC 2045 section 5.1). Where the strict grammar fails, it reads as mail
// clients do: unquoted special characters, comments and stray semicolons are common. The type is lower case, "" when there
// is none.
func mediaType(value string) (typ string, params map[string]string) {
	if typ, params, err := mime.ParseMediaType(value); err == nil && strings.Contains(typ, "/") {
		return typ, params
	}
	typ, rest := value, ""
	if i := strings.IndexAny(value, " \t;(,"); i >= 0 {
		typ, rest = value[:i], value[i:]
	}
	typ = strings.ToLower(typ)
	if major, minor, ok := strings.Cut(typ, "/"); !ok || major == "" || minor == "" {
		return "", nil
	}
	return typ, looseParams(rest)
}

// looseParams collects the name=value pairs in s, the first of each name.
func looseParams(s string) map[string]string {
	params := make(map[string]string)
	for _, p := range looseParamList(s) {
		if _, dup := params[p.name]; !dup {
			params[p.name] = p.value
		}
	}
	return params
}

// looseParamList returns the name=value pairs in s, about maxParams at most. Values may be quoted; of one that is not and has a blank
// or a comment in it, there is the part before it first.
func looseParamList(s string) (params []param) {
	for s != "" && len(params) < maxParams {
		var name string
		if i := strings.IndexAny(s, "=;"); i < 0 {
			return params
		} else if s[i] == ';' {
			s = s[i+1:]
			continue
		} else {
			name, s = s[:i], strings.TrimLeft(s[i+1:], " \t")
		}
		if i := strings.LastIndexAny(strings.TrimRight(name, " \t"), " \t),"); i >= 0 {
			name = name[i+1:]
		}
		name = strings.ToLower(strings.TrimSpace(name))
		var value string
		if strings.HasPrefix(s, `"`) {
			value, s = unquote(s[1:])
		} else {
			value, s, _ = strings.Cut(s, ";")
			value = strings.TrimSpace(value)
			if i := strings.IndexAny(value, " \t("); i >= 0 {
				params = append(params, param{name, value[:i]})
			}
		}
		params = append(params, param{name, value})
	}
	return params
}

// unquote reads a quoted string (RFC 5322 section 3.2.4) whose opening quote is gone, and returns what follows it.
func unquote(s string) (value, rest string) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String(), ""
}
