package scanner

import (
	"testing"
	"time"
)

// The log says how long the client waited for a mail, not only how long the engines took.
func TestTookIsTheClientsWait(t *testing.T) {
	b := newBench(t, nil, &seeker{needle: payload})
	o := origin()
	o.Asked = b.now.Add(-3 * time.Second)
	b.judge.Judge(t.Context(), o, newMail(t, "\r\nhello"), true)
	if took := b.messageLine(t)["took"]; took != float64(3*time.Second) {
		t.Errorf("took %v", took)
	}
}
