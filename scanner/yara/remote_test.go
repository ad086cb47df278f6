//go:build !noyara

package yara

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"mirrorgw/scanner"
	"mirrorgw/scanner/worker"
)

// TestHostileAnswers: what no honest worker says is no answer.
func TestHostileAnswers(t *testing.T) {
	places := func(status status, places ...uint32) []byte { return appendPlaces([]byte{byte(status)}, places) }
	many := make([]uint32, maxFound+1)
	for _, tt := range []struct {
		name   string
		answer []byte
		honest bool
	}{
		{"nothing found", places(statusDone), true},
		{"the last rule", places(statusDone, 2), true},
		{"out of time", places(statusTime, 1), true},
		{"failed", []byte("\x03out of memory"), true},
		{"no such rule", places(statusDone, 3), false},
		{"no such rule by far", places(statusDone, 1<<31), false},
		{"a torn number", append(places(statusDone, 1), 0), false},
		{"too many", places(statusDone, many...), false},
		{"another kind", []byte{9}, false},
		{"of another question", []byte{byte(statusCompile)}, false},
	} {
		q := question{rules: 3}
		if err := q.Accept(tt.answer); (err == nil) != tt.honest {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestPartsCannotBeChanged: whoever has a part for scanning cannot have others see another one.
func TestPartsCannotBeChanged(t *testing.T) {
	for _, inFile := range []bool{false, true} {
		content := bytes.Repeat([]byte("x"), maxInline+1)
		part := newPart(t, content, inFile)
		var q question
		if err := q.about(part, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := q.file.WriteAt([]byte("y"), 0); err == nil {
			t.Errorf("in a file %v: written to", inFile)
		}
		if err := unix.Ftruncate(int(q.file.Fd()), 0); err == nil {
			t.Errorf("in a file %v: cut", inFile)
		}
		if _, err := unix.Mmap(int(q.file.Fd()), 0, len(content), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err == nil {
			t.Errorf("in a file %v: mapped for writing", inFile)
		}
		q.close()
	}
}

// TestInlineAndFile: a part is the same to the rules whichever way it goes.
func TestInlineAndFile(t *testing.T) {
	e := newEngine(t, 1, writeRules(t, "size.yar", `rule Size { strings: $end = "the end" condition: $end at filesize - 7 }`))
	for _, size := range []int{7, 100, maxInline - 1, maxInline, maxInline + 1, 300_000} {
		content := append(bytes.Repeat([]byte("."), size-7), "the end"...)
		for _, inFile := range []bool{false, true} {
			if got := scanContent(t, e, content, inFile); got != "Size" {
				t.Errorf("%d octets in a file %v: %q", size, inFile, got)
			}
		}
	}
}

// FuzzRequest: whatever a worker is asked, it answers within the limit.
func FuzzRequest(f *testing.F) {
	f.Add(appendScan(nil, scanRequest{limit: 1e9, name: "a.exe", content: []byte("content")}))
	f.Add(appendScan(nil, scanRequest{inFile: true, limit: 1e9, at: 3, size: 5}))
	f.Add([]byte{byte(kindScan)})
	f.Add([]byte{byte(kindLoad), 1})
	f.Add(append([]byte{byte(kindRules)}, "/a/path"...))
	f.Add([]byte{0xff, 0})
	set, err := compileHere(nil)
	if err != nil {
		f.Fatal(err)
	}
	j, err := newJudge(set)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		if len(request) == 0 || len(request) > worker.MaxRequest {
			return // which no worker gets
		}
		s := servant{set: set, judge: j}
		answer := s.Answer(request, nil)
		if len(answer) == 0 || len(answer) > worker.MaxAnswer {
			t.Fatalf("%d octets", len(answer))
		}
		if r, err := parseScan(request); err == nil && kind(request[0]) == kindScan && request[1] < 2 {
			if again := appendScan(nil, r); !bytes.Equal(again, request) {
				t.Errorf("%x is read as %x", request, again)
			}
		}
	})
}

// FuzzAnswer: an answer that is accepted names rules that are there.
func FuzzAnswer(f *testing.F) {
	f.Add(appendPlaces([]byte{byte(statusDone)}, []uint32{0, 2}))
	f.Add([]byte{byte(statusFailed), 'x'})
	f.Fuzz(func(t *testing.T, answer []byte) {
		if len(answer) == 0 || len(answer) > worker.MaxAnswer {
			return // which the transport does not let through
		}
		q := question{rules: 3}
		if q.Accept(answer) == nil && (slices.ContainsFunc(q.found, func(p uint32) bool { return p >= 3 }) || len(q.found) > maxFound) {
			t.Errorf("%v", q.found)
		}
		_ = failure(answer)
	})
}

// TestReports: what a worker tells of the rules is fit to be shown, or refused.
func TestReports(t *testing.T) {
	for text, want := range map[string]string{
		`{"Rules": [{"Name": "a", "File": "f"}], "Warnings": [{"File": "f", "Line": 1, "Text": "a\u001b[2Jb"}]}`: "",
		`{"Rules": []}`:                 "no rules",
		`{"Rules": [{"Name": "a\nb"}]}`: "cannot be one",
		`{"Rules": [{"Name": ""}]}`:     "cannot be one",
		`{`:                             "says of the rules",
		strings.Repeat("x", 1000):       "says of the rules",
	} {
		f, err := memoryFile("report")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		about, err := readReport(f)
		if want == "" && (err != nil || about.Warnings[0].Text != "a [2Jb" && about.Warnings[0].Text != "a[2Jb") || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.50s: %+v, %v", text, about, err)
		}
	}
}

// TestCompiledRulesAreSealed: the rules in memory cannot be changed by who has loaded them.
func TestCompiledRulesAreSealed(t *testing.T) {
	r := newEngine(t, 1).runs.(*remote)
	if _, err := r.image.WriteAt([]byte{1}, 0); err == nil {
		t.Error("written to")
	}
	seals, err := unix.FcntlInt(r.image.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SEAL == 0 {
		t.Errorf("seals %x, %v", seals, err)
	}
}

func TestScanHeaderIsWhole(t *testing.T) {
	b := appendScan(nil, scanRequest{})
	if len(b) != scanHeader || binary.LittleEndian.Uint64(b[4:]) != 0 {
		t.Errorf("%x", b)
	}
	if _, err := parseScan(b[:scanHeader-1]); err == nil {
		t.Error("a torn request was read")
	}
}

// TestScanAll: parts that are judged together are judged as they are alone, wherever they are held.
func TestScanAll(t *testing.T) {
	for _, workers := range []int{0, 1} {
		e := newEngine(t, workers, writeRules(t, "size.yar", `rule Size { strings: $end = "the end" condition: $end at filesize - 7 }`))
		for _, inFile := range []bool{false, true} {
			whole := newPart(t, []byte("all of it, to the end"), false)
			leaf := newPart(t, []byte("the end is not here"), inFile)
			other := newPart(t, scanner.Canary(), false)
			whole.Path, leaf.Path, other.Path = "", "1", "2"
			said := e.ScanAll(t.Context(), []*scanner.Part{whole, leaf, other})
			want := []scanner.Said{{Findings: scanner.Findings{{Engine: Name, Rule: "Size"}}}, {}, {Findings: scanner.Findings{{Engine: Name, Rule: "EICAR_Test_File", Part: "2"}}}}
			if !reflect.DeepEqual(said, want) {
				t.Errorf("%d workers, in a file %v: %+v", workers, inFile, said)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		part := newPart(t, []byte("x"), false)
		for _, s := range e.ScanAll(ctx, []*scanner.Part{part, part}) {
			if !errors.Is(s.Err, context.Canceled) {
				t.Errorf("%d workers: %v", workers, s.Err)
			}
		}
		e.Close()
		for _, s := range e.ScanAll(t.Context(), []*scanner.Part{part, part}) {
			if !errors.Is(s.Err, ErrClosed) {
				t.Errorf("%d workers: %v", workers, s.Err)
			}
		}
	}
}
