package pop3

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"mirrorgw/scanner"
)

// partShelf is a shelf that has the rest of a mail kept.
type partShelf struct{ shelf }

func (*partShelf) ComposeFields(scanner.Item, string) ([]byte, error) { return nil, nil }

func (*partShelf) ComposePart(scanner.Item, string, string) ([]byte, error) {
	return []byte("\r\nremoved\r\n"), nil
}

// weigher is a judge that takes note of what the memory of its rulings is when they are made.
type weigher struct {
	judge *scanner.Judge
	quota *scanner.Quota
	held  int64
	then  func() // called with a ruling made
}

func (w *weigher) Judge(ctx context.Context, o scanner.Origin, mail *scanner.Buffer, complete bool) scanner.Ruling {
	r := w.judge.Judge(ctx, o, mail, complete)
	w.held = w.quota.Counters().Memory
	w.then()
	return r
}

// The memory of a mail whose rest was kept is given back once it has left, and also where it cannot leave.
func TestRulingIsClosed(t *testing.T) {
	mail := "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nneedle\r\n--b\r\n\r\n" + strings.Repeat("hello\r\n", 10_000) + "--b--\r\n"
	for name, reads := range map[string]bool{"the client takes it": true, "the client is gone": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				shelf, w := &partShelf{}, &weigher{quota: &scanner.Quota{}}
				sc, err := scanner.New(scanner.Config{Engines: []scanner.Engine{probe{}}, Spool: scanner.Spool{Quota: w.quota}})
				if err != nil {
					t.Fatal(err)
				}
				if w.judge, err = scanner.NewJudge(scanner.JudgeConfig{Scanner: sc, Keeper: shelf, Composer: shelf, Parts: shelf}); err != nil {
					t.Fatal(err)
				}
				st := openWith(t.Context(), t, Config{Judge: w})
				st.send(st.server, "+OK ready\r\n")
				st.send(st.client, "RETR 1\r\n")
				w.then = func() {
					if !reads {
						st.client.conn.Close()
					}
				}
				st.send(st.server, "+OK\r\n"+mail+".\r\n")
				got, _ := st.client.received()
				if replaced := strings.Contains(got, "\r\nremoved\r\n"); replaced != reads {
					t.Errorf("the client has got %.200q", got)
				}
				if left := w.quota.Counters().Memory; w.held == 0 || left != 0 {
					t.Errorf("of %d octets %d are still held", w.held, left)
				}
				st.close()
			})
		})
	}
}
