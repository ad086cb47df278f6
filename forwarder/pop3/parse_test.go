package pop3

import (
	"bytes"
	"regexp"
	"testing"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, up string }{ // up is empty for what is refused
		{"STAT\r\n", "STAT\r\n"},
		{"stat\r\n", "STAT\r\n"},
		{"Stat \n", "STAT\r\n"},
		{"RETR 1\r\n", "RETR 1\r\n"},
		{"retr 4294967296\r\n", "RETR 4294967296\r\n"},
		{"TOP 1 0\r\n", "TOP 1 0\r\n"},
		{"LIST\r\n", "LIST\r\n"},
		{"LIST \r\n", "LIST\r\n"},
		{"UIDL 7\r\n", "UIDL 7\r\n"},
		{"USER an na\r\n", "USER an na\r\n"},
		{"USER \xc3\xa9\r\n", "USER \xc3\xa9\r\n"},
		{"PASS  two blanks  \r\n", "PASS  two blanks  \r\n"},
		{"PASS \r\n", "PASS \r\n"},
		{"APOP a b c\r\n", "APOP a b c\r\n"},
		{"AUTH\r\n", "AUTH\r\n"},
		{"auth plain =\r\n", "AUTH plain =\r\n"},

		{"", ""},
		{"\r\n", ""},
		{" STAT\r\n", ""},
		{"STAT\t\r\n", ""},
		{"STAT 1\r\n", ""},
		{"STAT\r\r\n", ""},
		{"STATE\r\n", ""},
		{"RETR\r\n", ""},
		{"RETR  1\r\n", ""},
		{"RETR\t1\r\n", ""},
		{"RETR 01\r\n", ""},
		{"RETR +1\r\n", ""},
		{"RETR -1\r\n", ""},
		{"RETR 1 2\r\n", ""},
		{"RETR 1\x00\r\n", ""},
		{"RETR 1\rRETR 2\r\n", ""},
		{"RETR \xb9\r\n", ""},
		{"RETR 42949672960\r\n", ""},
		{"TOP 1\r\n", ""},
		{"TOP 1  0\r\n", ""},
		{"USER\r\n", ""},
		{"USER \r\n", ""},
		{"USER a\x00b\r\n", ""},
		{"PASS\r\n", ""},
		{"PASS a\rb\r\n", ""},
		{"APOP a\r\n", ""},
		{"APOP  b\r\n", ""},
		{"AUTH PLAIN a b\r\n", ""},
		{"AUTH PLAIN a:b\r\n", ""},
		{"AUTH PL/AIN\r\n", ""},
		{"AUTH ABCDEFGHIJKLMNOPQRSTU\r\n", ""},
		{"XTND XMIT\r\n", ""},
		{"XSENDER 1\r\n", ""},
	} {
		c, ok := parse([]byte(tt.in))
		if ok != (tt.up != "") || ok && string(c.line) != tt.up {
			t.Errorf("parse(%q) = %q, %v; want %q", tt.in, c.line, ok, tt.up)
		}
	}
}

// grammar is what may go upstream, written down a second time.
var grammar = regexp.MustCompile(`^(?s:(STAT|NOOP|RSET|QUIT|CAPA|LAST|STLS|UTF8|LIST|UIDL|AUTH|LANG)` +
	`|(RETR|DELE|LIST|UIDL) (0|[1-9][0-9]{0,9})` +
	`|TOP (0|[1-9][0-9]{0,9}) (0|[1-9][0-9]{0,9})` +
	`|AUTH [A-Za-z0-9_-]{1,20}( [A-Za-z0-9+/=]+)?` +
	`|USER [^\x00\r\n]+|PASS [^\x00\r\n]*|LANG [^\x00\r\n]*|APOP [^\x00\r\n]+ [^\x00\r\n ]+)\r\n$`)

// FuzzParse: what goes upstream is in the grammar, and is read again as what it was read as.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"RETR 1\r\n", "top 1 2\n", "AUTH PLAIN AGE=\r\n", "PASS  x \r\n", "apop a b\r\n", "LIST \r\n", "LANG\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		c, ok := parse(line)
		if !ok {
			return
		}
		if !grammar.Match(c.line) {
			t.Fatalf("%q goes up as %q", line, c.line)
		}
		again, ok := parse(c.line)
		if !ok || !bytes.Equal(again.line, c.line) || again.verb != c.verb || again.argued != c.argued ||
			again.message != c.message || again.lines != c.lines || again.mech != c.mech || !bytes.Equal(again.text, c.text) {
			t.Fatalf("%+v is read again as %+v", c, again)
		}
	})
}
