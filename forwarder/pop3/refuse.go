package pop3

import (
	"net"
	"time"
)

// refuseWrite bounds the time a client may take for its refusal.
const refuseWrite = 5 * time.Second

// Refuse greets a client with a refusal that invites it to try again later (RFC 3206 section 4), for which no server was
// asked, and closes the connection. It takes seconds at most. reason is a few words of ASCII.
func Refuse(client net.Conn, reason string) {
	l := &leg{conn: client, stall: refuseWrite}
	if _, err := l.Write([]byte("-ERR [SYS/TEMP] " + reason + "\r\n")); err != nil {
		l.reset()
		return
	}
	l.close(false)
}
