package pop3

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// The judge is told the unique-id that the server has given a mail, as far as its client has asked for it, in one list or one by one,
// released mails in the maildrop or not.
func TestJudgeIsToldUIDs(t *testing.T) {
	for name, c := range map[string]struct {
		dialogue [][2]string // what the client says, and the server then
		released bool
		want     string
	}{
		"not asked for":  {nil, false, ""},
		"all":            {[][2]string{{"UIDL\r\n", "+OK\r\n1 one\r\n2 two\r\n12 twelve\r\n.\r\n"}}, false, "two"},
		"one":            {[][2]string{{"UIDL 2\r\n", "+OK 2 two\r\n"}}, false, "two"},
		"a list anew":    {[][2]string{{"UIDL 2\r\n", "+OK 2 two\r\n"}, {"UIDL\r\n", "+OK\r\n1 one\r\n.\r\n"}}, false, ""},
		"another":        {[][2]string{{"UIDL 1\r\n", "+OK 1 one\r\n"}}, false, ""},
		"refused":        {[][2]string{{"UIDL 2\r\n", "-ERR 2 two\r\n"}}, false, ""},
		"sizes are none": {[][2]string{{"LIST\r\n", "+OK\r\n1 120\r\n2 200\r\n.\r\n"}, {"LIST 2\r\n", "+OK 2 200\r\n"}}, false, ""},
		"merged":         {[][2]string{{"UIDL\r\n", "+OK\r\n1 one\r\n2 two\r\n.\r\n"}}, true, "two"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				judge := &clerk{}
				cfg := Config{Judge: judge}
				if c.released {
					cfg.Releases = newOutbox(t, []string{`anna 0123456789ab "x"`})
				}
				st := openWith(t.Context(), t, cfg)
				st.send(st.server, "+OK ready\r\n")
				turns := append([][2]string{{"USER anna\r\n", "+OK\r\n"}, {"PASS x\r\n", "+OK\r\n"}}, c.dialogue...)
				if c.released {
					turns = append(turns[:2:2], append([][2]string{{"", "+OK 2 320\r\n"}}, c.dialogue...)...)
				}
				for _, turn := range append(turns, [2]string{"RETR 2\r\n", "+OK\r\nmail\r\n.\r\n"}) {
					if turn[0] != "" {
						st.send(st.client, turn[0])
					}
					st.send(st.server, turn[1])
				}
				if len(judge.seen) != 1 || judge.seen[0].origin.UIDL != c.want {
					t.Errorf("the judge saw %+v, want the unique-id %q", judge.seen, c.want)
				}
				st.close()
			})
		})
	}
}

// What is remembered of a list is bounded, however it comes, and its end is.
func TestUIDsAreBounded(t *testing.T) {
	var list strings.Builder
	const messages = 3000
	for n := 1; n <= messages; n++ {
		fmt.Fprintf(&list, "%d %d.mail.example.org\r\n", n, n*n)
	}
	for i, piece := range []int{1, 7, 1460, 32 << 10, 1 << 30, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1008, 1009} {
		var u uids
		u.add([]byte("9999 " + strings.Repeat("x", 3*i) + "\n")) // so that what is forgotten ends elsewhere in a line
		for rest := list.String(); rest != ""; rest = rest[min(piece, len(rest)):] {
			u.add([]byte(rest[:min(piece, len(rest))]))
		}
		if cap(u.lines) > 2*maxUIDs {
			t.Errorf("in pieces of %d: %d octets are held", piece, cap(u.lines))
		}
		known := 0
		for n := uint64(1); n <= messages; n++ {
			switch uid := u.of(n); uid {
			case fmt.Sprintf("%d.mail.example.org", n*n):
				known++
			case "":
				if known > 0 {
					t.Fatalf("in pieces of %d: message %d is forgotten, one before it is not", piece, n)
				}
			default:
				t.Fatalf("in pieces of %d: message %d has the unique-id %q", piece, n, uid)
			}
		}
		if known < 400 {
			t.Errorf("in pieces of %d: %d messages are known", piece, known)
		}
	}
}

// Law: whatever a server says, what is remembered is bounded and a unique-id is one line.
func FuzzUIDs(f *testing.F) {
	f.Add([]byte("1 a\r\n2 b\n"), uint64(2))
	f.Add([]byte("1 \r\n 2  b \r\r\n2"), uint64(2))
	f.Add([]byte(strings.Repeat("x", 2*maxUIDs)+"\n5 b\n"), uint64(5))
	f.Fuzz(func(t *testing.T, text []byte, n uint64) {
		var u uids
		u.add(text)
		if uid := u.of(n); len(uid) > maxUID || strings.Contains(uid, "\n") || len(u.lines) > maxUIDs {
			t.Errorf("%q of %d octets", uid, len(u.lines))
		}
	})
}
