package notice

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// TestDetailsOfEachLanguage: all languages have the same sentences, each names as much as in English, and the scanner says what they translate.
func TestDetailsOfEachLanguage(t *testing.T) {
	var sources strings.Builder
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		b, err := os.ReadFile("../" + name)
		sources.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var sentences []string
	for _, language := range Languages() {
		if language == English {
			continue
		}
		book, err := phrasesIn(language)
		if err != nil {
			t.Fatal(err)
		}
		var here []string
		for _, p := range book {
			english := strings.Join(p.english, "%")
			here = append(here, english)
			if len(p.english) != len(p.translated) || slices.Equal(p.english, p.translated) {
				t.Errorf("%s: %q is %q", language, english, strings.Join(p.translated, "%"))
			}
			for _, piece := range p.english {
				if !strings.Contains(sources.String(), strings.Trim(piece, " ()")) {
					t.Errorf("%s: nobody says %q", language, english)
				}
			}
		}
		if sentences == nil {
			sentences = here
		}
		if len(here) < 20 || !slices.Equal(here, sentences) {
			t.Errorf("%s has other sentences: %q", language, here)
		}
	}
}

// content is an engine that finds nothing.
type content struct{}

func (content) Name() string { return "content" }
func (content) Scan(context.Context, *scanner.Part) (scanner.Findings, error) {
	return scanner.Findings{}, nil
}

// TestDetailsInGerman: what the scanner says of real mails reaches the reader of a notice in his language.
func TestDetailsInGerman(t *testing.T) {
	const nested = "Content-Type: message/rfc822\r\n\r\n"
	for name, test := range map[string]struct {
		mail   string
		limits scanner.Limits
		want   string
	}{
		"parts":   {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b--\r\n", scanner.Limits{Parts: 2}, "die Nachricht hat mehr als 2 Teile"},
		"depth":   {nested + nested + nested + "\r\nx\r\n", scanner.Limits{Depth: 2}, "die Nachricht ist mehr als 2 Ebenen tief verschachtelt"},
		"size":    {"\r\nlong\r\n", scanner.Limits{Message: 5}, "die Nachricht hat 8 Byte, die Grenze ist 5"},
		"partial": {"Content-Type: message/partial; id=1; number=1\r\n\r\nx\r\n", scanner.Limits{}, "die Nachricht ist ein Teilstück einer in mehreren"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{content{}}, Limits: test.limits})
			if err != nil {
				t.Fatal(err)
			}
			item := newItem(test.mail)
			mail := scanner.Spool{}.NewBuffer()
			defer mail.Close()
			if _, err := mail.Write([]byte(test.mail)); err != nil {
				t.Fatal(err)
			}
			item.Verdict = s.Scan(context.Background(), mail, true)
			item.Cause = item.Verdict.Cause
			notice, err := newComposer(t, Config{Language: "de"}).Compose(item, testID)
			if err != nil {
				t.Fatal(err)
			}
			if _, body := read(t, string(notice)); !strings.Contains(body, "    Grund:          "+test.want) {
				t.Errorf("%q in\n%s", item.Verdict.Detail, body)
			}
		})
	}
}

// TestDetailsNamed: names stay as they are, sentences among them are translated, and so does what is unknown.
func TestDetailsNamed(t *testing.T) {
	book, err := phrasesIn("de")
	if err != nil {
		t.Fatal(err)
	}
	for detail, want := range map[string]string{
		"":                           "",
		"Heuristics.Limits.Exceeded": "Heuristics.Limits.Exceeded",
		"clamd: Heuristics.Encrypted.Zip (part 1.2)":                    "clamd: Heuristics.Encrypted.Zip (Teil 1.2)",
		`encrypted: "the whole mail.zip" (part 2)`:                      `verschlüsselt: "the whole mail.zip" (Teil 2)`,
		"engine yara failed on the whole mail: it did not answer: EOF":  "Prüfprogramm yara scheiterte an die ganze Nachricht: it did not answer: EOF",
		"zip: more than 10000 records (the whole mail)":                 "zip: mehr als 10000 Einträge (die ganze Nachricht)",
		"the mail expands to more than 400 octets":                      "die Nachricht umfasst ausgepackt mehr als 400 Byte",
		"the mail has many octets":                                      "the mail has many octets",
		strings.Repeat("(part ", 1000):                                  strings.Repeat("(part ", 1000),
		"encrypted: encrypted: encrypted: encrypted: encrypted: part 1": "verschlüsselt: verschlüsselt: verschlüsselt: encrypted: encrypted: part 1",
	} {
		if got := book.translate(detail); got != want {
			t.Errorf("%q is %q, not %q", detail, got, want)
		}
	}
}
