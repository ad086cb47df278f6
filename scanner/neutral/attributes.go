package neutral

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
)

// attributes returns a tag with what may stay of its attributes, octet for octet, and whether that is something else than raw. The
// tokenizer is at the tag, whose name has been read.
func attributes(z *html.Tokenizer, element string, raw []byte) (tag []byte, changed bool) {
	spans, end := split(raw)
	tag = append(tag, raw[:end]...)
	seen := make(map[string]bool)
	for _, s := range spans {
		name := strings.ToLower(string(s.name))
		if seen[name] { // readers differ in which of two counts
			changed = true
			continue
		}
		seen[name] = true
		key, value, _ := z.TagAttr()
		if string(key) != name {
			return append(append([]byte(nil), raw[:end]...), '>'), true // two readings of one tag: it loses all of them
		}
		switch to, fate := judge(element, name, string(value)); fate {
		case stays:
			tag = append(append(tag, s.before...), s.text...)
		case becomes:
			changed = true
			tag = append(append(tag, s.before...), name+`="`+html.EscapeString(to)+`"`...)
		default:
			changed = true
		}
	}
	if bytes.HasSuffix(raw, []byte("/>")) {
		tag = append(tag, " /"...)
	}
	return append(tag, '>'), changed
}

// span is one attribute of a tag.
type span struct {
	before []byte // blanks
	name   []byte
	text   []byte // name and value as they stand
}

// split returns the attributes of a tag, as browsers find them, and where its name ends.
func split(raw []byte) (spans []span, end int) {
	end = 1
	for end < len(raw) && !isBlank(raw[end]) && raw[end] != '/' && raw[end] != '>' {
		end++
	}
	at := end
	skip := func() {
		for at < len(raw) && isBlank(raw[at]) {
			at++
		}
	}
	for {
		from := at
		skip()
		for at < len(raw) && raw[at] == '/' {
			at++
			skip()
		}
		if at >= len(raw) || raw[at] == '>' {
			return spans, end
		}
		s := span{before: raw[from:at]}
		if len(bytes.Trim(s.before, " \t\r\n\f")) > 0 || len(s.before) == 0 {
			s.before = []byte(" ")
		}
		start := at
		for at++; at < len(raw) && !isBlank(raw[at]) && raw[at] != '/' && raw[at] != '>' && raw[at] != '='; at++ {
		}
		s.name = raw[start:at]
		ends := at
		if skip(); at < len(raw) && raw[at] == '=' {
			at++
			skip()
			at = valueEnd(raw, at)
			ends = at
		} else {
			at = ends
		}
		s.text = raw[start:ends]
		spans = append(spans, s)
	}
}

// valueEnd returns where the value that begins at ends.
func valueEnd(raw []byte, at int) int {
	if at >= len(raw) {
		return at
	}
	if quote := raw[at]; quote == '"' || quote == '\'' {
		if n := bytes.IndexByte(raw[at+1:], quote); n >= 0 {
			return at + 1 + n + 1
		}
		return len(raw)
	}
	for at < len(raw) && !isBlank(raw[at]) && raw[at] != '>' {
		at++
	}
	return at
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' }

// fate says what becomes of an attribute.
type fate uint8

const (
	goes    fate = iota // the zero value
	stays               // as it is
	becomes             // has another value
)

// judge says what becomes of an attribute of an element, both lower case, and its new value where it has one.
func judge(element, name, value string) (to string, f fate) {
	if strings.ContainsFunc(name, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-_:.", c)
	}) {
		return "", goes
	}
	plain := name[strings.LastIndexByte(name, ':')+1:] // v:src, xlink:href
	switch {
	case strings.HasPrefix(name, "on"), strings.HasPrefix(plain, "on"), plain == "srcset", plain == "imagesrcset", plain == "ping", plain == "srcdoc", plain == "attributionsrc":
		return "", goes
	case plain == "style":
		return judgeStyle(value)
	case element == "meta" && plain == "http-equiv":
		return "", keptIf(strings.EqualFold(value, "content-type") || strings.EqualFold(value, "x-ua-compatible") || strings.EqualFold(value, "content-language"))
	case element == "meta" && (plain == "charset" || plain == "content"):
		_, charset, declared := strings.Cut(strings.ToLower(value), "charset=")
		if plain == "charset" {
			charset, declared = value, true
		}
		return "", keptIf(!declared || isASCII(strings.Trim(charset, `"' `)))
	case fetched(plain):
		return "", keptIf(isLocal(value))
	case plain == "href" && element != "a" && element != "area" && !strings.HasPrefix(element, "v:"):
		return "", keptIf(isLocal(value))
	case plain == "href", plain == "action", plain == "formaction", plain == "cite", plain == "longdesc":
		return "", keptIf(!runs(value))
	case (plain == "to" || plain == "values" || plain == "from" || plain == "by") && runs(value): // of an animation
		return "", goes
	}
	return "", stays
}

func judgeStyle(value string) (to string, f fate) {
	sheet, changed := style(value)
	switch {
	case !changed:
		return "", stays
	case strings.TrimSpace(sheet) == "" || strings.ContainsFunc(sheet, func(c rune) bool { return c > '~' }): // of what charset, nobody knows here
		return "", goes
	}
	return sheet, becomes
}

func keptIf(ok bool) fate {
	if ok {
		return stays
	}
	return goes
}

// fetched says whether what an attribute of this name gives the address of is fetched without a click.
func fetched(name string) bool {
	switch name {
	case "src", "background", "poster", "lowsrc", "dynsrc", "data", "code", "codebase", "archive", "classid", "object", "manifest",
		"icon", "usemap", "implementation", "base", "datasrc", "pluginspage", "pluginurl":
		return true
	}
	return false
}

// isLocal says whether an address is that of something in the mail itself.
func isLocal(address string) bool {
	address = squeezed(address)
	return address == "" || strings.HasPrefix(address, "cid:") || strings.HasPrefix(address, "data:image/") || strings.HasPrefix(address, "#")
}

// runs says whether who follows a link to address has something run.
func runs(address string) bool {
	scheme, _, ok := strings.Cut(squeezed(address), ":")
	if !ok {
		return false
	}
	switch scheme {
	case "javascript", "vbscript", "livescript", "mocha", "jscript", "data", "mhtml", "jar", "view-source":
		return true
	}
	return false
}

// squeezed returns the beginning of an address without what readers pass over, lower case.
func squeezed(address string) string {
	var b strings.Builder
	for _, c := range address {
		if c <= ' ' || c >= 0x7f && c <= 0xa0 || c == 0xad || c >= 0x200b && c <= 0x200f || c == 0xfeff {
			continue
		}
		if b.WriteRune(c); b.Len() > 64 {
			break
		}
	}
	return strings.ToLower(b.String())
}
