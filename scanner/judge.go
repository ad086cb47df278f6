package scanner

import "net/netip"

// Origin says whose mail it is and by which way it came.
type Origin struct {
	Protocol string         // "pop3"
	Client   netip.AddrPort // the workstation
	Server   netip.AddrPort // the mail server the workstation wanted
	User     string         // as the client gave it, may be empty. Hostile text: quote it before printing
}

// Ruling is what a relay does with one retrieved mail.
type Ruling struct {
	Verdict Verdict
	Action  Action
	Tag     []byte // Action Tag: one header line, CRLF included, to send before the mail
	Notice  []byte // Action Replace: the whole mail to send instead, CRLF line ends, not dot-stuffed
	ID      string // Action Replace: the original's quarantine id
}
