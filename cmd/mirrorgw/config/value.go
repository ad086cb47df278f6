package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// reader collects what a walk over the file finds out: where each key stands, and every error.
type reader struct {
	file *File
	errs Errors
}

// value is one node of the file and the key that leads to it. Its methods read the node as one kind of thing; what it is
// not becomes an error at the node.
type value struct {
	r    *reader
	node *yaml.Node
	key  string     // "scan.yara.rules[0]"; empty: the whole file
	word *yaml.Node // the last word of key, as the file has it; nil in a list and at the top
}

// maxErrors bounds what is reported of one file; nobody reads on after that.
const maxErrors = 100

// fail records an error at v.
func (v value) fail(format string, args ...any) {
	v.r.failAt(v.r.file.placeOf(v.node), format, args...)
}

func (r *reader) failAt(at Error, format string, args ...any) {
	if len(r.errs) < maxErrors {
		at.Msg = fmt.Sprintf(format, args...)
		r.errs = append(r.errs, at)
	}
}

// refuse records that something promised has not landed.
func (v value) refuse(name string) { v.fail("%s is not in this version", name) }

// field returns the value of one key in the mapping v and remembers its place.
func (v value) field(word, n *yaml.Node) value {
	c := value{r: v.r, node: n, key: v.keyOf(word.Value), word: word}
	v.r.file.places[c.key] = v.r.file.placeOf(n)
	return c
}

// keyOf returns the whole key of a word in the mapping v.
func (v value) keyOf(word string) string {
	if v.key == "" {
		return word
	}
	return v.key + "." + word
}

// item returns one value of the list v and remembers its place.
func (v value) item(i int, n *yaml.Node) value {
	c := value{r: v.r, node: n, key: fmt.Sprintf("%s[%d]", v.key, i)}
	v.r.file.places[c.key] = v.r.file.placeOf(n)
	return c
}

// fields reads v as a mapping and calls the function of each key. A section without content is an empty one: its keys may
// all have been commented out.
func (v value) fields(known map[string]func(value)) {
	if v.isNull() {
		return
	}
	if v.node.Kind != yaml.MappingNode {
		v.fail("%s wants keys of its own (%s), not %s", v.name(), strings.Join(slices.Sorted(maps.Keys(known)), ", "), v.kind())
		return
	}
	first := make(map[string]int) // line of each key
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		word, n := v.node.Content[i], v.node.Content[i+1]
		at := value{r: v.r, node: word}
		read, ok := known[word.Value]
		line, twice := first[word.Value]
		switch {
		case word.Kind != yaml.ScalarNode:
			at.fail("a key must be a word, not %s", at.kind())
		case !ok:
			at.fail("unknown key %s; %s", v.keyOf(show(word.Value)), hint(word.Value, slices.Sorted(maps.Keys(known))))
		case twice:
			at.fail("%s is written twice, first in line %d", v.keyOf(word.Value), line)
		default:
			first[word.Value] = word.Line
			read(v.field(word, n))
		}
	}
}

// hint says which of the known keys may have been meant by word.
func hint(word string, known []string) string {
	if meant := Nearest(word, known); meant != "" {
		return "did you mean " + meant + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

// list reads v as a sequence.
func (v value) list() ([]value, bool) {
	if v.node.Kind != yaml.SequenceNode {
		v.fail("%s wants a list, not %s: write [ ] around its values", v.name(), v.kind())
		return nil, false
	}
	items := make([]value, len(v.node.Content))
	for i, n := range v.node.Content {
		items[i] = v.item(i, n)
	}
	return items, true
}

// text reads v as a scalar, as it is written.
func (v value) text() (string, bool) {
	if v.isNull() {
		v.fail("%s has no value", v.name())
		return "", false
	}
	if v.node.Kind != yaml.ScalarNode {
		v.fail("%s wants a single value, not %s", v.name(), v.kind())
		return "", false
	}
	return v.node.Value, true
}

// count reads v as a whole number from low to high.
func (v value) count(low, high int, to *int) {
	s, ok := v.text()
	if !ok {
		return
	}
	n, err := parseCount(s)
	if err != nil || n < int64(low) || n > int64(high) {
		v.fail("%s: %s is not a whole number from %d to %d", v.name(), show(s), low, high)
		return
	}
	*to = int(n)
}

// size reads v as a size above zero.
func (v value) size(to *int64) {
	s, ok := v.text()
	if !ok {
		return
	}
	n, err := parseSize(s)
	switch {
	case err != nil:
		v.fail("%s: %s %v", v.name(), show(s), err)
	case n == 0:
		v.fail("%s must be more than 0", v.name())
	default:
		*to = n
	}
}

// duration reads v as a duration above zero.
func (v value) duration(to *time.Duration) {
	s, ok := v.text()
	if !ok {
		return
	}
	d, err := parseDuration(s)
	switch {
	case err != nil:
		v.fail("%s: %s %v", v.name(), show(s), err)
	case d <= 0:
		v.fail("%s must be more than 0", v.name())
	default:
		*to = d
	}
}

// path reads v as an absolute path.
func (v value) path(to *string) {
	s, ok := v.text()
	if !ok {
		return
	}
	if !strings.HasPrefix(s, "/") {
		v.fail("%s: %s is not an absolute path: it must begin with /", v.name(), show(s))
		return
	}
	if strings.ContainsRune(s, 0) {
		v.fail("%s: a path cannot hold a NUL", v.name())
		return
	}
	*to = s
}

// boolean reads v as true or false.
func (v value) boolean(to *bool) {
	var word string
	oneOf(v, &word, []string{"true", "false"})
	if word != "" {
		*to = word == "true"
	}
}

// oneOf reads v as one of a few words. A word of later is promised but has not landed.
func oneOf[T ~string](v value, to *T, now []T, later ...T) {
	s, ok := v.text()
	if !ok {
		return
	}
	switch {
	case slices.Contains(now, T(s)):
		*to = T(s)
	case slices.Contains(later, T(s)):
		v.refuse(s)
	default:
		v.fail("%s: %s is not one of %s", v.name(), show(s), words(now))
	}
}

// words joins the values an enumerated key takes.
func words[T ~string](all []T) string {
	s := make([]string, len(all))
	for i, w := range all {
		s[i] = string(w)
	}
	return strings.Join(s, ", ")
}

func (v value) isNull() bool {
	return v.node.Kind == yaml.ScalarNode && v.node.ShortTag() == "!!null"
}

// name returns the key as it is shown.
func (v value) name() string {
	if v.key == "" {
		return "the file"
	}
	return v.key
}

// kind returns what v is, in words.
func (v value) kind() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias (write the value itself)"
	default:
		if v.isNull() {
			return "nothing"
		}
		return show(v.node.Value)
	}
}
