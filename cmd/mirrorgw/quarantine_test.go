package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// kept is a quarantine with mails in it, a gateway at work on it, and a configuration that names it.
type kept struct {
	dir, config string
	ids         []string
	store       *quarantine.Store
}

// said is what was said in a session.
type said []string

func (s said) Lines() []string { return s }

func keep(t *testing.T, mails ...string) kept {
	t.Helper()
	dir := t.TempDir()
	k := kept{dir: filepath.Join(dir, "q"), config: write(t, "m.yaml", valid(dir))}
	store, err := quarantine.Open(k.dir, quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	k.store = store
	t.Cleanup(func() { store.Close() }) // open all the while, as a running gateway has it
	_, sc, err := (&program{rooms: (&stub{}).rooms()}).openScanner(t.Context(), mustConfig(t, k.config))
	if err != nil {
		t.Fatal(err)
	}
	for i, mail := range mails {
		b := scanner.Spool{}.NewBuffer()
		if _, err := b.Write([]byte(mail)); err != nil {
			t.Fatal(err)
		}
		id, err := store.Keep(t.Context(), scanner.Item{
			Time: time.Date(2026, 11, 2, 10, i, 0, 0, time.UTC),
			Origin: scanner.Origin{
				Protocol: "pop3", User: "alice", Login: "alice", Client: netip.MustParseAddrPort("192.168.1.7:4000"), Server: netip.MustParseAddrPort("198.51.100.25:110"),
				Transcript: said{"0.100s C: RETR 1", "0.200s S: +OK"},
			},
			Summary: scanner.Summarize(b.Reader()),
			Verdict: sc.Scan(t.Context(), b, true),
			Cause:   scanner.CauseInfected,
		}, b.Reader())
		b.Close()
		if err != nil {
			t.Fatal(err)
		}
		k.ids = append(k.ids, id)
	}
	return k
}

// call runs `quarantine WORD -c CONFIG ARGS`.
func (k kept) call(t *testing.T, word string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return call(t, rooms{}, append([]string{"quarantine", word, "-c", k.config}, args...)...)
}

func TestQuarantineList(t *testing.T) {
	k := keep(t, eicarMail, "From: b@example.org\nSubject: "+strings.Repeat("long ", 40)+"\n\nx\n")
	code, stdout, stderr := k.call(t, "list")
	lines := strings.Split(stdout, "\n")
	if code != exitDone || stderr != "" || len(lines) != 4 {
		t.Fatalf("exit %d, %q, %q", code, stdout, stderr)
	}
	for i, want := range []string{
		"ID TIME USER FROM SUBJECT SIZE WHY",
		k.ids[0] + " " + time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC).Local().Format(time.DateTime) + " alice Sender <sender@example.org> A mail: EICAR attachment ",
		k.ids[1],
	} {
		if !strings.HasPrefix(squeeze(lines[i]), want) {
			t.Errorf("got %q, want %q", lines[i], want)
		}
	}
	if !strings.HasSuffix(lines[1], "  stub:EICAR@2") || !strings.Contains(lines[2], "…") || len(lines[2]) > 150 {
		t.Errorf("got\n%s", stdout)
	}

	code, stdout, stderr = k.call(t, "list", "--json")
	var list []map[string]any
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) != 2 || code != exitDone || stderr != "" {
		t.Fatalf("exit %d, %v, %q, %q", code, err, stdout, stderr)
	}
	names := strings.Fields("id time client server user from subject size sha256 findings")
	for _, name := range names {
		if v, ok := list[0][name]; !ok || v == nil {
			t.Errorf("%s is not in %v", name, list[0])
		}
	}
	if len(list[0]) != len(names) || list[1]["findings"] == nil {
		t.Errorf("got %q", stdout)
	}
}

func TestQuarantineThatIsEmptyOrNotThere(t *testing.T) {
	there := keep(t)
	gone := kept{config: write(t, "m.yaml", valid("/nope"))}
	for _, k := range []kept{there, gone} {
		if code, stdout, stderr := k.call(t, "list"); code != exitDone || stdout != "nothing is in quarantine\n" || stderr != "" {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
		if code, stdout, stderr := k.call(t, "list", "--json"); code != exitDone || stdout != "[]\n" || stderr != "" {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
	}
}

func TestQuarantineShow(t *testing.T) {
	k := keep(t, eicarMail)
	code, stdout, stderr := k.call(t, "show", k.ids[0])
	if code != exitDone || stderr != "" {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	for _, want := range []string{
		"id " + k.ids[0], "protocol pop3", "client 192.168.1.7:4000", "server 198.51.100.25:110", "user alice", "from Sender <sender@example.org>",
		"subject A mail: EICAR attachment", "verdict infected", "cause infected", "finding stub:EICAR@2", "session 0.100s C: RETR 1", "session 0.200s S: +OK", "size " + itoa(len(eicarMail)), "sha256 ",
	} {
		if !strings.Contains("\n"+squeezeLines(stdout), "\n"+want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	code, stdout, _ = k.call(t, "show", "--json", k.ids[0])
	var item quarantine.Item
	if err := json.Unmarshal([]byte(stdout), &item); err != nil || code != exitDone || item.ID != k.ids[0] || item.Protocol != "pop3" || len(item.Findings) != 1 {
		t.Errorf("exit %d, %v, %q", code, err, stdout)
	}
}

func squeezeLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(squeeze(line) + "\n")
	}
	return b.String()
}

func TestQuarantineShowsNothingATerminalObeys(t *testing.T) {
	k := keep(t, eicarMail)
	path := filepath.Join(k.dir, k.ids[0], "item.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(strings.ReplaceAll(string(text), "EICAR", `E\u001b[2J\n\u202e`), "alice", `\u009b2J`)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"list"}, {"show", k.ids[0]}} {
		code, stdout, stderr := k.call(t, args[0], args[1:]...)
		if code != exitDone || stderr != "" || strings.ContainsAny(stdout, "\x1b\u202e\u009b") {
			t.Errorf("exit %d, %q, %q", code, stdout, stderr)
		}
	}
}

func TestQuarantineExport(t *testing.T) {
	k := keep(t, eicarMail)
	if code, stdout, stderr := k.call(t, "export", k.ids[0]); code != exitDone || stdout != eicarMail || stderr != "" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "out.eml")
	if code, stdout, stderr := k.call(t, "export", "-o", path, k.ids[0]); code != exitDone || stdout != "" || stderr != "" {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	info, err := os.Stat(path)
	if text, _ := os.ReadFile(path); err != nil || string(text) != eicarMail || info.Mode() != 0o600 {
		t.Errorf("%v, %v, %q", err, info, text)
	}
	target := filepath.Join(dir, "target")
	if err := os.Symlink(target, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{path, filepath.Join(dir, "link")} {
		code, _, stderr := k.call(t, "export", "-o", there, k.ids[0])
		if want := "mirrorgw: exporting " + k.ids[0] + ": " + there + " is there already and is not overwritten\n"; code != exitNo || stderr != want || !missing(target) {
			t.Errorf("exit %d, %q, want %q", code, stderr, want)
		}
	}
	if code, _, stderr := k.call(t, "export", "-o", "", k.ids[0]); code != exitUsage || stderr != "mirrorgw: quarantine export: the name of the file is empty\n" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if code, _, _ := k.call(t, "export", "-o", filepath.Join(dir, "none"), "000000000000"); code != exitNo || !missing(filepath.Join(dir, "none")) {
		t.Errorf("exit %d, or a file for a mail that is not there", code)
	}
}

func TestQuarantineExportLeavesNoHalfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.eml")
	broken := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(syscall.EIO))
	if err := writeNew(path, func(w io.Writer) error {
		_, err := io.Copy(w, broken)
		return err
	}); !errors.Is(err, syscall.EIO) || !missing(path) {
		t.Errorf("%v, or there is a file", err)
	}
}

func TestQuarantineExportLeavesTerminalsAlone(t *testing.T) {
	k := keep(t, cleanMail)
	screen, tty := terminal(t)
	var errs strings.Builder
	run := func(args ...string) int {
		p := &program{args: append([]string{"mirrorgw", "quarantine", "export", "-c", k.config}, args...), stdout: tty, stderr: &errs}
		return p.main(t.Context())
	}
	if code := run(k.ids[0]); code != exitUsage || !strings.Contains(errs.String(), "-o FILE writes it to a file") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
	if code := run("-o", "-", k.ids[0]); code != exitDone {
		t.Errorf("exit %d, %q", code, errs.String())
	}
	if seen := readUntil(t, screen, "Hello."); !strings.HasPrefix(seen, "From: ") {
		t.Errorf("got %q", seen)
	}
}

func TestQuarantineExportSaysWhenTheMailHasChanged(t *testing.T) {
	k := keep(t, eicarMail, cleanMail)
	if err := os.Truncate(filepath.Join(k.dir, k.ids[0], "mail.eml"), 100); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(k.dir, k.ids[1], "item.json"), 10); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := k.call(t, "export", k.ids[0])
	if code != exitNo || stdout != eicarMail[:100] || !strings.Contains(stderr, "it is not what was kept") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr = k.call(t, "export", k.ids[1])
	if code != exitNo || stdout != cleanMail || !strings.Contains(stderr, "nobody can say") {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
	code, stdout, stderr = k.call(t, "list") // the one that can be read is listed
	if code != exitNo || !strings.Contains(stdout, k.ids[0]) || !strings.HasPrefix(stderr, "mirrorgw: quarantine item "+k.ids[1]+": ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit %d, %q, %q", code, stdout, stderr)
	}
}

func TestQuarantineDelete(t *testing.T) {
	k := keep(t, eicarMail, cleanMail, "Subject: stays\n\n")
	code, stdout, stderr := k.call(t, "delete", k.ids[0], "000000000000", k.ids[1])
	if want := `mirrorgw: no such item in quarantine: "000000000000": mirrorgw quarantine list shows what there is` + "\n"; code != exitNo || stdout != "" || stderr != want {
		t.Errorf("exit %d, %q\ngot  %q\nwant %q", code, stdout, stderr, want)
	}
	if _, stdout, _ := k.call(t, "list", "--json"); strings.Count(stdout, `"id"`) != 1 || !strings.Contains(stdout, k.ids[2]) {
		t.Errorf("got %q", stdout)
	}
	if code, _, stderr := k.call(t, "delete", k.ids[2]); code != exitDone || stderr != "" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if !missing(filepath.Join(k.dir, k.ids[2])) {
		t.Error("the mail is still there")
	}
}

func TestQuarantineWithoutTheMailAskedFor(t *testing.T) {
	k := keep(t, eicarMail)
	for _, word := range []string{"show", "export", "release", "delete"} {
		for _, id := range []string{"000000000000", "nonsense", "../q", ".lock", strings.ToUpper(k.ids[0]) + "G", "a\x1b[1m"} {
			code, stdout, stderr := k.call(t, word, id)
			if code != exitNo || stdout != "" || !strings.HasPrefix(stderr, "mirrorgw: no such item in quarantine: ") || strings.Count(stderr, "\n") != 1 || strings.Contains(stderr, "\x1b") {
				t.Errorf("%s %q: exit %d, %q, %q", word, id, code, stdout, stderr)
			}
		}
	}
}

func TestQuarantineUsage(t *testing.T) {
	k := keep(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"show"}, "mirrorgw: quarantine show: ID is missing"},
		{[]string{"show", "a", "b"}, "mirrorgw: quarantine show: b is one argument too many"},
		{[]string{"export"}, "mirrorgw: quarantine export: ID is missing"},
		{[]string{"delete"}, "mirrorgw: quarantine delete: ID is missing"},
		{[]string{"list", "a"}, "mirrorgw: quarantine list: a is one argument too many"},
		{[]string{"release"}, "mirrorgw: quarantine release: ID is missing"},
	} {
		code, stdout, stderr := call(t, rooms{}, append([]string{"quarantine"}, c.args...)...)
		if code != exitUsage || stderr != c.want+"\n" || stdout != "" {
			t.Errorf("%q: exit %d, %q\ngot  %q\nwant %q", c.args, code, stdout, stderr, c.want)
		}
	}
	for args, want := range map[string]string{
		"":     "mirrorgw: which command? mirrorgw quarantine --help lists them\n",
		"lits": "mirrorgw: unknown command lits; did you mean list?\n",
	} {
		if code, _, stderr := call(t, rooms{}, append([]string{"quarantine"}, strings.Fields(args)...)...); code != exitUsage || stderr != want {
			t.Errorf("%q: exit %d, %q", args, code, stderr)
		}
	}
	if code, _, stderr := k.call(t, "list", "-c", "/nope"); code != exitUsage || !strings.HasPrefix(stderr, "/nope: no such file: ") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestQuarantineError(t *testing.T) {
	err := quarantineError(&os.PathError{Op: "open", Path: "/q", Err: syscall.EACCES})
	if want := "open /q: permission denied: only root and the gateway's own user may look into the quarantine"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

// mustConfig reads a configuration.
func mustConfig(t *testing.T, path string) *config.Config {
	t.Helper()
	f, err := config.Load(path, config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	return &f.Config
}
