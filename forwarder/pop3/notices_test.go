package pop3

import "testing"

// Whatever is kept, the octets are bounded and counted rightly, and the latest notice is there.
func TestNoticesAreBounded(t *testing.T) {
	var n notices
	for i := range uint64(5000) {
		size := int(i*7919) % maxNotice
		n.keep(i%900, make([]byte, size))
		if got, known := n.of(i % 900); !known || len(got) != size {
			t.Fatalf("notice %d: %d octets, %v", i, len(got), known)
		}
		total := 0
		for _, notice := range n.by {
			total += len(notice)
		}
		if total != n.octets || total > maxNotices {
			t.Fatalf("notice %d: %d octets, counted as %d", i, total, n.octets)
		}
	}
	n.keep(7, make([]byte, maxNotice+1))
	if _, known := n.of(7); known {
		t.Error("an endless notice is kept")
	}
	for i := range uint64(900) {
		n.forget(i)
	}
	if n.octets != 0 || len(n.by) != 0 {
		t.Errorf("%d octets, %d notices", n.octets, len(n.by))
	}
	n = notices{}
	for i := range uint64(200) {
		n.keep(i, make([]byte, 2000))
	}
	if len(n.by) != 200 {
		t.Errorf("of 200 ordinary notices %d are kept", len(n.by))
	}
}
