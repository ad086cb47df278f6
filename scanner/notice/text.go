package notice

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"mirrorgw/scanner"
)

// languages holds a template for each language. Each defines "part" too, for a notice in place of one part of a mail.
//
//go:embed languages/*.tmpl
var languages embed.FS

// English is the language of notices where none is configured.
const English = "en"

// Languages returns the languages notices can be written in, as ISO 639-1 codes in alphabetical order.
func Languages() []string {
	entries, err := languages.ReadDir("languages")
	if err != nil {
		panic(err) // they are part of the program
	}
	var codes []string
	for _, e := range entries {
		codes = append(codes, strings.TrimSuffix(e.Name(), ".tmpl"))
	}
	slices.Sort(codes)
	return codes
}

// partTemplate is the name of the template for one part of a mail.
const partTemplate = "part"

// Bounds of a template of one's own.
const (
	maxTemplate = 256 << 10 // octets of the file
	maxText     = 32 << 10  // octets of a text made by it
)

// builtIn returns the template of a language.
func builtIn(language string) (*template.Template, error) {
	text, err := languages.ReadFile("languages/" + language + ".tmpl")
	if err != nil {
		return nil, fmt.Errorf("no notices in the language %q: there are %s", language, strings.Join(Languages(), ", "))
	}
	return template.New(language).Parse(string(text))
}

// ownTemplate reads a template from a file.
//
// Errors name the file, and the line where there is one.
func ownTemplate(path string) (*template.Template, error) {
	text, err := readTemplate(path)
	if err != nil {
		return nil, err
	}
	t, err := template.New(path).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	return t, nil
}

func readTemplate(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", pathError(path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxTemplate+1))
	if err != nil {
		return "", pathError(path, err)
	}
	if len(content) > maxTemplate {
		return "", fmt.Errorf("%s: longer than %d octets, so it is hardly a template", path, maxTemplate)
	}
	text := strings.TrimPrefix(string(content), "\ufeff")
	if !utf8.ValidString(text) {
		return "", fmt.Errorf("%s:%d: not UTF-8", path, 1+strings.Count(text[:len(text)-len(fromInvalid(text))], "\n"))
	}
	return text, nil
}

// fromInvalid returns s from its first octet that is no UTF-8 on.
func fromInvalid(s string) string {
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			return s[i:]
		}
	}
	return ""
}

func pathError(path string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// templateError makes of an error of package template one that begins with FILE:LINE.
func templateError(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if strings.Contains(text, "can't evaluate field") {
		text += "; there are " + fieldNames()
	}
	return errors.New(text)
}

var (
	errTooLong = fmt.Errorf("the text is longer than %d octets", maxText)
	errEmpty   = errors.New("the text is empty")
)

// bounded collects a text up to maxText.
type bounded struct{ strings.Builder }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxText {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

// execute returns the text a template makes of f, fit for the body of a mail: lines that end in CRLF, without other control
// characters.
func execute(t *template.Template, f Fields) (string, error) {
	var b bounded
	if err := t.Execute(&b, f); err != nil {
		return "", templateError(err)
	}
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, b.String())
	if strings.TrimSpace(text) == "" {
		return "", errEmpty
	}
	return strings.ReplaceAll(strings.TrimRight(text, "\n")+"\n", "\n", "\r\n"), nil
}

// try executes a template for mails of every kind, so that what is wrong with it is found before there is one.
func (c *Composer) try(t *template.Template) error {
	full := scanner.Item{
		Origin:  scanner.Origin{Protocol: "pop3", User: "user"},
		Summary: scanner.Summary{From: "Sender <sender@example.org>", Subject: "subject"},
	}
	for cause := range scanner.DefaultPolicy() {
		for _, item := range []scanner.Item{{}, full} {
			item.Cause = cause
			item.Verdict = scanner.Verdict{Cause: cause, Detail: "detail"}
			if cause == scanner.CauseInfected {
				item.Verdict.Class = scanner.Infected
				item.Verdict.Findings = []scanner.Finding{{Engine: "engine", Rule: "Rule"}, {Engine: "engine", Rule: "Other", Part: "2"}}
			}
			for _, language := range Languages() {
				if _, err := execute(t, c.fields(item, "0123456789ab", language)); err != nil {
					return fmt.Errorf("%w (for a mail whose cause is %s)", err, cause)
				}
			}
		}
	}
	return nil
}
