package literal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"mirrorgw/scanner"
)

// Bounds that hold for one content.
const (
	minLiteral = 65      // octets of the shortest that is handed out
	maxSmall   = 1 << 10 // octets of a small one
	maxAlone   = 1000    // others that are contents of their own
	maxSmalls  = 4       // small ones that are
	maxHeld    = 1 << 20 // octets that are kept to be handed out together
)

// Opener is a scanner.Opener. The zero value is ready for use, by several at once.
type Opener struct{}

// Name implements scanner.Opener.
func (Opener) Name() string { return "literal" }

// How a content is passed over that is in no memory: its windows overlap, so that a stretch which begins at the end of one is seen whole.
const (
	windowSize = 64 << 10
	overlap    = stretch - 1
)

// Open implements scanner.Opener.
func (Opener) Open(ctx context.Context, part *scanner.Part, out scanner.Contents) error {
	if part.Path == "" || part.Size() < stretch || isWalked(part) {
		return nil
	}
	memory, file := part.Region()
	head := memory[:min(len(memory), stretch)]
	if file != nil {
		head = make([]byte, stretch)
		if _, err := part.Reader().ReadAt(head, 0); err != nil {
			return err
		}
	}
	if isCalendar(head) {
		if err := out.Member("", part.Type, &unfolded{r: part.Reader()}); err != nil {
			return err
		}
	}
	s := &search{content: part.Reader(), out: out, spare: part.Size()}
	if err := s.run(ctx, memory); err != nil {
		return err
	}
	return s.flush(true)
}

// isWalked says whether a part is a message whose own parts are judged.
func isWalked(part *scanner.Part) bool {
	switch part.Type {
	case "message/rfc822", "message/global", "message/news":
		return !strings.Contains(part.Path, "/") // that is, no content an Opener has found
	default:
		return false
	}
}

// search passes over a content.
type search struct {
	content *io.SectionReader
	out     scanner.Contents
	alone   int      // contents handed out alone
	smalls  [][]byte // literals that wait for being handed out
	held    int      // octets of them
	read    int64    // how far literals of digits have been read
	spare   int64    // octets that may yet be read twice
	source  source
	small   [maxSmall]byte
}

// run passes over all of it. memory is the content, where it is in memory.
func (s *search) run(ctx context.Context, memory []byte) error {
	var buffer []byte
	if memory == nil {
		buffer = make([]byte, min(s.content.Size(), windowSize))
	}
	for from := int64(0); from+stretch <= s.content.Size(); {
		if err := ctx.Err(); err != nil {
			return err
		}
		window := memory[min(from, int64(len(memory))):min(from+windowSize, int64(len(memory)))]
		if memory == nil {
			n, err := s.content.ReadAt(buffer, from)
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			window = buffer[:n]
		}
		next, err := s.window(window, from)
		if err != nil {
			return err
		}
		from = max(next, from+int64(len(window))-overlap)
	}
	return nil
}

// window looks at the octets that stand at an offset, and returns where to go on at the earliest.
func (s *search) window(window []byte, from int64) (next int64, err error) {
	table := classes()
	for at := 0; ; at = int(next - from) {
		at, found := find(window, at, table)
		if at < 0 {
			return next, nil
		}
		if next, err = s.take(window[at:][:stretch], found, from+int64(at)); err != nil {
			return 0, err
		}
	}
}

// take looks into a stretch of a class that stands at an offset, hands out the literal that begins there, if one does, and returns where to go on.
func (s *search) take(text []byte, found class, at int64) (next int64, err error) {
	if found&plain != 0 {
		next, is, err := s.plain(text, at)
		if is || err != nil || found&listed == 0 {
			return next, err
		}
	}
	if d := newCodes(text, "&="); d != nil {
		return s.codes(d, at)
	}
	d, behind := newNumbers(text)
	if d == nil {
		return at + int64(min(behind, beginsIn(text))), nil
	}
	return s.literal(d, at)
}

// plain takes a stretch of that class. is says whether something began there.
func (s *search) plain(text []byte, at int64) (next int64, is bool, err error) {
	if d := newCodes(text, `\%`); d != nil {
		next, err = s.codes(d, at+int64(len(text)-len(bytes.TrimLeft(text, quotes+"\r\n\t"))))
		return next, true, err
	}
	inText, behind := startsIn(text)
	if len(inText) == 0 {
		return at + int64(behind), false, nil
	}
	var starts []int64
	for _, start := range inText {
		starts = append(starts, at+int64(start))
	}
	first := starts[len(starts)-1]
	ahead, err := s.ahead(first)
	if err != nil {
		return 0, true, err
	}
	if ahead < first {
		starts = append(starts, ahead)
	}
	for _, start := range starts {
		end, joint, err := s.digits(newDigits(text[max(start-at, 0):]), start)
		if err != nil {
			return 0, true, err
		}
		s.read = max(s.read, end)
		if joint > 0 && s.spare > 0 {
			s.spare -= end - at
			end = joint
		}
		next = max(next, end)
	}
	return next, true, nil
}

// digits is literal for digits, which may turn out to be those of base64. joint is where the second string of a list begins, 0 where that is nowhere.
func (s *search) digits(d *digits, at int64) (end, joint int64, err error) {
	end, err = s.literal(d, at)
	if err == nil && d.width == 4 && d.other {
		d = &digits{value: base64Values(), width: 6}
		end, err = s.literal(d, at)
	}
	if d.joint > 0 {
		joint = at + d.joint
	}
	return end, joint, err
}

// ahead returns where a literal begins that goes on in the string at an offset, behind short ones, as in "TV" + "qQ" + "AAMAAAAEAAAA"; the offset
// itself where there is none.
func (s *search) ahead(at int64) (begin int64, err error) {
	const most = 256
	from := max(at-most, s.read, 0)
	if from >= at {
		return at, nil
	}
	text := make([]byte, at-from)
	if _, err := s.content.ReadAt(text, from); err != nil {
		return 0, err
	}
	table := classes()
	for {
		strings, ok := cutQuote(text)
		if !ok {
			return at, nil
		}
		content, ok := cutQuote(bytes.TrimRight(strings, joints))
		if !ok {
			return at, nil
		}
		text = content
		for len(text) > 0 && table[text[len(text)-1]]&digit != 0 {
			text = text[:len(text)-1]
		}
		if _, quoted := cutQuote(text); !quoted || len(text) == len(content) {
			return at, nil
		}
		at = from + int64(len(text))
	}
}

// cutQuote returns text without the quotation mark behind it, and whether there is one.
func cutQuote(text []byte) ([]byte, bool) {
	if len(text) == 0 || !bytes.ContainsAny(text[len(text)-1:], quotes) {
		return text, false
	}
	return text[:len(text)-1], true
}

// codes is literal for a string. What follows its last code may be the beginning of another.
func (s *search) codes(d *codes, at int64) (next int64, err error) {
	end, err := s.literal(d, at)
	if d.behind > 0 {
		end = at + d.behind
	}
	return end, err
}

// literal hands out what stands at an offset, or keeps it for later, and returns where it ends.
func (s *search) literal(d decoder, at int64) (end int64, err error) {
	source := &s.source
	source.start(s.content, at, d)
	n, err := io.ReadFull(source, s.small[:])
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if n < minLiteral {
			return source.at, nil
		}
		return source.at, s.keep(s.small[:n])
	case err != nil:
		return 0, err
	}
	if s.alone++; s.alone <= maxAlone {
		if err := s.out.Member("", "", io.MultiReader(bytes.NewReader(bytes.Clone(s.small[:])), source)); err != nil {
			return 0, err
		}
		return source.at, nil
	}
	rest := bytes.NewBuffer(bytes.Clone(s.small[:n]))
	if _, err := io.CopyN(rest, source, maxHeld); err == nil { // it is long
		err = s.out.Member("", "", io.MultiReader(rest, source))
		return source.at, err
	} else if !errors.Is(err, io.EOF) {
		return 0, err
	}
	return source.at, s.keep(rest.Bytes())
}

// keep keeps a copy of a literal until there are enough of them.
func (s *search) keep(content []byte) error {
	s.smalls = append(s.smalls, bytes.Clone(content))
	if s.held += len(content); s.held > maxHeld {
		return s.flush(false)
	}
	return nil
}

// flush hands out what was kept: each alone where that is all there is of them and they are few.
func (s *search) flush(all bool) error {
	list := s.smalls
	s.smalls, s.held = nil, 0
	if len(list) > maxSmalls || !all {
		return s.out.Member("", "", bytes.NewReader(bytes.Join(append([][]byte{nil}, list...), []byte("\n"))))
	}
	for _, content := range list {
		if err := s.out.Member("", "", bytes.NewReader(content)); err != nil {
			return err
		}
	}
	return nil
}

// decoder reads one kind of literal.
//
// feed appends what text holds to out. It returns how many octets of text it has taken, which are all but a few where the literal goes on; last says
// that nothing follows. Where ended says so it is at its end.
type decoder interface {
	feed(text, out []byte, last bool) (int, []byte)
	ended() bool
}

// source reads what a decoder makes of a content.
type source struct {
	content *io.SectionReader
	decoder decoder
	at      int64 // in the content, behind what the decoder has taken
	in      [4 << 10]byte
	size    int    // of it that is read into
	out     []byte // decoded and not yet read
	buffer  []byte // that out is part of
}

// start begins with a literal.
func (s *source) start(content *io.SectionReader, at int64, d decoder) {
	const first = 256 // most are short
	s.content, s.decoder, s.at, s.out, s.size = content, d, at, nil, first
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	for len(s.out) == 0 {
		if s.decoder.ended() {
			return 0, io.EOF
		}
		n, err := s.content.ReadAt(s.in[:s.size], s.at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if n == 0 {
			return 0, io.EOF
		}
		taken, out := s.decoder.feed(s.in[:n], s.buffer[:0], s.at+int64(n) == s.content.Size())
		s.at, s.out, s.buffer, s.size = s.at+int64(taken), out, out, len(s.in)
		if taken == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, s.out)
	s.out = s.out[n:]
	return n, nil
}
