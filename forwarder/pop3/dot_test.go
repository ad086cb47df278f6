package pop3

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// parted is a sink that keeps both forms.
type parted struct {
	wire, content bytes.Buffer
	most          int // dots in one piece
}

func (p *parted) take(wire []byte, dots []int) error {
	p.most = max(p.most, len(dots))
	p.wire.Write(wire)
	for i, c := range wire {
		if !slices.Contains(dots, i) {
			p.content.WriteByte(c)
		}
	}
	return nil
}

// reference finds the end of a reply the slow way: n octets before the end, the end itself, empty when there is none.
func reference(reply []byte, lfOnly bool) (n int, end string) {
	for at := range reply {
		rest := reply[at:]
		before := reply[:at]
		switch {
		case lfOnly:
			if at > 0 && before[at-1] != '\n' {
				continue
			}
			if bytes.HasPrefix(rest, []byte(".\n")) {
				return at, ".\n"
			}
		case at > 0 && !bytes.HasSuffix(before, []byte("\r\n")):
			continue
		}
		if bytes.HasPrefix(rest, []byte(".\r\n")) {
			return at, ".\r\n"
		}
	}
	return len(reply), ""
}

// unstuffed removes the dots the slow way.
func unstuffed(wire []byte) string {
	lines := strings.SplitAfter(string(wire), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, ".")
	}
	return strings.Join(lines, "")
}

// FuzzFramer: the end is where the reference finds it, however the reply is cut; what comes before it is kept octet for
// octet, and without the stuffed dots; nothing behind it is touched.
func FuzzFramer(f *testing.F) {
	for _, seed := range []string{".\r\n", "a\r\n.\r\nrest", "a\n.\n", "..\r\n.\r\r\n.\r\n", "a\n.\r\n.\r\n", ".\n.\r\n", "a\r\n.b\r\n.\r.\r\n"} {
		f.Add([]byte(seed), false, uint8(1))
		f.Add([]byte(seed), true, uint8(3))
		f.Add([]byte("x\n..a\r\n.b\n.\r\n"+seed), len(seed)%2 == 0, uint8(255))
	}
	f.Fuzz(func(t *testing.T, reply []byte, lfOnly bool, piece uint8) {
		n, end := reference(reply, lfOnly)
		fr := newFramer(lfOnly)
		var got parted
		used, done := 0, false
		for used < len(reply) && !done {
			chunk := reply[used:min(used+int(piece)+1, len(reply))]
			k, d, err := fr.feed(chunk, &got)
			if err != nil || !d && k != len(chunk) {
				t.Fatalf("feed(%q) = %d, %v, %v", chunk, k, d, err)
			}
			used, done = used+k, d
		}
		if done != (end != "") {
			t.Fatalf("%q: done is %v, want end %q", reply, done, end)
		}
		wire, content := reply[:n], unstuffed(reply[:n])
		if !done { // up to two octets of a line that begins with a dot may be held back
			wire = wire[:got.wire.Len()]
			if len(reply)-len(wire) > 2 || !strings.HasPrefix(content+"\r", got.content.String()) {
				t.Fatalf("%q: %q and %q", reply, got.wire.Bytes(), got.content.Bytes())
			}
			content = got.content.String()
		}
		if !bytes.Equal(got.wire.Bytes(), wire) || got.content.String() != content {
			t.Fatalf("%q: wire %q, content %q; want %q, %q", reply, got.wire.Bytes(), got.content.Bytes(), wire, content)
		}
		if done && (used != n+len(end) || string(fr.end) != end) {
			t.Fatalf("%q: used %d with end %q, want %d with %q", reply, used, fr.end, n+len(end), end)
		}
	})
}

// FuzzStuffed: a mail of CRLF lines comes back from its stuffed form.
func FuzzStuffed(f *testing.F) {
	f.Add("a\n.b\n..\n")
	f.Add(".")
	f.Add(strings.Repeat(".x\n.\n", maxDots))
	f.Fuzz(func(t *testing.T, text string) {
		mail := strings.ReplaceAll(strings.ReplaceAll(text, "\r", ""), "\n", "\r\n")
		if mail != "" && !strings.HasSuffix(mail, "\n") {
			mail += "\r\n"
		}
		var wire bytes.Buffer
		if err := writeStuffed(&wire, []byte(mail)); err != nil {
			t.Fatal(err)
		}
		wire.WriteString(".\r\n")
		var got parted
		n, done, err := newFramer(false).feed(wire.Bytes(), &got)
		if n != wire.Len() || !done || err != nil || got.content.String() != mail {
			t.Fatalf("%q came back as %q (%d of %d, %v, %v)", mail, got.content.String(), n, wire.Len(), done, err)
		}
		if got.most > maxDots {
			t.Fatalf("%d dots at once", got.most)
		}
	})
}
