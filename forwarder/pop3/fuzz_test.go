package pop3

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"mirrorgw/scanner"
)

// pieces has p send text in pieces of n octets.
func (st *stage) pieces(p *party, text []byte, n int) {
	for len(text) > 0 {
		k := min(n, len(text))
		p.writes <- text[:k]
		text = text[k:]
	}
	synctest.Wait()
}

const fuzzGreeting = "+OK hi\r\n"

// FuzzServerReplyDelivered: whatever a server says, the client gets the beginning of it as it came, and the judge's mails
// are in it; in which pieces it came and what fits the spool makes no difference to that.
func FuzzServerReplyDelivered(f *testing.F) {
	for _, seed := range []string{
		"+OK\r\n1 2\r\n.\r\n+OK\r\nmail\r\n..dot\r\n.\r\n+OK\r\nSubject: x\r\n\r\n.\r\n-ERR\r\n+OK\r\n+OK bye\r\n",
		"-ERR\r\n+OK\r\nmail\n.\n+OK\r\n.\r\n", "+OK\r\n.\r\n+OK\r\n.\r", "+OK\n.\n+OK\na\n.\n",
	} {
		f.Add([]byte(seed), uint8(200), false)
		f.Add([]byte(seed), uint8(1), true)
	}
	f.Fuzz(func(t *testing.T, said []byte, piece uint8, small bool) {
		synctest.Test(t, func(t *testing.T) {
			cfg := Config{Judge: &clerk{}}
			if small {
				cfg.Spool.Max = 7
			}
			st := openWith(t.Context(), t, cfg)
			st.send(st.server, fuzzGreeting)
			st.send(st.client, "LIST\r\nRETR 1\r\nTOP 1 0\r\nRETR 2\r\nNOOP\r\nQUIT\r\n")
			st.pieces(st.server, said, int(piece)+1)
			said = append([]byte(fuzzGreeting), said...)
			st.server.conn.CloseWrite()
			synctest.Wait()
			if got, _ := st.client.received(); !bytes.HasPrefix(said, []byte(got)) {
				t.Errorf("server said %q, client got %q", said, got)
			}
			st.close()
		})
	})
}

// FuzzServerReplyReplaced: when every mail is replaced, the client gets exactly the server's status lines and the notice,
// as a second, simpler reading of the server's octets has it.
func FuzzServerReplyReplaced(f *testing.F) {
	for _, seed := range []string{
		"+OK\r\nmail\r\n..dot\r\n.\r\n-ERR no\r\n+OK\r\nSubject: x\r\n\r\n.\r\n", "+OK\r\nmail\n.\n+OK\r\n.\r\n-ERR\r\n",
		"+OK\r\n.\r\n+OK\r\n.\r", "-ERR\n+OK\r\n.\r\n+OK\r\n..\r\n.\r\n", "+OK\r\n\r\n.\r\n+ OK\r\n",
	} {
		f.Add([]byte(seed), uint8(200))
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, said []byte, piece uint8) {
		if len(said) > maxStatus {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			judge := &clerk{actions: []scanner.Action{scanner.Replace}}
			st := openWith(t.Context(), t, Config{Judge: judge})
			st.send(st.server, fuzzGreeting)
			st.send(st.client, "RETR 1\r\nRETR 2\r\nTOP 3 9\r\n")
			st.pieces(st.server, said, int(piece)+1)
			st.server.conn.CloseWrite()
			synctest.Wait()

			want, rest := fuzzGreeting, said
			for _, status := range []string{statusMessage, statusMessage, statusTop} {
				line, after, ended := bytes.Cut(rest, []byte("\n"))
				rest = after
				if ended && bytes.HasPrefix(line, []byte("-ERR")) {
					want += string(line) + "\n"
					continue
				}
				n, end := reference(rest, false) // the greeting ended in CRLF
				if !ended || !bytes.HasPrefix(line, []byte("+OK")) || end == "" {
					break
				}
				want += status + wireNotice
				rest = rest[n+len(end):]
			}
			if got, _ := st.client.received(); got != want {
				t.Errorf("server said %q, client got %q, want %q", said, got, want)
			}
			st.close()
		})
	})
}

// FuzzClientCommands: whatever a client says, the server gets lines of the grammar only, none of the refused ones, and
// each line the client sent has one reply, in order.
func FuzzClientCommands(f *testing.F) {
	for _, seed := range []string{
		"USER a\r\nPASS b\r\nSTAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n", "RETR 01\r\nXTND\r\nretr 1\nTOP 1 2\n",
		"STLS\r\nUTF8\r\nLANG *\r\nAUTH\r\nCAPA\r\n", "PASS \x00\r\nNOOP\rDELE 1\r\n", "QUIT\r\nDELE 1\r\n", "AUTH PLAIN AGE=\r\nNOOP\r\n",
	} {
		f.Add([]byte(seed), uint8(200))
		f.Add([]byte(seed), uint8(0))
	}
	f.Fuzz(func(t *testing.T, said []byte, piece uint8) {
		if len(said) > maxCommand {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			st := openWith(t.Context(), t, Config{Judge: &clerk{}})
			st.send(st.server, "+OK hi\r\n")
			st.pieces(st.client, said, int(piece)+1)
			answered := 0
			var want strings.Builder // what the client gets for what went up
			for {
				got, _ := st.server.received()
				line, _, ended := strings.Cut(got[answered:], "\n")
				if !ended {
					if line != "" {
						t.Errorf("server got a piece: %q", line)
					}
					break
				}
				line += "\n"
				answered += len(line)
				if !grammar.MatchString(line) || strings.HasPrefix(line, "STLS") || strings.HasPrefix(line, "LANG") || strings.HasPrefix(line, "UTF8") {
					t.Errorf("server got %q", line)
				}
				reply := fmt.Sprintf("+OK #%d\r\n", answered)
				switch verb := strings.TrimRight(line, "\r\n"); {
				case verb == "LIST", verb == "UIDL", verb == "CAPA", verb == "AUTH", strings.HasPrefix(verb, "RETR"), strings.HasPrefix(verb, "TOP"):
					reply += ".\r\n"
				}
				want.WriteString(reply)
				st.send(st.server, reply)
			}
			got, _ := st.client.received()
			var relayed strings.Builder
			replies := 0
			for line := range strings.Lines(got) {
				if !strings.HasPrefix(line, "-ERR") && line != "+OK hi\r\n" {
					relayed.WriteString(line)
				}
				if line[0] != '.' {
					replies++
				}
			}
			if !top(said) && relayed.String() != want.String() {
				t.Errorf("client got %q, want %q", relayed.String(), want.String())
			}
			if lines := bytes.Count(said, []byte("\n")); replies-1 > lines || replies-1 < lines && !over(said) {
				t.Errorf("%d replies to %d lines of %q: %q", replies-1, lines, said, got)
			}
			st.close()
		})
	})
}

// top says whether said may hold a TOP n k, whose reply has a status line of the gateway's own.
func top(said []byte) bool { return bytes.Contains(bytes.ToUpper(said), []byte("TOP")) }

// over says whether a session may end with said: by QUIT, or by bad commands.
func over(said []byte) bool {
	bad := 0
	for line := range bytes.Lines(said) {
		c, ok := parse(line)
		if !ok {
			bad++
		}
		if c.verb == cmdQUIT {
			return true
		}
	}
	return bad >= maxBadBeforeLogin
}
