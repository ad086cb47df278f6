//go:build !noyara

package yara

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"mirrorgw/scanner"
)

// eicar returns the EICAR test file; see scanner.canary for why it is not written out.
func eicar() []byte {
	return []byte(strings.ReplaceAll(`X5O!P~%@AP[4\PZX54(P^)~7CC)7}$EICAR~-STANDARD-ANTI~VIRUS-TEST-FILE!~$H+H*`, "~", ""))
}

// TestMain makes the test binary a worker when an engine starts it as one.
func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], WorkerArgs()) {
		if err := Serve(os.Stdin, "not confined"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// each runs a test with the rules in this process, and in two workers.
func each(t *testing.T, test func(t *testing.T, workers int)) {
	for _, workers := range []int{0, 2} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) { test(t, workers) })
	}
}

func newEngine(t testing.TB, workers int, rules ...string) *Engine {
	t.Helper()
	e, err := New(Config{Rules: rules, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// writeRules writes a rule file into a folder of its own and returns its path.
func writeRules(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newPart returns content as a part, in memory or in a file.
func newPart(t testing.TB, content []byte, inFile bool) *scanner.Part {
	t.Helper()
	spool := scanner.Spool{Dir: t.TempDir(), Memory: 1 << 30}
	if inFile {
		spool.Memory = 1
	}
	b := spool.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := b.Write(content); err != nil {
		t.Fatal(err)
	}
	return scanner.NewPart("1", "", "", b)
}

func scanContent(t testing.TB, e *Engine, content []byte, inFile bool) string {
	t.Helper()
	found, err := e.Scan(t.Context(), newPart(t, content, inFile))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		if f.Engine != Name || f.Part != "1" {
			t.Errorf("finding %+v", f)
		}
		names = append(names, f.Rule)
	}
	return strings.Join(names, " ")
}

func clamProgram(t testing.TB) []byte {
	t.Helper()
	program, err := os.ReadFile("/usr/share/clamav-testfiles/clam.exe")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("needs the Debian package clamav-testfiles")
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestBuiltinRules(t *testing.T) { each(t, testBuiltinRules) }

func testBuiltinRules(t *testing.T, workers int) {
	e := newEngine(t, workers)
	if e.Rules() != 2 {
		t.Errorf("%d rules", e.Rules())
	}
	for _, tt := range []struct {
		name    string
		content []byte
		want    string
	}{
		{"nothing", nil, ""},
		{"text", []byte("hello\r\n"), ""},
		{"eicar", eicar(), "EICAR_Test_File"},
		{"eicar in text", append([]byte("attached:\r\n"), eicar()...), "EICAR_Test_File"},
		{"most of eicar", eicar()[:60], ""},
		{"eicar in base64", []byte(base64.StdEncoding.EncodeToString(eicar())), ""},
	} {
		for _, inFile := range []bool{false, true} {
			if inFile && len(tt.content) == 0 {
				continue
			}
			if got := scanContent(t, e, tt.content, inFile); got != tt.want {
				t.Errorf("%s (file %v): got %q, want %q", tt.name, inFile, got, tt.want)
			}
		}
	}
}

func TestBuiltinRulesKnowTheClamAVProgram(t *testing.T) {
	each(t, testBuiltinRulesKnowTheClamAVProgram)
}

func testBuiltinRulesKnowTheClamAVProgram(t *testing.T, workers int) {
	program := clamProgram(t)
	e := newEngine(t, workers)
	for _, inFile := range []bool{false, true} {
		if got := scanContent(t, e, program, inFile); got != "ClamAV_Test_File" {
			t.Errorf("clam.exe (file %v): %q", inFile, got)
		}
		embedded := bytes.Join([][]byte{make([]byte, 12345), program, make([]byte, 100)}, nil)
		if got := scanContent(t, e, embedded, inFile); got != "ClamAV_Test_File" {
			t.Errorf("clam.exe in a container (file %v): %q", inFile, got)
		}
	}
}

func TestSelfTest(t *testing.T) { each(t, testSelfTest) }

func testSelfTest(t *testing.T, workers int) {
	if err := scanner.SelfTest(t.Context(), newEngine(t, workers)); err != nil {
		t.Error(err)
	}
	greedy := newEngine(t, workers, writeRules(t, "greedy.yar", `rule Everything { condition: true }`))
	if err := scanner.SelfTest(t.Context(), greedy); err == nil || !strings.Contains(err.Error(), "rule Everything") {
		t.Errorf("a rule that matches everything passed: %v", err)
	}
}

// The program is not to be taken for a test file.
func TestProgramHoldsNoTestFile(t *testing.T) {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(program, eicar()) {
		t.Error("the program holds the EICAR test file")
	}
	if bytes.Contains(program, clamProgram(t)[0x40:0x60]) {
		t.Error("the program holds a piece of the ClamAV test program")
	}
}

// A file is scanned as a file: its size and its headers mean what rules expect.
func TestRulesSeeAFile(t *testing.T) { each(t, testRulesSeeAFile) }

func testRulesSeeAFile(t *testing.T, workers int) {
	program := clamProgram(t)
	e := newEngine(t, workers, writeRules(t, "pe.yar", `import "pe"
rule Size { condition: filesize == 544 }
rule Entry { condition: pe.is_pe and pe.entry_point == 64 }`))
	for _, inFile := range []bool{false, true} {
		if got := scanContent(t, e, program, inFile); got != "ClamAV_Test_File Size Entry" {
			t.Errorf("file %v: %q", inFile, got)
		}
	}
}

func TestRuleFiles(t *testing.T) { each(t, testRuleFiles) }

func testRuleFiles(t *testing.T, workers int) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yar", `rule Same { strings: $a = "alpha" condition: $a }`)
	write("sub/b.yara", `global rule Never { condition: filesize > 1MB } rule Same { strings: $b = "beta" condition: $b }`)
	write(".hidden.yar", `not a rule`)
	write("README.md", `not a rule either`)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, paths := range [][]string{{dir}, {link}, {dir, dir}, {filepath.Join(dir, "a.yar"), filepath.Join(dir, "sub")}} {
		e := newEngine(t, workers, paths...)
		if e.Rules() != 5 {
			t.Errorf("%s: %d rules", paths, e.Rules())
		}
		// The global rule of one file keeps its own rules silent and nobody else's.
		if got := scanContent(t, e, append([]byte("alpha beta "), eicar()...), false); got != "EICAR_Test_File Same" {
			t.Errorf("%s: %q", paths, got)
		}
	}
}

func TestBadRules(t *testing.T) { each(t, testBadRules) }

func testBadRules(t *testing.T, workers int) {
	pipe := filepath.Join(t.TempDir(), "pipe.yar")
	mkfifo(t, pipe)
	bad := writeRules(t, "bad.yar", "rule Good { condition: true }\n\nrule Bad { condition: $nothing }\n")
	include := writeRules(t, "include.yar", "include \"/etc/passwd\"\n")
	empty := writeRules(t, "empty.yar", "// nothing yet\n")
	clash := writeRules(t, "clash.yar", "rule A { condition: false }\nrule A { condition: false }\n")
	for _, tt := range []struct{ path, want string }{
		{"/nowhere/rules.yar", "/nowhere/rules.yar: no such file"},
		{t.TempDir(), "holds no .yar or .yara file"},
		{pipe, "pipe.yar is neither a file nor a folder"},
		{bad, bad + ":3: "},
		{include, include + ":1: "},
		{clash, clash + ":2: duplicated identifier"},
		{empty, "no rule in any"},
	} {
		e, err := New(Config{Rules: []string{tt.path}, Workers: workers})
		if err == nil {
			e.Close()
			t.Errorf("%s: no error", tt.path)
			continue
		}
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %q, want %q", tt.path, err, tt.want)
		}
		if _, isCompile := errors.AsType[*CompileError](err); isCompile != strings.HasSuffix(strings.TrimSpace(tt.want), ":") && tt.path != clash {
			t.Errorf("%s: %T", tt.path, err)
		}
	}
}

func TestScanInParallel(t *testing.T) { each(t, testScanInParallel) }

func testScanInParallel(t *testing.T, workers int) {
	e := newEngine(t, workers)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			part := newPart(t, append(bytes.Repeat([]byte{byte(i)}, i*1000), eicar()...), i%2 == 0)
			clean := newPart(t, bytes.Repeat([]byte{byte(i)}, i*1000), false)
			for range 50 {
				if found, err := e.Scan(t.Context(), part); err != nil || len(found) != 1 {
					t.Errorf("found %v, %v", found, err)
					return
				}
				if found, err := e.Scan(t.Context(), clean); err != nil || len(found) != 0 {
					t.Errorf("found %v, %v in a clean part", found, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// slowRules take libyara for ever on a long run of one octet.
const slowRules = `rule Slow { condition: filesize > 100KB and for all i in (0..filesize) : (for all j in (0..filesize) : (uint8(i) == uint8(j))) }`

func TestOutOfTimeIsAnError(t *testing.T) { each(t, testOutOfTimeIsAnError) }

func testOutOfTimeIsAnError(t *testing.T, workers int) {
	e := newEngine(t, workers, writeRules(t, "slow.yar", slowRules))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	started := time.Now()
	_, err := e.Scan(ctx, newPart(t, make([]byte, 1<<20), false))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	// The engine works on with the next mail.
	if got := scanContent(t, e, eicar()[:10], false); got != "" {
		t.Errorf("after a time-out: %q", got)
	}
	cancel()
	if _, err := e.Scan(ctx, newPart(t, eicar(), false)); err == nil {
		t.Error("a scan with a spent context succeeded")
	}
}

func TestClose(t *testing.T) { each(t, testClose) }

func testClose(t *testing.T, workers int) {
	e := newEngine(t, workers)
	part := newPart(t, eicar(), false)
	var wg sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range cap(begun) {
		wg.Go(func() {
			for i := 0; ; i++ {
				found, err := e.Scan(t.Context(), part)
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil || len(found) != 1 {
					t.Errorf("found %v, %v", found, err)
					return
				}
				if i == 0 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range cap(begun) {
		<-begun
	}
	e.Close()
	wg.Wait()
	e.Close()
	if _, err := e.Scan(t.Context(), part); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func BenchmarkScan(b *testing.B) {
	for _, workers := range []int{0, 1, 2} {
		e := newEngine(b, workers)
		for _, size := range []int{4 << 10, 1 << 20} {
			content := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog.\r\n"), size/46+1)[:size]
			for _, inFile := range []bool{false, true} {
				b.Run(fmt.Sprintf("workers=%d/size=%d/file=%v", workers, size, inFile), func(b *testing.B) {
					part := newPart(b, content, inFile)
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := e.Scan(b.Context(), part); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
