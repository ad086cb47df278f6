package scanner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"strings"
)

// Bounds of a mail whose rest is kept.
const (
	maxTrimmed       = 8 << 20   // octets of what is left of it, which is held in memory and taken from the spool's Quota
	maxTrimmedHeader = 256 << 10 // octets of one header
)

// errWhole says why a mail is to be replaced as a whole.
var errWhole = errors.New("the mail can only be replaced as a whole")

// errNoRoom says that the spool has no memory for the rest of a mail.
var errNoRoom = errors.New("the spool's memory is used up")

// trimmer copies a mail and has a text take the place of each leaf in which something was found. It is strict where the walk is
// tolerant: of what two mail clients may read differently nothing is kept, since the rest is to be what its reader would have
// seen.
type trimmer struct {
	lines    *lines
	out      strictLines
	fields   []byte                                  // for the mail's header
	part     func(path, name string) ([]byte, error) // the entity in place of a leaf, nil for one that stays
	replaced int
}

// trim returns mail with each part in which something was found replaced by what parts writes for it. What it returns has its
// capacity in memory taken from quota, which the caller gives back; with an error nothing is.
//
// Errors: errWhole, wrapped; errNoRoom; those of parts and of the mail's reader.
func trim(mail *Buffer, item Item, id string, parts PartComposer, quota *Quota) (_ []byte, err error) {
	fields, err := parts.ComposeFields(item, id)
	if err != nil {
		return nil, err
	}
	placed := make([]bool, len(item.Verdict.Findings))
	t := &trimmer{lines: newLines(mail.Reader(), mail.Size()), out: strictLines{quota: quota}, fields: fields}
	defer func() {
		if err != nil {
			quota.give(int64(cap(t.out.text)), 0)
		}
	}()
	t.part = func(path, name string) ([]byte, error) {
		var found []Finding
		for i, f := range item.Verdict.Findings {
			if f.in(path) {
				found = append(found, f)
				placed[i] = true
			}
		}
		if len(found) == 0 {
			return nil, nil
		}
		one := item
		one.Verdict.Findings = found
		return parts.ComposePart(one, id, name)
	}
	if m, err := t.entity("", true); err != nil {
		return nil, err
	} else if m.level != atEOF {
		return nil, fmt.Errorf("%w: a boundary is left over", errWhole)
	}
	for i, f := range item.Verdict.Findings {
		if !placed[i] && f.part() != "" {
			return nil, fmt.Errorf("%w: part %s is not where it should be", errWhole, f.Part)
		}
	}
	if t.replaced == 0 {
		return nil, fmt.Errorf("%w: no part is named", errWhole)
	}
	if !bytes.HasSuffix(t.out.text, []byte("\r\n")) {
		return nil, fmt.Errorf("%w: the last line does not end", errWhole)
	}
	return t.out.text, nil
}

// part returns the path of the MIME part a finding is in: what an opener found in a part, see Contents, is in that part.
func (f Finding) part() string {
	path, _, _ := strings.Cut(f.Part, "/")
	return path
}

// in reports whether a finding is in the leaf at path, or in a message inside it.
func (f Finding) in(path string) bool {
	return f.part() == path || strings.HasPrefix(f.part(), path+".")
}

// entity copies one entity, and returns what ended it.
func (t *trimmer) entity(path string, root bool) (mark, error) {
	raw, err := t.header()
	if err != nil {
		return mark{}, err
	}
	h, _, _, err := readHeader(newLines(bytes.NewReader(raw), int64(len(raw))), structure())
	if err != nil {
		return mark{}, err
	}
	for _, name := range structure() {
		if len(h.fields[name]) > 1 || h.cut[name] {
			return mark{}, fmt.Errorf("%w: several %s fields", errWhole, name)
		}
	}
	typ, params, err := strictType(h.get("content-type"))
	if err != nil {
		return mark{}, err
	}
	if root {
		raw = append(append(dropFields(raw), t.fields...), "\r\n"...)
	}
	if boundary := params["boundary"]; strings.HasPrefix(typ, "multipart/") {
		if err := t.out.write(raw); err != nil {
			return mark{}, err
		}
		return t.multipart(path, boundary)
	}
	if root {
		return mark{}, fmt.Errorf("%w: it has one part", errWhole)
	}
	instead, err := t.part(path, fileName(h, params))
	if err != nil {
		return mark{}, err
	}
	if instead == nil {
		if err := t.out.write(raw); err != nil {
			return mark{}, err
		}
		return t.copy(true)
	}
	t.replaced++
	if err := t.out.write(instead); err != nil {
		return mark{}, err
	}
	return t.copy(false)
}

// multipart copies the body of a multipart.
func (t *trimmer) multipart(path, boundary string) (mark, error) {
	if boundary == "" || len(boundary) > 70 || strings.HasSuffix(boundary, " ") {
		return mark{}, fmt.Errorf("%w: a multipart without a good boundary", errWhole)
	}
	for _, open := range t.lines.open {
		if strings.HasPrefix(open, "--"+boundary) || strings.HasPrefix("--"+boundary, open) {
			return mark{}, fmt.Errorf("%w: boundaries that begin alike", errWhole)
		}
	}
	level := t.lines.push(boundary)
	m, err := t.copy(true)
	for n := 1; err == nil && m.level == level && !m.closing; n++ {
		if len(path) > maxTrimmedPath {
			return mark{}, fmt.Errorf("%w: nested too deeply", errWhole)
		}
		m, err = t.entity(entity{path: path}.child(n), false)
	}
	t.lines.pop()
	if err != nil {
		return mark{}, err
	}
	if m.level != level {
		return mark{}, fmt.Errorf("%w: a multipart that does not end", errWhole)
	}
	return t.copy(true)
}

// maxTrimmedPath bounds the nesting by the length of a part's path.
const maxTrimmedPath = 64

// header returns the lines of a header, the blank line included.
func (t *trimmer) header() ([]byte, error) {
	var raw []byte
	for {
		line, begins, ok, _, err := t.lines.next()
		if err != nil {
			return nil, err
		}
		if !ok || !begins || len(raw)+len(line) > maxTrimmedHeader || !bytes.HasSuffix(line, []byte("\r\n")) {
			return nil, fmt.Errorf("%w: a header without an end, or an overlong one", errWhole)
		}
		raw = append(raw, line...)
		if len(line) == 2 {
			return raw, nil
		}
		folded := len(raw) > len(line) && (line[0] == ' ' || line[0] == '\t') && !isBlank(line)
		name, _, isField := bytes.Cut(line, []byte(":"))
		if !folded && (!isField || len(name) == 0 || bytes.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f })) {
			return nil, fmt.Errorf("%w: a header with a line that is no field", errWhole)
		}
	}
}

// copy passes over text up to the next boundary, and that line, which it writes. The text is written if keep is true.
func (t *trimmer) copy(keep bool) (mark, error) {
	for {
		piece, _, ok, m, err := t.lines.next()
		switch {
		case err != nil:
			return mark{}, err
		case !ok && m.level == atEOF:
			return m, nil
		case !ok:
			return m, t.out.write(t.lines.piece)
		case keep:
			if err := t.out.write(piece); err != nil {
				return mark{}, err
			}
		}
	}
}

// strictType reads a Content-Type that every reader takes for the same.
func strictType(value string) (typ string, params map[string]string, err error) {
	if value == "" {
		return "text/plain", nil, nil
	}
	typ, params, err = mime.ParseMediaType(value)
	if err != nil {
		return "", nil, fmt.Errorf("%w: a media type that is not well-formed", errWhole)
	}
	return typ, params, nil
}

// dropFields returns a header without its blank line and without the fields that are no longer true of a mail that was changed.
func dropFields(raw []byte) []byte {
	var kept []byte
	keep := true
	for line := range bytes.Lines(raw) {
		if line[0] != ' ' && line[0] != '\t' {
			name, _, ok := fieldName(line)
			keep = ok && !untrue(name)
		}
		if keep {
			kept = append(kept, line...)
		}
	}
	return kept
}

// untrue reports whether a field of this name, in lower case, does not outlive a change of the mail, or is written anew.
func untrue(name string) bool {
	switch name {
	case "subject", "message-id", "dkim-signature", "domainkey-signature", "authentication-results", "content-length", "content-md5", "lines":
		return true
	}
	return strings.HasPrefix(name, "arc-") || strings.HasPrefix(name, "x-mirrorgw-")
}

// strictLines collects text whose every line ends in CRLF.
type strictLines struct {
	text  []byte // its capacity is taken from the quota's memory
	cr    bool   // the last octet is CR
	quota *Quota
}

func (s *strictLines) write(p []byte) error {
	if len(s.text)+len(p) > maxTrimmed {
		return fmt.Errorf("%w: more than %d octets would be left", errWhole, maxTrimmed)
	}
	for _, c := range p {
		if s.cr != (c == '\n') {
			return fmt.Errorf("%w: a line that does not end in CRLF", errWhole)
		}
		s.cr = c == '\r'
	}
	return s.add(p)
}

// add appends p, which fits in maxTrimmed, if the quota has memory for it.
func (s *strictLines) add(p []byte) error {
	before := cap(s.text)
	if need := len(s.text) + len(p); need > before {
		size := min(max(need, 2*before, 4<<10), maxTrimmed)
		if !s.quota.mayTakeMemory(int64(size)) { // both are held while one is copied to the other
			return errNoRoom
		}
		s.text = append(make([]byte, 0, size), s.text...)
		s.quota.give(int64(before), 0)
	}
	s.text = append(s.text, p...)
	return nil
}

// keepRest returns mail with only those parts replaced in which something was found, if nothing is found in that any more. The
// caller gives the memory of it back to the spool with freeRest.
func (j *Judge) keepRest(ctx context.Context, item Item, id string, mail *Buffer) (_ []byte, err error) {
	if item.Verdict.Class != Infected || len(item.Verdict.Also) > 0 {
		return nil, fmt.Errorf("%w: it could not be wholly judged", errWhole)
	}
	rest, err := trim(mail, item, id, j.parts, j.scanner.spool.Quota)
	if errors.Is(err, errNoRoom) {
		j.counted.noRoom.Add(1)
	}
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			j.freeRest(rest)
		}
	}()
	b := j.scanner.spool.NewBuffer()
	defer b.Close()
	if _, err := b.Write(rest); err != nil {
		return nil, err
	}
	if v := j.scanner.Scan(ctx, b, true); v.Class != Clean {
		return nil, fmt.Errorf("%w: the rest is %s", errWhole, v.Class)
	}
	if j.rewriter != nil {
		rest, err = j.rewriteRest(ctx, rest, b)
	}
	return rest, err
}

// freeRest gives the memory of what keepRest has returned back.
func (j *Judge) freeRest(rest []byte) { j.scanner.spool.Quota.give(int64(cap(rest)), 0) }
