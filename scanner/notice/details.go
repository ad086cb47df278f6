package notice

import (
	"embed"
	"fmt"
	"strings"
)

// details holds, for each language but English, what the scanner says of mails that are not clean: a sentence a line, in English and
// in that language, with a % for each thing that it names. Those stand in the same order in both.
//
//go:embed languages/*.details
var details embed.FS

// phrasebook turns what the scanner says in English into another language. The zero value leaves it in English.
type phrasebook []phrase

// phrase is one sentence, cut where it names something.
type phrase struct{ english, translated []string }

// phrasesIn returns the phrasebook of a language.
func phrasesIn(language string) (phrasebook, error) {
	if language == English {
		return nil, nil
	}
	text, err := details.ReadFile("languages/" + language + ".details")
	if err != nil {
		return nil, fmt.Errorf("sentences in the language %q: %w", language, err)
	}
	var book phrasebook
	for line := range strings.Lines(string(text)) {
		english, translated, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		book = append(book, phrase{strings.Split(english, "%"), strings.Split(translated, "%")})
	}
	return book, nil
}

// maxNested bounds sentences within sentences: "engine yara failed on part 2: … (part 2)".
const maxNested = 3

// translate returns detail in the book's language. What it names is translated too where it is a sentence; names, and sentences that are not in
// the book, such as those of an engine or of a reader of archives, stay as they are.
func (b phrasebook) translate(detail string) string { return b.nested(detail, maxNested) }

func (b phrasebook) nested(detail string, depth int) string {
	for _, p := range b {
		named, ok := p.match(detail)
		if !ok || depth == 0 {
			continue
		}
		var out strings.Builder
		for i, piece := range p.translated {
			out.WriteString(piece)
			if i < len(named) {
				out.WriteString(b.nested(named[i], depth-1))
			}
		}
		return out.String()
	}
	return detail
}

// match returns what detail names where it is the sentence p.
func (p phrase) match(detail string) (named []string, ok bool) {
	first, last := p.english[0], p.english[len(p.english)-1]
	if len(p.english) == 1 {
		return nil, detail == first
	}
	rest, begins := strings.CutPrefix(detail, first)
	rest, ends := strings.CutSuffix(rest, last)
	if !begins || !ends {
		return nil, false
	}
	for _, piece := range p.english[1 : len(p.english)-1] {
		before, after, found := strings.Cut(rest, piece)
		if !found {
			return nil, false
		}
		named, rest = append(named, before), after
	}
	return append(named, rest), true
}
