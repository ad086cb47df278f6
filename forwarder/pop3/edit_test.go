package pop3

import (
	"io"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// Offsets in a content become those in its wire form, where each line that begins with a dot has one more, lines of any length.
func TestToWire(t *testing.T) {
	long := strings.Repeat("x", 32<<10) + ".no line begins here\r\n"
	wire := "..a\r\nb\r\n..\r\n" + long + "..c\r\n"
	content := ".a\r\nb\r\n.\r\n" + long + ".c\r\n"
	var at []int64
	var offsets []*int64
	for i := range len(content) + 1 {
		at = append(at, int64(i))
	}
	for i := range at {
		offsets = append(offsets, &at[i])
	}
	if err := toWire(strings.NewReader(wire), offsets); err != nil {
		t.Fatal(err)
	}
	for i, w := range at {
		// What lies before is the same, once it is un-stuffed.
		if got := unstuffed([]byte(wire[:w])); got != content[:i] {
			t.Fatalf("%d of the content is %d of the wire form, behind %.40q", i, w, got[max(0, len(got)-40):])
		}
	}
	if !slices.IsSorted(at) || at[len(content)] != int64(len(wire)) {
		t.Errorf("%d octets end at %d of %d", len(content), at[len(content)], len(wire))
	}
}

// What has left is changed no more: an edit that begins there leaves the mail as it was, and so does a mark of its subject.
func TestWhatHasLeftIsNotChanged(t *testing.T) {
	const mail = "Subject: x\r\nTo: y\r\n\r\nbody\r\n"
	for sent, want := range map[int64]struct {
		shorter int64
		edits   int
	}{0: {4, 2}, 9: {4, 2}, 10: {4, 1}, 22: {4, 1}, 23: {0, 0}} {
		h := hold(scanner.Spool{})
		if _, err := io.WriteString(h.wire, mail); err != nil {
			t.Fatal(err)
		}
		r := &retrieval{h: h, sent: sent}
		r.mark(scanner.Mark{Subject: "[SPAM] "})
		text := scanner.Spool{}.NewBuffer()
		shorter := r.change([]scanner.Edit{{At: 22, End: 26, Text: text}})
		if shorter != want.shorter || len(r.edits) != want.edits {
			t.Errorf("behind %d octets: %d shorter, %d edits", sent, shorter, len(r.edits))
		}
		text.Close()
		h.close()
	}
}
