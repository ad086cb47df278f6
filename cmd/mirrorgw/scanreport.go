package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"mirrorgw/scanner"
)

// maxNamed bounds the findings of one mail that the table names.
const maxNamed = 4

// report writes judgements as they come: a table with a last line that sums it up, or a JSON array. What could not be judged
// goes to standard error, one line each.
type report struct {
	out, errs io.Writer
	progress  *progress
	json      bool
	policy    scanner.Policy
	started   time.Time

	written bool // something is in out
	judged  map[scanner.Class]int
	octets  int64
	notRead int
}

func (p *program) newReport(asJSON bool, policy scanner.Policy) *report {
	return &report{
		out: p.stdout, errs: p.stderr, progress: startProgress(p.stderr), json: asJSON, policy: policy, started: time.Now(),
		judged: make(map[scanner.Class]int),
	}
}

// add writes one judgement. Errors: those of standard output.
func (r *report) add(j judgement) error {
	var err error
	r.progress.aside(func() { err = r.write(j) })
	r.progress.say(r.counts())
	return err
}

func (r *report) write(j judgement) error {
	switch {
	case j.leftOut > 0:
		fmt.Fprintf(r.errs, "mirrorgw: scan: %s: links and special files left out: %d\n", quote(j.path), j.leftOut)
		return nil
	case j.err != nil:
		r.notRead++
		fmt.Fprintf(r.errs, "mirrorgw: scan: %s: %s\n", quote(j.path), plain(reason(j.err)))
		return nil
	}
	r.judged[j.verdict.Class]++
	r.octets += j.verdict.Size
	if r.json {
		return r.element(j)
	}
	if j.told != nil {
		r.written = true
		return r.explain(j)
	}
	return r.row(j)
}

// row writes a line of the table. The columns whose width is known come first, so that it can be written as it grows.
func (r *report) row(j judgement) error {
	const columns = "%-11s  %11s  %s\n"
	if !r.written {
		r.written = true
		if _, err := fmt.Fprintf(r.out, columns, "VERDICT", "SIZE", "PATH"); err != nil {
			return err
		}
	}
	last := quote(j.path)
	if why := why(&j.verdict); why != "" {
		last += "  " + why
	}
	_, err := fmt.Fprintf(r.out, columns, j.verdict.Class, fmt.Sprint(j.verdict.Size), last)
	return err
}

// why says what keeps a mail from being clean, fit for a terminal.
func why(v *scanner.Verdict) string {
	if v.Class == scanner.Infected {
		var words []string
		for i, f := range v.Findings {
			if i == maxNamed {
				words = append(words, fmt.Sprintf("and %d more", len(v.Findings)-maxNamed))
				break
			}
			words = append(words, quote(f.String()))
		}
		return strings.Join(words, " ")
	}
	if v.Detail == "" {
		return string(v.Cause)
	}
	return string(v.Cause) + ": " + plain(v.Detail)
}

// element writes an element of the array.
func (r *report) element(j judgement) error {
	before := ",\n"
	if !r.written {
		r.written, before = true, "[\n"
	}
	v := &j.verdict
	findings := v.Findings
	if findings == nil {
		findings = []scanner.Finding{}
	}
	text, err := json.Marshal(struct {
		Path     string            `json:"path"`
		Verdict  string            `json:"verdict"`
		Cause    scanner.Cause     `json:"cause"`  // "" when clean
		Action   string            `json:"action"` // of a gateway with this configuration
		Findings []scanner.Finding `json:"findings"`
		Size     int64             `json:"size"`
		SHA256   string            `json:"sha256"`
		Took     int64             `json:"took_ms"`

		Explanation *scanner.Explanation `json:"explanation,omitempty"`
	}{j.path, v.Class.String(), v.Cause, r.policy.Action(*v).String(), findings, v.Size, hex.EncodeToString(v.SHA256[:]), v.Took.Milliseconds(), j.told})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(r.out, "%s%s", before, text)
	return err
}

// end writes what comes last. Errors: those of standard output.
func (r *report) end() error {
	r.progress.stop()
	last := ""
	switch {
	case !r.json:
		last = fmt.Sprintf("%s, %d octets, %v\n", r.counts(), r.octets, time.Since(r.started).Round(time.Millisecond))
	case r.written:
		last = "\n]\n"
	default:
		last = "[]\n"
	}
	_, err := io.WriteString(r.out, last)
	return err
}

// counts sums up what has been written.
func (r *report) counts() string {
	clean, infected, unscannable := r.judged[scanner.Clean], r.judged[scanner.Infected], r.judged[scanner.Unscannable]
	s := fmt.Sprintf("mails: %d clean, %d infected, %d unscannable", clean, infected, unscannable)
	if r.notRead > 0 {
		s += fmt.Sprintf(", %d not read", r.notRead)
	}
	return s
}

// exitCode is the answer in one number.
func (r *report) exitCode() int {
	switch {
	case r.notRead > 0:
		return exitIncomplete
	case r.judged[scanner.Infected]+r.judged[scanner.Unscannable] > 0:
		return exitNo
	default:
		return exitDone
	}
}

// reason returns what an error of the file system says, less the path, which is shown already.
func reason(err error) string {
	if path, ok := err.(*fs.PathError); ok { //nolint:errorlint // inside a wrapper the path belongs to the sentence
		return path.Err.Error()
	}
	return err.Error()
}
