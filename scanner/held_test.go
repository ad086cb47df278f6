package scanner_test

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/envelope"
	"mirrorgw/scanner/literal"
	"mirrorgw/scanner/recode"
)

// Law: wherever a mail and its parts are held, in memory or in files, the engines are asked about the same, and the verdict is the same.
func FuzzHeld(f *testing.F) {
	long := strings.Repeat("A line of a text that is no base64.\r\n", 2000)
	for _, mail := range []string{
		"Subject: x\r\n\r\nhello\r\n" + long,
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + long + "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n" + strings.Repeat("aGVsbG8h\r\n", 9000) + "--b--\r\n",
		"Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nsee data:text/html;base64,aGVsbG8=\r\n+ADw-p+AD4\r\nbegin 644 a\r\n#86)C\r\nend\r\n",
		"--b\nContent-Type: text/plain\n\nhello\n--c\nContent-Transfer-Encoding: quoted-printable\n\n=41 \n--b--\n",
		"Subject: x\r\n\r\n" + strings.Repeat("x", 40_000) + "PK\x03\x04\x00\r\n\r--b\r\n\x1f\x8b\x08\r\n" + long,
		"Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\nContent-Type: text/plain\n\n"+long[:7400], 20), // over the limit, with what is found in it
	} {
		f.Add([]byte(mail))
	}
	f.Fuzz(func(t *testing.T, mail []byte) {
		inMemory, verdict := askedAbout(t, mail, 1<<30)
		inFiles, other := askedAbout(t, mail, 1)
		if !slices.Equal(inMemory, inFiles) {
			t.Errorf("in memory %q, in files %q", inMemory, inFiles)
		}
		if verdict.Took, other.Took = 0, 0; !reflect.DeepEqual(verdict, other) {
			t.Errorf("in memory %+v, in files %+v", verdict, other)
		}
	})
}

// askedAbout scans a mail, held in memory up to so many octets, and returns what an engine was asked about.
func askedAbout(t *testing.T, mail []byte, memory int64) ([]string, scanner.Verdict) {
	t.Helper()
	spool := scanner.Spool{Memory: memory, Quota: &scanner.Quota{}}
	asked := &listener{}
	s, err := scanner.New(scanner.Config{
		Engines: []scanner.Engine{asked}, Spool: spool,
		Openers: []scanner.Opener{carve.Carver{}, envelope.Opener{}, literal.Opener{}, recode.Opener{}, archive.Opener{}},
		Limits:  scanner.Limits{Depth: 6, Parts: 200, Expanded: 256 << 10},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := spool.NewBuffer()
	if _, err := b.Write(mail); err != nil {
		t.Fatal(err)
	}
	v := s.Scan(t.Context(), b, true)
	b.Close()
	if c := spool.Quota.Counters(); c.Memory != 0 || c.Disk != 0 {
		t.Errorf("the spool still holds %+v", c)
	}
	slices.Sort(asked.parts) // about the whole mail it may be asked beside others
	return asked.parts, v
}

// listener is an engine that takes note of what it is asked about.
type listener struct {
	mu    sync.Mutex
	parts []string
}

func (*listener) Name() string { return "listener" }

func (l *listener) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	content, file := part.Region()
	if file != nil {
		var err error
		if content, err = io.ReadAll(io.NewSectionReader(file.File, file.At, part.Size())); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, fmt.Sprintf("%s %s %q %v %x", part.Path, part.Type, part.Names, part.Verbatim, content))
	return nil, nil
}
