package pop3

import (
	"bytes"
	"strconv"
)

// Limits on what a client sends.
const (
	maxCommand  = 1024     // octets of a command line, CRLF included; RFC 2449 section 4 has 255, long user names exist
	maxSASLLine = 12 << 10 // octets of an AUTH command or SASL line, CRLF included (RFC 5034 section 4)
	maxDigits   = 10       // digits of a number: 2^32 messages or lines
)

// verb is a command the relay understands. The zero value is none.
type verb uint8

const (
	unknown verb = iota
	cmdAPOP
	cmdAUTH
	cmdCAPA
	cmdDELE
	cmdLANG
	cmdLAST
	cmdLIST
	cmdNOOP
	cmdPASS
	cmdQUIT
	cmdRETR
	cmdRSET
	cmdSTAT
	cmdSTLS
	cmdTOP
	cmdUIDL
	cmdUSER
	cmdUTF8
)

// arguments says what may follow a verb.
type arguments uint8

const (
	noArgument arguments = iota
	oneNumber
	maybeNumber
	twoNumbers
	text     // at least one octet, free of CR, LF and NUL
	anyText  // the same, but may be empty
	twoTexts // two words or more
	sasl     // nothing, a mechanism, or a mechanism and an initial response (RFC 5034 section 4)
)

// verbOf returns the verb a keyword names, in any case, and what follows it.
func verbOf(keyword []byte) (verb, arguments) {
	if len(keyword) > 4 {
		return unknown, noArgument
	}
	switch string(bytes.ToUpper(keyword)) {
	case "APOP":
		return cmdAPOP, twoTexts
	case "AUTH":
		return cmdAUTH, sasl
	case "CAPA":
		return cmdCAPA, noArgument
	case "DELE":
		return cmdDELE, oneNumber
	case "LANG":
		return cmdLANG, anyText
	case "LAST":
		return cmdLAST, noArgument
	case "LIST":
		return cmdLIST, maybeNumber
	case "NOOP":
		return cmdNOOP, noArgument
	case "PASS":
		return cmdPASS, anyText
	case "QUIT":
		return cmdQUIT, noArgument
	case "RETR":
		return cmdRETR, oneNumber
	case "RSET":
		return cmdRSET, noArgument
	case "STAT":
		return cmdSTAT, noArgument
	case "STLS":
		return cmdSTLS, noArgument
	case "TOP":
		return cmdTOP, twoNumbers
	case "UIDL":
		return cmdUIDL, maybeNumber
	case "USER":
		return cmdUSER, text
	case "UTF8":
		return cmdUTF8, noArgument
	default:
		return unknown, noArgument
	}
}

// command is one parsed command line.
type command struct {
	verb    verb
	line    []byte // the command as it goes upstream, CRLF included
	argued  bool   // LIST, UIDL, AUTH: an argument is there, which decides how the reply is framed
	message uint64 // RETR, TOP, DELE
	lines   uint64 // TOP: body lines wanted
	text    []byte // USER, APOP: the user; AUTH: the initial response, nil when there is none
	mech    string // AUTH: the mechanism in capitals
}

// parse reads one command line, which may end in CRLF or LF; ok is false when it is not in the grammar. It is the only
// reading there is: what goes upstream is rebuilt from it.
func parse(line []byte) (c command, ok bool) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if bytes.ContainsAny(line, "\x00\r\n") {
		return command{}, false
	}
	keyword, rest, spaced := bytes.Cut(line, []byte(" "))
	var args arguments
	c.verb, args = verbOf(keyword)
	if c.verb == unknown {
		return command{}, false
	}
	if args != text && args != anyText && args != twoTexts {
		rest = bytes.TrimRight(rest, " ") // a password may end in a blank, a number does not
	}
	c.argued = len(rest) > 0
	switch args {
	case noArgument:
		ok = !c.argued
	case oneNumber:
		c.message, ok = number(rest)
	case maybeNumber:
		if ok = !c.argued; !ok {
			c.message, ok = number(rest)
		}
	case twoNumbers:
		n, k, _ := bytes.Cut(rest, []byte(" "))
		var okN, okK bool
		c.message, okN = number(n)
		c.lines, okK = number(k)
		ok = okN && okK
	case text:
		c.text, ok = rest, c.argued
	case anyText:
		ok = spaced || c.verb == cmdLANG
	case twoTexts:
		var digest []byte
		if i := bytes.LastIndexByte(rest, ' '); i > 0 {
			c.text, digest = rest[:i], rest[i+1:]
		}
		ok = len(digest) > 0
	case sasl:
		ok = c.parseAUTH(rest)
	}
	if !ok {
		return command{}, false
	}
	c.line = rebuild(keyword, rest, spaced && (c.argued || args == anyText))
	return c, true
}

// parseAUTH reads what follows AUTH: nothing, a mechanism (RFC 4422 section 3.1), or that and an initial response in
// base64, "=" standing for an empty one.
func (c *command) parseAUTH(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	mech, initial, has := bytes.Cut(rest, []byte(" "))
	c.mech = string(bytes.ToUpper(mech))
	if !mechanismName(c.mech) {
		return false
	}
	if has {
		c.text = initial
		return len(initial) > 0 && base64Line(initial)
	}
	return true
}

// rebuild returns the line that goes upstream.
func rebuild(keyword, rest []byte, spaced bool) []byte {
	line := make([]byte, 0, len(keyword)+len(rest)+3)
	line = append(line, bytes.ToUpper(keyword)...)
	if spaced {
		line = append(line, ' ')
		line = append(line, rest...)
	}
	return append(line, '\r', '\n')
}

// number reads a decimal number without sign or leading zero, so that no server can read another one.
func number(p []byte) (uint64, bool) {
	if len(p) == 0 || len(p) > maxDigits || (p[0] == '0' && len(p) > 1) {
		return 0, false
	}
	for _, c := range p {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(string(p), 10, 64)
	return n, err == nil
}
