package carve_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// TestBombsEndSoon: mails made to be costly get a verdict within a second, and what of them was left undone is said. The bound is on
// this thread's own time, since other tests compete for the processors.
func TestBombsEndSoon(t *testing.T) {
	const multipart = "Content-Type: multipart/mixed; boundary=b\n\n"
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	deep := b64("Content-Type: text/plain\n\n" + payload)
	for range 20 {
		deep = b64("Content-Transfer-Encoding: base64\n\n" + deep)
	}
	for _, test := range []struct {
		name, mail string
		cause      scanner.Cause
	}{
		{"20,000 parts", multipart + many(20_000, "--b\nContent-Type: a/b\n\npart %d\n"), scanner.CauseBudget},
		{"20,000 parts nobody declared", many(20_000, "--b\nContent-Type: a/b\n\npart %d\n"), scanner.CauseBudget},
		{"20,000 parts in base64", multipart + many(20_000, "--b\nContent-Transfer-Encoding: base64\n\nAAAA%05d\n"), scanner.CauseBudget},
		{"20,000 boundaries", multipart + many(20_000, "--b%d\nContent-Type: a/b\n\nx=y\n"), scanner.CauseBudget},
		{"depth 250", many(250, "Content-Type: multipart/mixed; boundary=b%[1]d\n\n--b%[1]d\n") + "\nx", scanner.CauseBudget},
		{"base64 in base64", "Content-Transfer-Encoding: base64\n\n" + deep, scanner.CauseBudget},
		{"a header line of 1 MiB", "Subject: " + strings.Repeat("x", 1<<20) + "\n\nx", scanner.CauseNone},
		{"a header of 1 MiB", many(20_000, "X-Field-%d: and a value that makes it long enough\n") + "\nx", scanner.CauseNone},
		{"5,000 fields that describe a part", many(5_000, "Content-Type: a/b; x=%d\n") + "\nx", scanner.CauseNone},
		{"2,000 folded lines", "Content-Type: a/b\n" + many(2_000, " ; x=%d\n") + "\nx", scanner.CauseNone},
		{"headers without end", many(20_000, "Content-Type: a/b\n\nx=%d\n"), scanner.CauseBudget},
		{"headers of blanks", many(20_000, "Content-Type: a/b\n \n%d: y\n"), scanner.CauseBudget},
		{"begin lines", "Subject: x\n\n" + many(20_000, "begin 644 %d\n"), scanner.CauseBudget},
		{"announcements of BinHex", "Subject: x\n\n" + strings.Repeat("(This file must be converted with BinHex 4.0)\n", 20_000), scanner.CauseBudget},
		{"lines that look like boundaries", multipart + "--b\n\n" + strings.Repeat("--x\n", 250_000), scanner.CauseNone},
		{"hyphens", multipart + "--b\n\n" + strings.Repeat("--\n", 300_000), scanner.CauseNone},
		{"a boundary of 4 KiB", "Content-Type: multipart/mixed; boundary=" + strings.Repeat("a", 4_000) + "\n\n" + strings.Repeat("--aaaaaaaaaaaaaaaab\n", 10_000), scanner.CauseMalformed},
		{"60 boundaries", many(60, "X: boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaa%dx\n") + multipart + "--b\n\n" + strings.Repeat("--aaaaaaaaaaaaaaaaaaaaaaaa\n", 40_000), scanner.CauseNone},
		{"CRs", "Subject: x\n\n" + strings.Repeat("\r", 1<<20), scanner.CauseNone},
		{"short lines with CR", "Subject: x\n\n" + strings.Repeat("ab c\r", 1<<18), scanner.CauseNone},
		{"short lines of digits", "Content-Transfer-Encoding: base64\n\n" + strings.Repeat("A\n!\n", 1<<16), scanner.CauseNone},
		{"equals signs", "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("=\n", 1<<19), scanner.CauseNone},
		{"one line of base64", "Content-Transfer-Encoding: base64\n\n" + b64(strings.Repeat("\x00", 1<<20)), scanner.CauseNone},
	} {
		t.Run(test.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{nothing{}}, Openers: []scanner.Opener{carve.Carver{}}})
			if err != nil {
				t.Fatal(err)
			}
			b := scanner.Spool{}.NewBuffer()
			defer b.Close()
			if _, err := b.Write([]byte(test.mail)); err != nil {
				t.Fatal(err)
			}
			before := threadTime(t)
			v := s.Scan(t.Context(), b, true)
			if took := threadTime(t) - before; took > slowdown*time.Second {
				t.Errorf("took %v", took)
			} else {
				t.Log(took)
			}
			if v.Cause != test.cause {
				t.Errorf("cause %q (%s), want %q", v.Cause, v.Detail, test.cause)
			}
		})
	}
}

// threadTime returns how long the processors have worked for the calling thread.
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(1, &usage); err != nil { // RUSAGE_THREAD
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
