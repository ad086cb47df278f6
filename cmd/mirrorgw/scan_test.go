package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/testnet"
)

const (
	cleanMail = "From: a@example.org\nSubject: clean\n\nHello.\n"

	// slowMail makes a stub wait.
	slowMail = "Subject: slow\n\nSLOW\n"
)

// eicarMail is a mail with the EICAR test file as its second part.
var eicarMail = string(testnet.EICAR().Data)

// stub is an engine that knows the EICAR test file, and waits where it meets the word SLOW.
type stub struct {
	slow   chan<- struct{}   // told when it waits
	resume <-chan struct{}   // ends the waiting
	judged func(mail []byte) // called with each content judged
}

func (s *stub) Name() string { return "stub" }
func (s *stub) Close() error { return nil }

func (s *stub) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	content, err := io.ReadAll(part.Reader())
	if err != nil {
		return nil, err
	}
	if s.slow != nil && part.Path == "" && bytes.Contains(content, []byte("SLOW")) {
		s.slow <- struct{}{}
		<-s.resume
	}
	if s.judged != nil {
		s.judged(content)
	}
	if bytes.Contains(content, []byte("$EICAR"+"-STANDARD-")) {
		return scanner.Findings{{Engine: "stub", Rule: "EICAR", Part: part.Path}}, nil
	}
	return nil, nil
}

func (s *stub) rooms() rooms {
	return rooms{openEngine: func(config.YARA, *slog.Logger) (engine, error) { return s, nil }}
}

// tree makes files in a fresh folder, by path and content, and returns the folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// verdicts runs `scan --json` and returns "PATH VERDICT" of each element, below dir.
func verdicts(t *testing.T, dir string, args ...string) (list []string, code int, stderr string) {
	t.Helper()
	code, stdout, stderr := call(t, (&stub{}).rooms(), append([]string{"scan", "--json"}, args...)...)
	for _, e := range elements(t, stdout) {
		list = append(list, strings.TrimPrefix(e.Path, dir+"/")+" "+e.Verdict)
	}
	return list, code, stderr
}

type element struct {
	Path     string            `json:"path"`
	Verdict  string            `json:"verdict"`
	Cause    *string           `json:"cause"`
	Action   string            `json:"action"`
	Findings []scanner.Finding `json:"findings"`
	Size     int64             `json:"size"`
	SHA256   string            `json:"sha256"`
	Took     *int64            `json:"took_ms"`
}

func elements(t *testing.T, text string) (list []element) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil || list == nil {
		t.Fatalf("%v: %q", err, text)
	}
	if d.More() {
		t.Fatalf("more than one array: %q", text)
	}
	return list
}

func TestScanWritesATable(t *testing.T) {
	dir := tree(t, map[string]string{
		"a":         cleanMail,
		"b\x1b[1m":  eicarMail,
		"c":         "Content-Type: message/partial; id=x\n\nbody\n",
		"d with \n": cleanMail,
	})
	code, stdout, stderr := call(t, (&stub{}).rooms(), "scan", dir)
	lines := strings.Split(stdout, "\n")
	want := []string{
		"VERDICT             SIZE  PATH",
		fmt.Sprintf("clean        %10d  %s/a", len(cleanMail), dir),
		fmt.Sprintf(`infected     %10d  "%s/b\x1b[1m"  stub:EICAR@2`, len(eicarMail), dir),
		fmt.Sprintf("unscannable  %10d  %s/c  partial", 42, dir),
		fmt.Sprintf(`clean        %10d  "%s/d with \n"`, len(cleanMail), dir),
		fmt.Sprintf("mails: 2 clean, 1 infected, 1 unscannable, %d octets, ", 2*len(cleanMail)+len(eicarMail)+42),
		"",
	}
	if code != exitNo || stderr != "" || len(lines) != len(want) {
		t.Fatalf("exit %d, %q\n%s", code, stderr, stdout)
	}
	for i := range want {
		if got := strings.Replace(lines[i], "   ", "  ", 1); !strings.HasPrefix(squeeze(got), squeeze(want[i])) {
			t.Errorf("line %d\ngot  %q\nwant %q", i, lines[i], want[i])
		}
	}
	if a, b := strings.Index(lines[1], dir), strings.Index(lines[2], `"`+dir); a != b || a != strings.Index(lines[0], "PATH") {
		t.Errorf("the columns are not aligned:\n%s", stdout)
	}
}

// squeeze makes each run of blanks one.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestScanWritesJSON(t *testing.T) {
	dir := tree(t, map[string]string{"clean": cleanMail, "eicar": eicarMail})
	code, stdout, stderr := call(t, (&stub{}).rooms(), "scan", "--json", dir)
	if code != exitNo || stderr != "" || strings.Contains(stdout, "null") {
		t.Errorf("exit %d, %q, %q", code, stderr, stdout)
	}
	list := elements(t, stdout)
	if len(list) != 2 {
		t.Fatalf("got %q", stdout)
	}
	// printf 'From: a@example.org\nSubject: clean\n\nHello.\n' | sha256sum
	const sum = "bb5b8fbcf305b0174faea74abdc2b15b794fd41775d3dc8d43b8a8635d6b105b"
	if e := list[0]; e.Verdict != "clean" || *e.Cause != "" || len(e.Findings) != 0 || e.Size != int64(len(cleanMail)) || e.SHA256 != sum || e.Took == nil {
		t.Errorf("got %+v", e)
	}
	if e := list[1]; e.Verdict != "infected" || *e.Cause != "infected" || !slices.Equal(e.Findings, []scanner.Finding{{Engine: "stub", Rule: "EICAR", Part: "2"}}) {
		t.Errorf("got %+v", e)
	}
	if code, stdout, _ := call(t, (&stub{}).rooms(), "scan", "--json", t.TempDir()); code != exitDone || stdout != "[]\n" {
		t.Errorf("an empty folder: exit %d, %q", code, stdout)
	}
}

func TestScanFindsMail(t *testing.T) {
	outside := tree(t, map[string]string{"secret": eicarMail})
	dir := tree(t, map[string]string{
		"box/cur/1:2,S":               cleanMail,
		"box/cur/2:2,":                "From x\n" + eicarMail + "\nFrom y\n", // one mail, whatever it begins with
		"box/new/3":                   cleanMail,
		"box/tmp/4":                   eicarMail,
		"box/dovecot.index":           eicarMail,
		"box/sieve/rule":              eicarMail,
		"box/.Work/cur/5":             eicarMail,
		"box/.Work/new/6":             cleanMail,
		"box/.Work/tmp/7":             eicarMail,
		"deep/er/mail":                cleanMail,
		"deep/er/box/cur/8":           cleanMail,
		"deep/er/box/new/9":           cleanMail,
		"mbox":                        "From a\n" + cleanMail + "\nFrom b\n" + eicarMail,
		"one.eml":                     "From a\n" + eicarMail + "\nFrom b\n" + cleanMail,
		"z\xff":                       cleanMail,
		"box/maildir/cur/still/there": cleanMail,
		"box/maildir/new/10":          cleanMail,
	})
	for link, target := range map[string]string{"link": outside, "mail": filepath.Join(outside, "secret"), "box/cur/link": filepath.Join(outside, "secret")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	list, code, stderr := verdicts(t, dir, dir)
	want := []string{
		"box/.Work/cur/5 infected",
		"box/.Work/new/6 clean",
		"box/cur/1:2,S clean",
		"box/cur/2:2, infected",
		"box/maildir/new/10 clean",
		"box/new/3 clean",
		"deep/er/box/cur/8 clean",
		"deep/er/box/new/9 clean",
		"deep/er/mail clean",
		"mbox#1 clean",
		"mbox#2 infected",
		"one.eml infected",
		"z\ufffd clean",
	}
	if !slices.Equal(list, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(list, "\n"), strings.Join(want, "\n"))
	}
	// Two links and a pipe in the folder, a link and a folder in cur.
	if want := fmt.Sprintf("mirrorgw: scan: %s: links and special files left out: 5\n", dir); code != exitNo || stderr != want {
		t.Errorf("exit %d\ngot  %q\nwant %q", code, stderr, want)
	}
	if list, _, _ := verdicts(t, dir, filepath.Join(dir, "mail")); !slices.Equal(list, []string{"mail infected"}) {
		t.Errorf("a link that is named: %q", list)
	}
	if list, _, _ := verdicts(t, dir, filepath.Join(dir, "link")+"/"); len(list) != 1 || !strings.HasSuffix(list[0], "/secret infected") && list[0] != "link/secret infected" {
		t.Errorf("a link to a folder that is named: %q", list)
	}
}

func TestScanBoundsTheDepthOfFolders(t *testing.T) {
	dir := tree(t, map[string]string{strings.Repeat("d/", maxFolders-1) + "in": cleanMail, strings.Repeat("d/", maxFolders) + "out": eicarMail})
	list, code, stderr := verdicts(t, dir, dir)
	if len(list) != 1 || !strings.HasSuffix(list[0], "/in clean") || code != exitIncomplete || !strings.Contains(stderr, "more than 64 folders inside each other\n") {
		t.Errorf("exit %d, %q, %q", code, stderr, list)
	}
}

func TestScanReadsStandardInput(t *testing.T) {
	for _, c := range []struct{ name, input, want string }{
		{"a mail", eicarMail, "- infected"},
		{"a mail of LF lines", strings.ReplaceAll(eicarMail, "\r\n", "\n"), "- infected"},
		{"an mbox file", "From a\n" + cleanMail + "\nFrom b\n" + eicarMail, "-#1 clean,-#2 infected"},
		{"nothing", "", "- clean"},
		{"less than a From_ line", "Fro", "- clean"},
	} {
		var out, errs bytes.Buffer
		p := &program{args: []string{"mirrorgw", "scan", "--json", "-"}, stdin: strings.NewReader(c.input), stdout: &out, stderr: &errs, rooms: (&stub{}).rooms()}
		p.main(t.Context())
		var got []string
		for _, e := range elements(t, out.String()) {
			got = append(got, e.Path+" "+e.Verdict)
		}
		if strings.Join(got, ",") != c.want || errs.Len() > 0 {
			t.Errorf("%s: got %q, %q, want %q", c.name, got, errs.String(), c.want)
		}
	}
}

func TestScanExitCodes(t *testing.T) {
	dir := tree(t, map[string]string{"clean": cleanMail, "eicar": eicarMail, "box": "From a\n" + cleanMail})
	clean, infected, missing := dir+"/clean", dir+"/eicar", dir+"/nope"
	fifo := dir + "/fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		paths  []string
		code   int
		judged int
		stderr string
	}{
		{[]string{clean}, exitDone, 1, ""},
		{[]string{clean, infected, clean}, exitNo, 3, ""},
		{[]string{missing, clean}, exitIncomplete, 1, "mirrorgw: scan: " + missing + ": no such file or directory\n"},
		{[]string{infected, missing, clean}, exitIncomplete, 2, "mirrorgw: scan: " + missing + ": no such file or directory\n"},
		{[]string{fifo, clean}, exitIncomplete, 1, "mirrorgw: scan: " + fifo + ": neither a file nor a folder (- is standard input)\n"},
		{[]string{clean + "/x"}, exitIncomplete, 0, "mirrorgw: scan: " + clean + "/x: not a directory\n"},
		{[]string{"no\x1bpe"}, exitIncomplete, 0, `mirrorgw: scan: "no\x1bpe": no such file or directory` + "\n"},
	} {
		list, code, stderr := verdicts(t, dir, c.paths...)
		if code != c.code || len(list) != c.judged || stderr != c.stderr {
			t.Errorf("%q: exit %d, %d judged, %q\nwant %d, %d, %q", c.paths, code, len(list), stderr, c.code, c.judged, c.stderr)
		}
	}
	_, stdout, _ := call(t, (&stub{}).rooms(), "scan", clean, missing)
	if !strings.Contains(stdout, "mails: 1 clean, 0 infected, 0 unscannable, 1 not read, ") {
		t.Errorf("got %q", stdout)
	}
}

func TestScanUsage(t *testing.T) {
	broken := errors.New("/etc/mirrorgw/rules/a.yar:3: syntax error")
	bad := rooms{openEngine: func(config.YARA, *slog.Logger) (engine, error) { return nil, broken }}
	blind := rooms{openEngine: func(config.YARA, *slog.Logger) (engine, error) { return blindEngine{}, nil }}
	file := write(t, "m.yaml", valid(t.TempDir())+"nope: 1\n")
	for _, c := range []struct {
		rooms rooms
		args  []string
		want  string
	}{
		{rooms{}, []string{"scan"}, "mirrorgw: scan: PATH is missing: a mail file, a maildir, an mbox file, a folder, or - for standard input"},
		{rooms{}, []string{"scan", "-", "-"}, "mirrorgw: scan: - is there twice, and standard input can be read once"},
		{rooms{}, []string{"scan", "a", "--json"}, "mirrorgw: --json stands behind a: flags come before arguments (and -- before an argument that looks like one)"},
		{rooms{}, []string{"scan", "-c", "/nope", "a"}, "/nope: no such file: "},
		{rooms{}, []string{"scan", "-c", file, "a"}, file + ":5:1: unknown key nope; "},
		{bad, []string{"scan", "a"}, "mirrorgw: " + broken.Error()},
		{blind, []string{"scan", "a"}, "mirrorgw: self-test of engine blind: it does not find the EICAR test file"},
	} {
		code, stdout, stderr := call(t, c.rooms, c.args...)
		if code != exitUsage || !strings.HasPrefix(stderr, c.want) || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("%q: exit %d, %q\ngot  %q\nwant %q", c.args, code, stdout, stderr, c.want)
		}
	}
}

// blindEngine finds nothing.
type blindEngine struct{}

func (blindEngine) Name() string                                                  { return "blind" }
func (blindEngine) Close() error                                                  { return nil }
func (blindEngine) Scan(context.Context, *scanner.Part) (scanner.Findings, error) { return nil, nil }

func TestScanKeepsToTheConfiguration(t *testing.T) {
	dir := tree(t, map[string]string{
		"big":  cleanMail + strings.Repeat("0123456789abcde\n", 256),
		"more": cleanMail + strings.Repeat("0123456789abcde\n", 1024),
		"box":  "From a\n" + cleanMail + strings.Repeat("0123456789abcde\n", 1024) + "\nFrom b\n" + cleanMail,
		"tiny": cleanMail,
	})
	file := write(t, "m.yaml", valid(t.TempDir())+"scan: {limits: {message: 2KiB}, policy: {oversize: retry}, yara: {rules: [/some/rules]}}\nspool: {memory: 1KiB, max: 8KiB, dir: "+t.TempDir()+"}\n")
	var asked []string
	r := rooms{openEngine: func(cfg config.YARA, _ *slog.Logger) (engine, error) {
		asked = cfg.Rules
		return &stub{}, nil
	}}
	code, stdout, stderr := call(t, r, "scan", "--json", "-c", file, dir)
	var got []string
	for _, e := range elements(t, stdout) {
		got = append(got, fmt.Sprintf("%s %s %s %s %d", filepath.Base(e.Path), e.Verdict, *e.Cause, e.Action, e.Size))
	}
	want := []string{
		fmt.Sprintf("big unscannable oversize retry %d", len(cleanMail)+4096),
		"box#1 unscannable oversize retry 8192",
		fmt.Sprintf("box#2 clean  deliver %d", len(cleanMail)),
		"more unscannable oversize retry 8192",
		fmt.Sprintf("tiny clean  deliver %d", len(cleanMail)),
	}
	if code != exitNo || stderr != "" || !slices.Equal(got, want) || !slices.Equal(asked, []string{"/some/rules"}) {
		t.Errorf("exit %d, %q, rules %q\ngot  %q\nwant %q", code, stderr, asked, got, want)
	}
}

func TestScanOfWhatOutgrowsTheSpool(t *testing.T) {
	end := strings.Repeat("0123456789abcde\n", 1024) // beyond the spool, within the limit of a mail
	dir := tree(t, map[string]string{"box": "From a\n" + cleanMail + end, "mail": cleanMail + end})
	file := write(t, "m.yaml", valid(t.TempDir())+"spool: {memory: 1KiB, max: 8KiB}\n")
	list, code, stderr := verdicts(t, dir, "-c", file, dir)
	if code != exitNo || stderr != "" || !slices.Equal(list, []string{"box#1 unscannable", "mail unscannable"}) {
		t.Errorf("exit %d, %q, %q", code, stderr, list)
	}
}

func TestScanWithoutASpool(t *testing.T) {
	dir := tree(t, map[string]string{"big": cleanMail + strings.Repeat("x", 4096), "box": "From a\n" + strings.Repeat("x", 4096) + "\n\nFrom b\n" + cleanMail})
	file := write(t, "m.yaml", valid(t.TempDir())+"spool: {memory: 1KiB, dir: /nope}\n")
	code, stdout, stderr := call(t, (&stub{}).rooms(), "scan", "-c", file, dir)
	if code != exitIncomplete || strings.Count(stderr, "spooling a message: ") != 2 || strings.Count(stderr, "\n") != 2 || !strings.Contains(stdout, "/box#2\n") {
		t.Errorf("exit %d, %q, %q", code, stderr, stdout)
	}
}

// processors has the test run on at least two.
func processors(t *testing.T) {
	t.Helper()
	if before := runtime.GOMAXPROCS(0); before < 2 {
		runtime.GOMAXPROCS(2)
		t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	}
}

func TestScanKeepsTheOrder(t *testing.T) {
	processors(t)
	dir := tree(t, map[string]string{"a": slowMail, "b": cleanMail, "c": "From x\n" + eicarMail})
	slow, resume := make(chan struct{}, 1), make(chan struct{})
	s := &stub{slow: slow, resume: resume, judged: func(mail []byte) {
		if string(mail) == eicarMail { // the last one, while the first waits
			<-slow
			close(resume)
		}
	}}
	code, stdout, _ := call(t, s.rooms(), "scan", "--json", dir)
	var got []string
	for _, e := range elements(t, stdout) {
		got = append(got, filepath.Base(e.Path))
	}
	if code != exitNo || !slices.Equal(got, []string{"a", "b", "c#1"}) {
		t.Errorf("exit %d, %q", code, got)
	}
}

// lineWriter hands what is written to a channel.
type lineWriter chan string

func (w lineWriter) Write(p []byte) (int, error) {
	w <- string(p)
	return len(p), nil
}

func TestScanInterruptedEndsAtOnce(t *testing.T) {
	dir := tree(t, map[string]string{"a": cleanMail, "b": slowMail})
	slow, resume := make(chan struct{}, 1), make(chan struct{})
	defer close(resume) // only now does the engine end
	s := &stub{slow: slow, resume: resume}
	out := make(lineWriter, 16)
	var errs bytes.Buffer
	ctx, interrupt := context.WithCancel(t.Context())
	p := &program{args: []string{"mirrorgw", "scan", "--json", dir}, stdout: out, stderr: &errs, rooms: s.rooms()}
	ended := make(chan int, 1)
	go func() { ended <- p.main(ctx) }()
	written := <-out
	<-slow
	interrupt()
	code := <-ended
	for len(out) > 0 {
		written += <-out
	}
	if list := elements(t, written); len(list) != 1 || list[0].Path != dir+"/a" || list[0].Verdict != "clean" {
		t.Errorf("got %q", written)
	}
	if code != exitIncomplete || errs.String() != "mirrorgw: scan: interrupted; what is listed was judged\n" {
		t.Errorf("exit %d, %q", code, errs.String())
	}
}

func TestScanInterruptedDoesNotWaitForStandardInput(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close() // only now does the reader end
	out := make(lineWriter, 16)
	var errs bytes.Buffer
	ctx, interrupt := context.WithCancel(t.Context())
	clean := write(t, "clean", cleanMail)
	p := &program{args: []string{"mirrorgw", "scan", clean, "-", clean}, stdin: r, stdout: out, stderr: &errs, rooms: (&stub{}).rooms()}
	ended := make(chan int, 1)
	go func() { ended <- p.main(ctx) }()
	<-out // the head
	<-out // the first file
	interrupt()
	code := <-ended
	if last := <-out; code != exitIncomplete || !strings.HasPrefix(last, "mails: 1 clean, 0 infected, 0 unscannable, ") {
		t.Errorf("exit %d, %q, %q", code, last, errs.String())
	}
}

func TestScanCalledOffIsNoVerdict(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	s := &stub{judged: func(mail []byte) {
		if string(mail) == eicarMail {
			interrupt()
		}
	}}
	_, sc, err := (&program{rooms: s.rooms()}).openScanner(t.Context(), config.Default())
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan judgement, 1)
	j := &judging{scan: plainScan(sc)}
	j.judge(ctx, job{letter{path: "a", source: io.NopCloser(strings.NewReader(eicarMail))}, answer})
	if made, ok := <-answer; ok {
		t.Errorf("got %+v", made)
	}
}

// full is a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestScanReportsThatItCannotReport(t *testing.T) {
	for _, flag := range []string{"--json=true", "--json=false"} {
		for _, path := range []string{write(t, "clean", cleanMail), t.TempDir()} {
			var errs bytes.Buffer
			p := &program{args: []string{"mirrorgw", "scan", flag, path}, stdout: full{}, stderr: &errs, rooms: (&stub{}).rooms()}
			if code := p.main(t.Context()); code != exitIncomplete || errs.String() != "mirrorgw: scan: no space left on device\n" {
				t.Errorf("%s: exit %d, %q", flag, code, errs.String())
			}
		}
	}
}
