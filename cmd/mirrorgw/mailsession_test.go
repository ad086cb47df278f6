package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"mirrorgw/testnet"
)

// mailServer is where the tests' POP3 server listens.
var mailServer = netip.AddrPortFrom(testnet.MailIPv4, 110)

// serveMail has the internet answer sessions at an address until the test ends, each by serve: it has the lines of its client, and its
// session ends when it returns.
func serveMail(t *testing.T, lab *testnet.Lab, at netip.AddrPort, serve func(client net.Conn, lines *bufio.Scanner)) {
	t.Helper()
	l, err := lab.Internet.Listen(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends when l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends with its session
				defer c.Close()
				serve(c, bufio.NewScanner(c))
			}()
		}
	}()
}

// mailbox answers every command with +OK, and RETR with mail, whose lines end in CRLF.
func mailbox(mail string) func(net.Conn, *bufio.Scanner) {
	return func(c net.Conn, lines *bufio.Scanner) {
		for answer := "+OK ready\r\n"; ; {
			if _, err := io.WriteString(c, answer); err != nil || !lines.Scan() {
				return
			}
			answer = "+OK done\r\n"
			if strings.HasPrefix(lines.Text(), "RETR") {
				answer = "+OK mail follows\r\n" + mail + ".\r\n"
			}
		}
	}
}

// serveAnyMail has every session at mailServer find a mail that holds text.
func serveAnyMail(t *testing.T, lab *testnet.Lab, text string) {
	t.Helper()
	serveMail(t, lab, mailServer, mailbox("Subject: x\r\n\r\n"+text+"\r\n"))
}

// mailSession is a client's end of a session in a lab.
type mailSession struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// dialMail connects a client to mailServer and returns what it is greeted with.
func dialMail(t *testing.T, lab *testnet.Lab) (s *mailSession, greeting string) {
	t.Helper()
	return dialMailAt(t, lab, mailServer)
}

// dialMailAt is dialMail for any server.
func dialMailAt(t *testing.T, lab *testnet.Lab, server netip.AddrPort) (s *mailSession, greeting string) {
	t.Helper()
	return dialMailFrom(t, lab.Client, server)
}

// dialMailFrom is dialMailAt for any host.
func dialMailFrom(t *testing.T, from *testnet.Host, server netip.AddrPort) (s *mailSession, greeting string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := from.Dial(ctx, "tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s = &mailSession{t: t, conn: c, in: bufio.NewReader(c)}
	greeting, err = s.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return s, greeting
}

// say sends a command and returns the first line of the reply.
func (s *mailSession) say(command string) (string, error) {
	if _, err := io.WriteString(s.conn, command+"\r\n"); err != nil {
		return "", err
	}
	return s.in.ReadString('\n')
}

// mustSay is say where nothing may go wrong.
func (s *mailSession) mustSay(command string) {
	s.t.Helper()
	if reply, err := s.say(command); err != nil || !strings.HasPrefix(reply, "+OK") {
		s.t.Fatalf("%s: %q, %v", command, reply, err)
	}
}

// multi sends a command and returns its reply, without the last line of one that has several.
func (s *mailSession) multi(command string) (string, error) {
	line, err := s.say(command)
	if err != nil || strings.HasPrefix(line, "-ERR") {
		return line, err
	}
	var reply strings.Builder
	for line != ".\r\n" {
		reply.WriteString(line)
		if line, err = s.in.ReadString('\n'); err != nil {
			return reply.String() + line, err
		}
	}
	return reply.String(), nil
}

// retrieve asks for the first mail.
func (s *mailSession) retrieve() (string, error) { return s.multi("RETR 1") }

// mustRetrieve is retrieve where the session may not end.
func (s *mailSession) mustRetrieve() string {
	s.t.Helper()
	reply, err := s.retrieve()
	if err != nil {
		s.t.Fatalf("RETR 1: %.1000q, %v", reply, err)
	}
	return reply
}
