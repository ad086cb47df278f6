package main

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/testnet"
)

// TestSlowMailAndOtherProtocols: through the mirror a mail that takes long drips to its client, and what is not POP3 passes where
// the rule says so, in sight of the status.
func TestSlowMailAndOtherProtocols(t *testing.T) {
	lab := testnet.NewLab(t)
	startGateway(t, lab, lab.GatewayConfig()+"intercept: [{drip: 1s, not_pop3: pass}]\n")
	at := netip.AddrPortFrom(testnet.MailIPv4, 110)
	l, err := lab.Internet.Listen(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pair := func() (client, server net.Conn) {
		client, err := lab.Client.Dial(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []net.Conn{client, server} {
			t.Cleanup(func() { c.Close() })
			c.SetDeadline(time.Now().Add(20 * time.Second))
		}
		return client, server
	}
	hears := func(c net.Conn, text string) {
		t.Helper()
		got := make([]byte, len(text))
		if n, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("got %q, %v, want %q", got[:n], err, text)
		}
	}
	says := func(c net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}

	client, server := pair()
	says(server, "+OK\r\n")
	hears(client, "+OK\r\n")
	says(client, "RETR 1\r\n")
	hears(server, "RETR 1\r\n")
	says(server, "+OK 40 octets\r\nReceived: from a by b\r\nSubject: slow\r\n")
	hears(client, "+OK message follows\r\nReceived: from a by b\r\n")
	says(server, "\r\nhello\r\n.\r\n")
	hears(client, "Subject: slow\r\n\r\nhello\r\n.\r\n")

	client, server = pair()
	says(server, "SSH-2.0-server\r\n")
	hears(client, "SSH-2.0-server\r\n")
	says(client, "SSH-2.0-client\r\n")
	hears(server, "SSH-2.0-client\r\n")

	client, server = pair()
	says(client, "GET / HTTP/1.1\r\n")
	hears(server, "GET / HTTP/1.1\r\n")
	says(server, "HTTP/1.1 204 No Content\r\n")
	hears(client, "HTTP/1.1 204 No Content\r\n")

	s, err := control.Fetch(t.Context(), lab.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	if e := s.Events["pop3"]; e["dripped"] != 1 || e["not_pop3_passed"] != 2 || s.Flows.Unscanned != 2 {
		t.Errorf("pop3 %v, flows %+v", e, s.Flows)
	}
}
