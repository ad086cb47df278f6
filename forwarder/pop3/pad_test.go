package pop3

import (
	"bytes"
	"strings"
	"testing"
)

// Law: padding is as long as was asked for, in whole lines of at most 78 octets that show nothing.
func TestPadding(t *testing.T) {
	for n := int64(-3); n < 400; n++ {
		var b bytes.Buffer
		if err := writePadding(&b, n); err != nil {
			t.Fatal(err)
		}
		want := n
		if n < 2 {
			want = 0
		}
		if int64(b.Len()) != want {
			t.Errorf("%d octets instead of %d", b.Len(), want)
		}
		for line := range strings.Lines(b.String()) {
			if len(line) > padLine || !strings.HasSuffix(line, "\r\n") || strings.TrimSpace(line) != "" {
				t.Errorf("line %q", line)
			}
		}
	}
}
