package neutral

import (
	"bytes"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// neutralise writes what may stay of in to out, and says whether that is something else.
func neutralise(out *bytes.Buffer, in []byte) (changed bool) {
	p := pass{out: out}
	z := html.NewTokenizer(bytes.NewReader(in))
	at := 0
	for {
		kind := z.Next()
		raw := in[at : at+len(z.Raw())] // the tokenizer's own are changed by it
		if kind == html.ErrorToken {
			break // the end; what is left is half a tag, which nobody should complete
		}
		at += len(raw)
		p.token(z, kind, raw)
	}
	return p.changed || at < len(in)
}

// pass is one pass over HTML.
type pass struct {
	out     *bytes.Buffer
	inside  string // the element whose content is the next token, where that is text and no markup
	changed bool
}

func (p *pass) token(z *html.Tokenizer, kind html.TokenType, raw []byte) {
	inside := p.inside
	p.inside = ""
	switch kind {
	case html.StartTagToken, html.SelfClosingTagToken:
		p.startTag(z, raw)
	case html.EndTagToken:
		name, _ := z.TagName()
		if isDropped(string(name)) {
			p.drop()
			return
		}
		p.out.Write(raw)
	case html.TextToken:
		p.text(inside, raw)
	case html.CommentToken:
		p.comment(raw)
	default:
		p.out.Write(raw)
	}
}

// drop is called for what is not written. What stood before it must not become markup with what comes after it.
func (p *pass) drop() {
	p.changed = true
	if bytes.HasSuffix(p.out.Bytes(), []byte("<")) {
		p.out.WriteByte(' ')
	}
}

// text writes text, which is the content of inside if that is an element without markup in it.
func (p *pass) text(inside string, raw []byte) {
	switch inside {
	case "script":
		p.drop()
	case "style":
		sheet, changed := style(string(raw))
		p.out.WriteString(sheet)
		p.changed = p.changed || changed
	case "title", "textarea":
		text := bytes.ReplaceAll(raw, []byte("<"), []byte("&lt;")) // what is markup to nobody shall look like none
		p.out.Write(text)
		p.changed = p.changed || len(text) != len(raw)
	default:
		p.out.Write(raw)
	}
}

// startTag writes a tag with what may stay of its attributes.
func (p *pass) startTag(z *html.Tokenizer, raw []byte) {
	tag, _ := z.TagName()
	name := string(tag)
	switch name {
	case "script", "style", "title", "textarea":
		p.inside = name
	default:
		z.NextIsNotRawText() // the tags of the others go
	}
	if isDropped(name) {
		p.drop()
		return
	}
	kept, changed := attributes(z, name, raw)
	switch {
	case name == "meta" && changed: // what is left of it would mean something else
		p.drop()
	case changed:
		p.changed = true
		p.out.Write(kept)
	default:
		p.out.Write(raw)
	}
}

// comment writes a comment, or what some readers take for one.
func (p *pass) comment(raw []byte) {
	switch {
	case bytes.HasPrefix(raw, []byte("<?")):
		if !hasPrefixFold(raw, "<?xml:namespace") {
			p.drop() // <?import, <?xml-stylesheet
			return
		}
		p.out.Write(raw)
	case bytes.HasPrefix(raw, []byte("<!--")) && bytes.Contains(bytes.ToLower(raw), []byte("[if")):
		p.conditional(raw)
	default:
		p.out.Write(raw)
	}
}

// conditional writes a comment that some readers take for markup, such as <!--[if mso]>…<![endif]-->.
func (p *pass) conditional(raw []byte) {
	if revealing.Match(raw) {
		p.out.Write(raw)
		return
	}
	body, closed := bytes.CutSuffix(raw[len("<!--"):], []byte("-->"))
	body, ended := bytes.CutSuffix(bytes.TrimRight(body, " \t\r\n"), []byte("<![endif]"))
	if !closed || !ended || bytes.Contains(body, []byte("<!--")) { // what is markup then, readers see in different ways
		p.drop()
		return
	}
	var inner bytes.Buffer
	if !neutralise(&inner, body) {
		p.out.Write(raw)
		return
	}
	p.changed = true
	if bytes.Contains(inner.Bytes(), []byte("-->")) || bytes.Contains(inner.Bytes(), []byte("--!>")) { // it would end here
		p.drop()
		return
	}
	p.out.WriteString("<!--")
	p.out.Write(inner.Bytes())
	p.out.WriteString("<![endif]-->")
}

// revealing is a comment before markup that all but Outlook see.
var revealing = regexp.MustCompile(`^<!--\[if [^\]<>]*\]><!(-- ?)?-->$`)

// isDropped says whether the tags of an element go. Its content stays, but for that of a script.
func isDropped(name string) bool {
	switch name {
	case "script", "iframe", "frame", "frameset", "noframes", "noscript", "noembed", "object", "embed", "applet", "param", "portal", "fencedframe",
		"link", "base", "bgsound", "layer", "ilayer", "svg", "math", "xmp", "plaintext", "listing":
		return true
	}
	return strings.HasSuffix(name, ":script")
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && strings.EqualFold(string(b[:len(prefix)]), prefix)
}
