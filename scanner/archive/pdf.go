package archive

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/ascii85"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"

	"mirrorgw/scanner"
)

// Bounds on PDF documents.
const (
	maxStreams    = 100_000 // beyond: budget
	maxAlone      = 2_000   // streams that are contents of their own; those behind are judged together
	maxDictionary = 4 << 10 // octets of a stream's dictionary that are looked at
	maxFilters    = 8       // of one stream
)

// openPDF opens the streams of a document. It goes from stream to stream as they stand, whatever the document's own tables say: readers
// rebuild those when they are broken.
func openPDF(o *opening, at int64) error {
	content := o.section(at, o.size)
	secret, err := pdfEncrypted(content)
	if err != nil {
		return err
	}
	if secret {
		o.out.Note(scanner.CauseEncrypted, "an encrypted PDF document")
	}
	count := 0
	rest := &pdfRest{opening: o, document: content}
	err = eachWord(content, []byte("stream"), 2*maxStreams, func(behind int64) error {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		s, ok, err := pdfStreamAt(content, behind)
		if err != nil || !ok {
			return err
		}
		if count++; count > maxAlone {
			rest.streams = append(rest.streams, s)
			return nil
		}
		// A reader makes do with what it gets of a stream that is damaged.
		if _, err = o.attempt("", s.open(content)); err != nil || s.length == 0 {
			return err
		}
		return o.member("", io.NewSectionReader(content, s.from, s.length))
	})
	if err != nil || len(rest.streams) == 0 {
		return err
	}
	if _, err = o.attempt("streams", rest); err != nil {
		return err
	}
	return o.ctx.Err()
}

// pdfEncrypted says whether the document's trailer names a dictionary for decryption (ISO 32000-1 section 7.6.1).
func pdfEncrypted(content *io.SectionReader) (bool, error) {
	found := errors.New("found")
	err := eachWord(content, []byte("/Encrypt"), maxStreams, func(behind int64) error {
		var b [1]byte
		if n, _ := content.ReadAt(b[:], behind); n == 1 && strings.IndexByte(" \t\r\n\x00\f<", b[0]) >= 0 {
			return found
		}
		return nil
	})
	if errors.Is(err, found) {
		return true, nil
	}
	return false, err
}

// pdfStream is one stream of a document.
type pdfStream struct {
	from    int64
	filters []string
	length  int64 // where there is no filter and it says so itself
}

// pdfStreamAt reads what stands around the keyword stream, behind which content goes on at an offset. ok is false where there is none.
func pdfStreamAt(content *io.SectionReader, behind int64) (s pdfStream, ok bool, err error) {
	begin := max(0, behind-int64(len("stream"))-maxDictionary)
	b := make([]byte, behind+2-begin)
	n, err := content.ReadAt(b, begin)
	if err != nil && !errors.Is(err, io.EOF) {
		return s, false, err
	}
	b = b[:n]
	keyword := int(behind-begin) - len("stream")
	if bytes.HasSuffix(b[:keyword], []byte("end")) {
		return s, false, nil
	}
	s.from = behind
	switch {
	case bytes.HasPrefix(b[keyword+len("stream"):], []byte("\r\n")):
		s.from += 2
	case keyword+len("stream") < n && (b[n-1] == '\n' || b[keyword+len("stream")] == '\n' || b[keyword+len("stream")] == '\r'):
		s.from++
	}
	dictionary := b[:keyword]
	if i := bytes.LastIndex(dictionary, []byte("obj")); i >= 0 {
		dictionary = dictionary[i:]
	}
	s.filters = pdfFilters(dictionary)
	if len(s.filters) == 0 && isZlib(content, s.from) { // its filters are told elsewhere
		s.filters = []string{"Fl"}
	}
	if len(s.filters) == 0 {
		s.length = min(pdfLength(dictionary), content.Size()-s.from)
	}
	return s, true, nil
}

// isZlib says whether RFC 1950 could begin in content at an offset, as nearly all writers of it begin.
func isZlib(content io.ReaderAt, at int64) bool {
	var b [2]byte
	n, _ := content.ReadAt(b[:], at)
	return n == len(b) && b[0] == 0x78 && binary.BigEndian.Uint16(b[:])%31 == 0
}

// pdfLength returns the length that a stream's dictionary states; 0 where that is elsewhere.
func pdfLength(dictionary []byte) int64 {
	_, text, _ := strings.Cut(string(dictionary), "/Length")
	fields := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n/>", r) })
	if len(fields) == 0 || len(fields) > 2 && fields[2] == "R" {
		return 0
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// pdfFilters returns the names of a stream's filters, in the order in which they are to be undone.
func pdfFilters(dictionary []byte) []string {
	text := pdfUnescape(string(dictionary))
	i := strings.Index(text, "/Filter")
	if i < 0 {
		if i = strings.Index(text, "/F "); i < 0 {
			return nil
		}
	}
	_, text, _ = strings.Cut(text[i+1:], "/")
	if end := strings.IndexAny(text, "]>"); end >= 0 {
		text = text[:end]
	}
	var list []string
	for name := range strings.SplitSeq(text, "/") {
		name, _, _ = strings.Cut(name, " ")
		name = strings.TrimRight(name, "\t\r\n[")
		switch name {
		case "Crypt": // where nothing is encrypted, it changes nothing
		case "FlateDecode", "Fl", "ASCIIHexDecode", "AHx", "ASCII85Decode", "A85", "LZWDecode", "LZW", "RunLengthDecode", "RL":
			if len(list) < maxFilters {
				list = append(list, name)
			}
		default:
			return list
		}
	}
	return list
}

// pdfUnescape replaces the octets in names that are given by number (ISO 32000-1 section 7.3.5).
func pdfUnescape(text string) string {
	if !strings.Contains(text, "#") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '#' && i+2 < len(text) {
			if c, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				b.Write(c)
				i += 2
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// open returns a reader of what the stream holds.
func (s pdfStream) open(document *io.SectionReader) io.Reader {
	var r io.Reader = &untilWord{r: bufio.NewReaderSize(io.NewSectionReader(document, s.from, document.Size()-s.from), 4<<10), word: []byte("endstream")}
	if len(s.filters) > 0 && strings.HasPrefix(s.filters[0], "Fl") { // it ends by itself, and its octets may spell anything
		r = io.NewSectionReader(document, s.from, document.Size()-s.from)
	}
	for _, f := range s.filters {
		switch f {
		case "FlateDecode", "Fl":
			r = inflateZlib(r)
		case "ASCIIHexDecode", "AHx":
			r = &hexGroup{r: bufio.NewReader(r)}
		case "ASCII85Decode", "A85":
			r = ascii85.NewDecoder(&untilWord{r: bufio.NewReader(r), word: []byte("~>")})
		case "LZWDecode", "LZW":
			r = newLZW(bufio.NewReader(r))
		case "RunLengthDecode", "RL":
			r = &runLengths{r: bufio.NewReader(r)}
		}
	}
	return r
}

// inflateZlib reads RFC 1950, without minding its header.
func inflateZlib(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if _, err := b.Discard(2); err != nil {
		return b
	}
	return flate.NewReader(b)
}

// untilWord reads up to a word, and the end of the line ahead of it.
type untilWord struct {
	r     *bufio.Reader
	word  []byte
	ended bool
}

func (u *untilWord) Read(p []byte) (int, error) {
	if u.ended {
		return 0, io.EOF
	}
	b, err := u.r.Peek(u.r.Size())
	if len(b) == 0 {
		return 0, err
	}
	n := len(b)
	if i := bytes.Index(b, u.word); i >= 0 {
		n = len(bytes.TrimSuffix(bytes.TrimSuffix(b[:i], []byte("\n")), []byte("\r")))
		u.ended = n <= len(p)
	} else if err == nil {
		n -= len(u.word) + 1
	}
	n = copy(p, b[:n])
	if _, err := u.r.Discard(n); err != nil {
		return n, err
	}
	if n == 0 && u.ended {
		return 0, io.EOF
	}
	return n, nil
}

// pdfRest reads one stream after the other.
type pdfRest struct {
	*opening
	document *io.SectionReader
	streams  []pdfStream
	current  io.Reader
}

func (r *pdfRest) Read(p []byte) (int, error) {
	for {
		if r.current == nil {
			if len(r.streams) == 0 {
				return 0, io.EOF
			}
			if err := r.ctx.Err(); err != nil { // many may be empty
				return 0, err
			}
			r.current, r.streams = r.streams[0].open(r.document), r.streams[1:]
		}
		n, err := r.current.Read(p)
		if err != nil { // of a stream that is damaged there is no more
			r.current = nil
		}
		if n > 0 {
			return n, nil
		}
	}
}
