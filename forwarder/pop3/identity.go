package pop3

import (
	"bytes"
	"encoding/base64"
)

// identity is what is known of whom the server will take the client for. It is held against tricks: what is released to one user
// is shown to a client only where the server can have accepted no other.
type identity struct {
	name    string
	unclear bool // several names were given
}

// account is whom the server has taken the client for.
type account struct {
	user  string // as the client gave it last before it was accepted
	login string // Origin.Login: the one name the server can have accepted; empty when that is not certain
}

// whose returns the account of the session, none before login.
func (s *session) whose() account {
	if a := s.account.Load(); a != nil {
		return *a
	}
	return account{}
}

// give takes note of a name the client gave.
func (i *identity) give(name []byte) {
	if given := bounded(name); i.name == "" {
		i.name = given
	} else if given != i.name {
		i.unclear = true // the server may have refused either
	}
	i.unclear = i.unclear || len(name) >= maxUser
}

// sole returns the one name that was given, else nothing.
func (i *identity) sole() string {
	if i.unclear {
		return ""
	}
	return i.name
}

// naming watches the client's messages of one SASL exchange for whom it names.
type naming struct {
	mech     string
	messages int
	who      identity
}

// message takes note of the client's next message.
func (e *naming) message(message []byte) {
	if e.messages++; e.messages > 1 {
		return
	}
	if name, ok := userIn(e.mech, message); ok {
		e.who.give([]byte(name))
		e.who.unclear = e.who.unclear || e.mech == "PLAIN" && actsForAnother(message)
	}
}

// sole returns the one user the server can have accepted, else nothing: it took the name for the name exactly if the exchange
// had as many messages as the mechanism has.
func (e *naming) sole() string {
	if e.mech == "LOGIN" && e.messages == 2 || (e.mech == "PLAIN" || e.mech == "CRAM-MD5") && e.messages == 1 {
		return e.who.sole()
	}
	return ""
}

// actsForAnother says whether the message of PLAIN asks for the maildrop of another than who logs in (RFC 4616).
func actsForAnother(message []byte) bool {
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(message)))
	defer clear(plain)
	n, _ := base64.StdEncoding.Decode(plain, message) // userIn has found a name in it
	fields := bytes.SplitN(plain[:n], []byte{0}, 3)
	return len(fields[0]) > 0 && !bytes.Equal(fields[0], fields[1])
}
