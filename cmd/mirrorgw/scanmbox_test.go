package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"mirrorgw/scanner"
)

// cut returns the mails of an mbox file.
func cut(t *testing.T, r io.Reader, spool scanner.Spool) (mails []string, errs []error) {
	t.Helper()
	box := mbox{r: bufio.NewReaderSize(r, mboxPiece)}
	for {
		mail, _, err := box.next(spool)
		if err == io.EOF {
			return mails, errs
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		text, err := io.ReadAll(mail.Reader())
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, string(text))
		mail.Close()
	}
}

func TestMboxIsCutIntoMails(t *testing.T) {
	long := strings.Repeat("x", 3*mboxPiece)
	for _, c := range []struct {
		name, file string
		want       []string
	}{
		{"one", "From a\nS: 1\n\nbody\n", []string{"S: 1\n\nbody\n"}},
		{"two", "From a\nS: 1\n\nbody\n\nFrom b\nS: 2\n", []string{"S: 1\n\nbody\n", "S: 2\n"}},
		{"the blank line at the end belongs to the file", "From a\nS: 1\n\nbody\n\n", []string{"S: 1\n\nbody\n"}},
		{"one blank line of several does", "From a\nbody\n\n\n\nFrom b\n", []string{"body\n\n\n", ""}},
		{"no blank line, no mail", "From a\nbody\nFrom b\n", []string{"body\nFrom b\n"}},
		{"escaped", "From a\n\n>From b\n>>From c\n> From d\n>Fromage\n", []string{"\nFrom b\n>From c\n> From d\n>Fromage\n"}},
		{"CRLF", "From a\r\nS: 1\r\n\r\nbody\r\n\r\nFrom b\r\nS: 2\r\n", []string{"S: 1\r\n\r\nbody\r\n", "S: 2\r\n"}},
		{"no end of line", "From a\nbody", []string{"body"}},
		{"a From_ line only", "From ", []string{""}},
		{"long lines", "From " + long + "\n" + long + "From x\n\nFrom b\n" + long, []string{long + "From x\n", long}},
		{"a piece that begins like a From_ line", "From a\n\n" + strings.Repeat("x", mboxPiece) + "From b\n", []string{"\n" + strings.Repeat("x", mboxPiece) + "From b\n"}},
		{"a piece that looks like a blank line", "From a\n" + strings.Repeat("x", mboxPiece) + "\nFrom b\n", []string{strings.Repeat("x", mboxPiece) + "\nFrom b\n"}},
		{"a piece that looks escaped", "From a\n" + strings.Repeat("x", mboxPiece) + ">From b\n", []string{strings.Repeat("x", mboxPiece) + ">From b\n"}},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.file), iotest.OneByteReader(strings.NewReader(c.file)), iotest.DataErrReader(strings.NewReader(c.file))} {
			if got, errs := cut(t, r, scanner.Spool{}); !slices.Equal(got, c.want) || errs != nil {
				t.Errorf("%s: %v\ngot  %.300q\nwant %.300q", c.name, errs, got, c.want)
			}
		}
	}
}

func TestMboxThatCannotBeRead(t *testing.T) {
	broken := errors.New("input/output error")
	file := io.MultiReader(strings.NewReader("From a\none\n\nFrom b\ntwo\n"), iotest.ErrReader(broken))
	got, errs := cut(t, file, scanner.Spool{})
	if !slices.Equal(got, []string{"one\n"}) || len(errs) != 1 || !errors.Is(errs[0], broken) {
		t.Errorf("got %q, %v", got, errs)
	}
}

func TestMboxGoesOnAfterAMailThatDoesNotFit(t *testing.T) {
	file := "From a\n" + strings.Repeat("x", 200_000) + "\n\nFrom b\nsmall\n"
	got, errs := cut(t, strings.NewReader(file), scanner.Spool{Max: 100})
	if len(got) != 2 || len(got[0]) != 100 || got[1] != "small\n" || errs != nil {
		t.Errorf("got %q, %v", got, errs)
	}
	got, errs = cut(t, strings.NewReader(file), scanner.Spool{Memory: 100, Dir: "/nope"})
	if !slices.Equal(got, []string{"small\n"}) || len(errs) != 1 {
		t.Errorf("got %q, %v", got, errs)
	}
}

// writeMbox writes mails as an mbox file. A mail ends with a line end there.
func writeMbox(mails []string) []byte {
	var file bytes.Buffer
	for _, mail := range mails {
		fmt.Fprintf(&file, "From sender@example.org Mon Nov  2 10:00:00 2026\n")
		for line := range strings.Lines(mail) {
			if strings.HasPrefix(strings.TrimLeft(line, ">"), fromLine) {
				file.WriteByte('>')
			}
			file.WriteString(line)
		}
		if mail != "" && !strings.HasSuffix(mail, "\n") {
			file.WriteByte('\n')
		}
		file.WriteByte('\n')
	}
	return file.Bytes()
}

// FuzzMbox has two laws: mails that are written as an mbox file come out of it as they were, and out of any file come no
// more octets than went in.
func FuzzMbox(f *testing.F) {
	seeds := []string{"", "\x00", "a\n\x00b\n", "From \n\n>From \n\x00\n\n\nFrom ", "\r\n\r\n\x00From \r\n", strings.Repeat(">", mboxPiece-1) + "From \n"}
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mails := strings.Split(s, "\x00")
		for _, mail := range mails {
			for line := range strings.Lines(mail) {
				if strings.HasPrefix(line, strings.Repeat(">", mboxPiece-len(fromLine))) {
					return // escaped, it is longer than what is looked at
				}
			}
		}
		got, errs := cut(t, bytes.NewReader(writeMbox(mails)), scanner.Spool{})
		for i, mail := range mails {
			if mail != "" && !strings.HasSuffix(mail, "\n") {
				mails[i] += "\n"
			}
		}
		if !slices.Equal(got, mails) || errs != nil {
			t.Errorf("%v\ngot  %q\nwant %q", errs, got, mails)
		}
		got, errs = cut(t, strings.NewReader(s), scanner.Spool{})
		if n := len(strings.Join(got, "")); n > len(s) || errs != nil {
			t.Errorf("%d octets of %d, %v", n, len(s), errs)
		}
	})
}
