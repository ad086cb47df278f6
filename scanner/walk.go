package scanner

import (
	"bytes"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// walk takes one mail apart in a single pass over its lines: multiparts are followed as they come, every leaf is decoded into
// a Buffer and handed to the examination, and a message inside the message is walked in its turn. The time is linear in the
// octets read, and those are bounded by the mail and by Limits.Expanded.
type walk struct {
	content *Buffer
	lines   *lines
	exam    *examination
	base    int64 // where in the whole mail the content stands as it is; elsewhere where it does not
	first   int   // octets that the decoded content of a part takes at once
}

// elsewhere is the base of a message that the whole mail holds in some encoding only.
const elsewhere = -1

// firstMemory is the most that a decoded part takes before there is anything of it, in octets.
const firstMemory = 4 << 10

// walkMessage walks the message in content. path is the path of the message/rfc822 part it was, "" for the mail itself;
// depth counts the containers around it, base says where it stands in
// the whole mail.
//
// Errors: ErrStopped; those of the content's reader.
func walkMessage(exam *examination, content *Buffer, path string, depth int, base int64) error {
	r := exam.scanner.memory.takeReader(content.Reader())
	defer exam.scanner.memory.giveReader(r)
	w := walk{content: content, lines: &lines{r: r}, exam: exam, base: base, first: int(min(content.Size(), firstMemory))}
	_, err := w.entity(entity{path: path, depth: depth, root: true, kind: "text/plain"})
	return err
}

// entity is what is known of a body part before its header is read.
type entity struct {
	path  string // see Part.Path; for a root, of the message it is the top of
	depth int
	root  bool
	kind  string // media type where the header names none (RFC 2045 section 5.2, RFC 2046 section 5.1.5)
}

// child returns the path of the nth part of e, counted from 1.
func (e entity) child(n int) string {
	if e.path == "" {
		return strconv.Itoa(n)
	}
	return e.path + "." + strconv.Itoa(n)
}

// leaf returns the path of e as a leaf: the body of a message that is not a multipart is its part 1.
func (e entity) leaf() string {
	if e.root {
		return e.child(1)
	}
	return e.path
}

// entity reads one entity, header and body, and returns what ended it.
func (w *walk) entity(e entity) (mark, error) {
	if err := w.exam.enter(e.depth); err != nil {
		return mark{}, err
	}
	h, ended, m, err := readHeader(w.lines, structure())
	if err != nil {
		return mark{}, err
	}
	typ, params := mediaType(h.get("content-type"))
	if typ == "" {
		typ = e.kind
	}
	if typ == "message/partial" || slices.ContainsFunc(h.fields["content-type"], isPartial) {
		w.exam.note(CausePartial, "the mail is one piece of a message sent in several (message/partial)")
	}
	if strings.HasPrefix(typ, "multipart/") {
		boundary := strings.TrimRight(params["boundary"], " \t")
		switch {
		case ended, boundary == "": // a header and nothing else, as in a report about another mail, or what no two clients read alike
		case len(boundary) > maxBoundary:
			w.exam.note(CauseMalformed, "multipart "+e.leaf()+" has an overlong boundary")
		default:
			return w.multipart(e, typ, boundary)
		}
	}
	return w.leaf(e, typ, params, h, ended, m)
}

// multipart reads the body of a multipart (RFC 2046 section 5.1). What is before the first boundary and after the last is
// judged with the whole mail only. A missing closing boundary is common and harmless.
func (w *walk) multipart(e entity, typ, boundary string) (mark, error) {
	kind := "text/plain"
	if typ == "multipart/digest" {
		kind = "message/rfc822"
	}
	if w.exam.trace != nil {
		w.exam.trace.multipart(e, typ)
	}
	level := w.lines.push(boundary)
	m, err := w.skip()
	n := 0
	for ; err == nil && m.level == level && !m.closing; n++ {
		m, err = w.entity(entity{path: e.child(n + 1), depth: e.depth + 1, kind: kind})
	}
	w.lines.pop()
	if err != nil {
		return mark{}, err
	}
	if m.level == level {
		return w.skip()
	}
	return m, nil
}

// skip passes over text up to the next boundary.
func (w *walk) skip() (mark, error) {
	for {
		if err := w.exam.tick(); err != nil {
			return mark{}, err
		}
		_, _, ok, m, err := w.lines.next()
		if err != nil || !ok {
			return m, err
		}
	}
}

// leaf reads the body of anything but a multipart, decodes it, has it judged, and walks it if it is a message.
func (w *walk) leaf(e entity, typ string, params map[string]string, h header, ended bool, m mark) (mark, error) {
	enc := transferEncoding(h.get("content-transfer-encoding"))
	at := w.lines.at()
	content, m, end, err := w.decode(enc, ended, m)
	if err != nil {
		return mark{}, w.exam.spoolError(err)
	}
	defer content.Close()
	w.exam.expanded += content.Size()
	part := NewPart(e.leaf(), fileName(h, params), typ, content)
	part.Names = fileNames(h)
	part.Verbatim = enc == Identity
	part.finder = finderWalk
	from, inner := nowhere(), int64(elsewhere)
	if w.base != elsewhere {
		from = Leaf{At: w.base + at, End: w.base + end, Encoding: enc}
		w.exam.leaves = append(w.exam.leaves, from)
		if enc == Identity {
			inner = from.At
		}
	}
	if err := w.exam.judge(part, e.depth, from); err != nil {
		return mark{}, err
	}
	switch typ {
	case "message/rfc822", "message/global", "message/news":
		if err := walkMessage(w.exam, content, e.leaf(), e.depth+1, inner); err != nil {
			return mark{}, err
		}
	}
	return m, nil
}

// decode returns the body up to the next boundary, its encoding undone, what ended it, and where. Where ended is true there is no body, and
// m is what ended the header. The caller closes the body. One that is not encoded is a view of the content.
//
// Errors: ErrStopped; those of the buffer; those of the content.
func (w *walk) decode(enc Encoding, ended bool, m mark) (content *Buffer, _ mark, end int64, err error) {
	at := w.lines.at()
	end = at
	if enc == Identity {
		switch {
		case ended:
		case len(w.lines.open) == 0: // nothing ends it but the content
			m, end = mark{level: atEOF}, w.content.Size()
		default:
			m, end, err = w.body(io.Discard)
		}
		if err == nil {
			content, err = w.exam.view(w.content, at, end)
		}
		return content, m, end, err
	}
	content = w.exam.newBuffer()
	content.grow(w.first) // else lines make it grow from nothing
	decoder := newDecoder(enc, content)
	if !ended {
		m, end, err = w.body(decoder)
	}
	if err == nil {
		err = decoder.Close()
	}
	if err != nil {
		content.Close()
		return nil, m, end, err
	}
	return content, m, end, nil
}

// body copies the text up to the next boundary to dst. The line end before a boundary belongs to the boundary (RFC 2046
// section 5.1.1), so a line end is held back until the next line is seen. end is where the body ends.
func (w *walk) body(dst io.Writer) (m mark, end int64, err error) {
	var held []byte // "", CR, LF or CRLF
	for {
		if run := w.lines.run(); len(run) > 0 {
			if err := w.exam.inTime(); err != nil {
				return mark{}, 0, err
			}
			if held, err = writeHeld(dst, held, run); err != nil {
				return mark{}, 0, err
			}
		}
		if err := w.exam.tick(); err != nil {
			return mark{}, 0, err
		}
		piece, _, ok, m, err := w.lines.next()
		if err != nil {
			return mark{}, 0, err
		}
		if !ok {
			if m.level == atEOF {
				_, err = dst.Write(held)
				return m, w.lines.from, err
			}
			return m, w.lines.from - int64(len(held)), nil
		}
		if string(held) == "\r" && piece[0] == '\n' { // the line end was cut by a piece
			held = append(held, '\n')
			continue
		}
		if held, err = writeHeld(dst, held, piece); err != nil {
			return mark{}, 0, err
		}
	}
}

// writeHeld writes the line end that was held back and text but for the line end that it ends in, which it returns in held's place.
func writeHeld(dst io.Writer, held, text []byte) ([]byte, error) {
	if len(held) > 0 {
		if _, err := dst.Write(held); err != nil {
			return nil, err
		}
	}
	end := bytes.TrimSuffix(text, []byte("\n"))
	end = bytes.TrimSuffix(end, []byte("\r"))
	held = append(held[:0], text[len(end):]...)
	_, err := dst.Write(end)
	return held, err
}

// isPartial says whether a Content-Type field may declare one piece of a message sent in several.
func isPartial(value string) bool {
	return strings.Contains(strings.ToLower(value), "message/partial")
}

// maxName bounds a part's file name, in runes.
const maxName = 255

// fileName returns the file name a part claims: of its disposition (RFC 2183), else of its type, decoded as RFC 2231 and
// RFC 2047 say.
func fileName(h header, typeParams map[string]string) string {
	name := ""
	if v := h.get("content-disposition"); v != "" {
		_, params, err := mime.ParseMediaType(v)
		if err != nil {
			params = looseParams(v)
		}
		name = params["filename"]
	}
	if name == "" {
		name = typeParams["name"]
	}
	return Printable(decodeWords(name), maxName)
}
