package scanner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Bounds of an Explanation.
const (
	maxExplained      = 10_000  // parts that are listed
	maxExplainedNames = 1 << 20 // octets of the names of all parts
	maxMatches        = 256     // matches of one engine in one part
)

// Explanation tells of one scan all that a verdict leaves out. It is for whoever writes rules, or wonders about a verdict. File names
// and media types in it are the sender's: quote them before printing.
type Explanation struct {
	Parts   []ExplainedPart `json:"parts"`              // in the order in which they were looked at, the whole mail first
	LeftOut int             `json:"left_out,omitempty"` // parts beyond those listed
	Causes  []Reason        `json:"causes"`             // all that keeps the mail from being clean, foremost first
	Spent   Spent           `json:"spent"`
}

// ExplainedPart is one content the scan came across, or a multipart inside the mail, which has no content of its own.
type ExplainedPart struct {
	Path   string            `json:"path"`  // see Part.Path; it ends in / where the content is known and has no number
	Found  string            `json:"found"` // what found it: mail for the mail itself, walk for its MIME parts, else the name of an Opener
	Depth  int               `json:"depth"` // containers around it
	Type   string            `json:"type"`
	Holds  string            `json:"holds,omitempty"` // the type of the multipart that is the body of this mail
	Name   string            `json:"name"`
	Names  []string          `json:"names,omitempty"` // where some client may take it for something else than Name
	Size   int64             `json:"size"`
	SHA256 string            `json:"sha256,omitempty"`  // empty for a multipart
	Same   *string           `json:"same_as,omitempty"` // path of the part with the same content, which is judged once
	Said   []ExplainedAnswer `json:"engines,omitempty"`
}

// ExplainedAnswer is what one engine said of one part.
type ExplainedAnswer struct {
	Engine  string        `json:"engine"`
	Asked   bool          `json:"asked"` // false: it had failed too often in this mail
	Rules   []string      `json:"rules"` // which matched
	Matches []Match       `json:"matches,omitempty"`
	Error   string        `json:"error,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Match is one place in a part where a string of a rule matches.
type Match struct {
	Rule   string `json:"rule"`
	String string `json:"string"`         // its name in the rule
	Offset int64  `json:"offset"`         // in the part
	Length int64  `json:"length"`         // octets
	Text   string `json:"text"`           // the first of them, ASCII with the escapes of Go
	More   int    `json:"more,omitempty"` // matches of the same string that are not listed
}

// Reason is a cause and what is known of it.
type Reason struct {
	Cause  Cause  `json:"cause"`
	Detail string `json:"detail,omitempty"`
}

// Spent says what a scan took of its limits, see Limits. A limit that was met has a cause.
type Spent struct {
	Expanded    int64         `json:"expanded"`
	ExpandedMax int64         `json:"expanded_max"`
	Parts       int           `json:"parts"`
	PartsMax    int           `json:"parts_max"`
	Depth       int           `json:"depth"`
	DepthMax    int           `json:"depth_max"`
	Took        time.Duration `json:"took_ns"`
	TimeMax     time.Duration `json:"time_max_ns"`
}

// Matcher says where rules match in a part in which its engine has found something. scanner/yara has one.
type Matcher interface {
	// Name returns the name of the engine.
	Name() string

	// Matches borrows part until it returns, and is safe for concurrent use.
	Matches(ctx context.Context, part *Part) ([]Match, error)
}

// Explain is Scan for a person who wants to know why. Nothing is remembered, and matchers are asked where their engines have found
// something, in the time of the mail.
func (s *Scanner) Explain(ctx context.Context, mail *Buffer, complete bool, matchers ...Matcher) (Verdict, *Explanation) {
	t := &trace{matchers: matchers}
	t.told.Parts, t.told.Causes = []ExplainedPart{}, []Reason{} // not null, for readers of JSON
	v := s.scan(ctx, mail, complete, false, t)
	return v, &t.told
}

// trace notes what a scan comes across.
type trace struct {
	told     Explanation
	matchers []Matcher
	names    int // octets of them noted
	current  int // index in told.Parts, of the part at hand; -1: it is left out
}

// part notes a content. Where it is known already, the part at first is the one that is judged.
func (t *trace) part(part *Part, sum [sha256.Size]byte, depth int, first string, known bool) {
	e := ExplainedPart{
		Path: part.Path, Found: part.finder, Depth: depth, Type: Printable(part.Type, maxShown), Name: part.Name,
		Size: part.Size(), SHA256: hex.EncodeToString(sum[:]),
	}
	for _, name := range part.Names {
		if name = Printable(name, maxName); name != part.Name && t.names+len(name) <= maxExplainedNames {
			t.names += len(name)
			e.Names = append(e.Names, name)
		}
	}
	if known {
		e.Same = &first
	}
	t.add(e)
}

// reading notes a content that an opener has found, that is known already and has names: it has no number, and so no path of its own.
func (t *trace) reading(c *contents, part *Part, sum [sha256.Size]byte) {
	first := part.Path
	noted := *part
	noted.Path, noted.finder = c.part.Path+"/", c.opener
	t.part(&noted, sum, c.depth+1, first, true)
}

// multipart notes a multipart, the one that is the body of a mail with that mail.
func (t *trace) multipart(e entity, typ string) {
	typ = Printable(typ, maxShown)
	if !e.root {
		t.add(ExplainedPart{Path: e.path, Found: finderWalk, Depth: e.depth, Type: typ})
		return
	}
	for i := range slices.Backward(t.told.Parts) {
		if p := &t.told.Parts[i]; p.Path == e.path {
			p.Holds = typ
			return
		}
	}
}

func (t *trace) add(e ExplainedPart) {
	if len(t.told.Parts) == maxExplained {
		t.told.LeftOut++
		t.current = -1
		return
	}
	t.current = len(t.told.Parts)
	t.told.Parts = append(t.told.Parts, e)
}

// answer notes what engine i has said to q.
func (t *trace) answer(x *examination, q *question, i int) {
	if q.place < 0 {
		return
	}
	to, a := &t.told.Parts[q.place], &q.answers[i]
	e := ExplainedAnswer{Engine: x.scanner.engines[i].Name(), Asked: a.asked, Rules: []string{}, Took: a.took}
	for _, f := range a.Findings[:min(len(a.Findings), maxFindings)] {
		e.Rules = append(e.Rules, f.Rule)
	}
	if a.Err != nil {
		e.Error = a.Err.Error()
	}
	if len(a.Findings) > 0 {
		e.Matches = t.matches(x, e.Engine, q.part, &e.Error)
	}
	to.Said = append(to.Said, e)
}

// matches asks the matcher of an engine. What goes wrong is added to what did before.
func (t *trace) matches(x *examination, engine string, part *Part, wrong *string) []Match {
	for _, m := range t.matchers {
		if m.Name() != engine {
			continue
		}
		found, err := m.Matches(x.ctx, part)
		if err != nil {
			*wrong = strings.TrimPrefix(*wrong+"; where it matches: "+err.Error(), "; ")
		}
		return found[:min(len(found), maxMatches)]
	}
	return nil
}

// end notes what there is to say once the scan is over.
func (t *trace) end(x *examination, v *Verdict) {
	for _, c := range causeOrder() {
		if detail, holds := x.causes[c]; holds {
			t.told.Causes = append(t.told.Causes, Reason{Cause: c, Detail: detail})
		}
	}
	limits := x.scanner.limits
	t.told.Spent = Spent{
		Expanded: x.expanded, ExpandedMax: limits.Expanded, Parts: x.parts, PartsMax: limits.Parts,
		Depth: x.deepest, DepthMax: limits.Depth, Took: v.Took, TimeMax: limits.Time,
	}
}

// The finders that are no Opener.
const (
	finderMail = "mail"
	finderWalk = "walk"
)
