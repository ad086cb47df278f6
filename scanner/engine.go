package scanner

import (
	"context"
	"io"
	"os"
)

// Findings are the matches of one engine in one part; empty means the engine saw the whole part and found nothing.
type Findings []Finding

// Engine judges one part at a time. scanner/yara is one.
//
// Scan borrows part until it returns, is safe for concurrent use, and ends soon after ctx does. An error means the part
// was not judged, whatever findings come with it: an engine that fails never answers clean. An *Obstacle says that it lies in the
// part.
type Engine interface {
	Name() string
	Scan(ctx context.Context, part *Part) (Findings, error)
}

// SeveralEngine is an Engine that judges several small contents at less cost than one after the other. scanner/yara is one.
//
// ScanAll is Scan for each of parts, and returns what it says of each, which does not depend on the others. They are of 64 KiB together
// at most.
type SeveralEngine interface {
	Engine
	ScanAll(ctx context.Context, parts []*Part) []Said
}

// Said is what an engine says of a part.
type Said struct {
	Findings Findings
	Err      error
}

// NameEngine is an Engine that may go by what a part is called as well. Where NamesMatter returns true, it is asked again about a
// content that it has seen when that has other names.
type NameEngine interface {
	Engine
	NamesMatter() bool
}

// Part is one content to judge: the whole mail, or one decoded leaf of it.
type Part struct {
	Path string // position in the mail: "" the whole mail, "1.2" the second part of the first, as IMAP numbers sections (RFC 3501 section 6.4.5); "1.2/3" the third content an Opener found in it
	Name string // file name the part claims, decoded and Printable; empty when it claims none. Hostile text: quote it before printing
	Type string // media type the part claims, lower case, without parameters; empty for the whole mail

	Names []string // every file name that some client may take it to have, Name's original among them, at most 16 of at most 1024 octets; as hostile as can be

	Verbatim bool // its octets stand like this in the part it was found in, so that who has looked at that one has seen them

	Text bool // it is a text in another charset than it came in, see Contents.Text: no archive or document, whatever it looks like

	content *Buffer
	leaves  []Leaf // of the whole mail only
	finder  string // see ExplainedPart.Found
}

// Leaf says where in the whole mail a body lies that the walk decoded, and how.
type Leaf struct {
	At, End  int64 // first octet, and the one behind the last
	Encoding Encoding
}

// NewPart returns a part over content, which it borrows.
func NewPart(path, name, mediaType string, content *Buffer) *Part {
	return &Part{Path: path, Name: name, Type: mediaType, content: content}
}

// Size returns the content's length in octets.
func (p *Part) Size() int64 { return p.content.Size() }

// Reader returns a reader of the content, borrowed like the part. Several may be in use at once.
func (p *Part) Reader() *io.SectionReader { return p.content.Reader() }

// Leaves returns, for the whole mail, where the bodies lie that have been decoded and judged already, in the order in which they
// stand. For any other part there are none. The slice is borrowed.
func (p *Part) Leaves() []Leaf { return p.leaves }

// Region returns the whole content either as memory or, when file is not nil, as a stretch of Size octets of a file. Both are
// borrowed: read only, and not after Scan returns.
func (p *Part) Region() (mem []byte, file *Stretch) { return p.content.region() }

// Stretch is where in an unlinked file a content stands, of which the file may hold more on either side. The file's own offset is not used.
type Stretch struct {
	File *os.File
	At   int64 // of the first octet
}
