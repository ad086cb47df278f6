package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/testnet"
)

// nothingPassed fails the test when a frame of the gateway with the payload is among those that arrived at a socket.
func (l *routerLab) nothingPassed(s *testnet.PacketSocket, payload string) {
	l.t.Helper()
	for _, f := range l.settle(s) {
		if sourceMAC(f) == [6]byte(mirrorMAC) && bytes.Contains(f, []byte(payload)) {
			l.t.Errorf("forwarded: %s", decoded(f))
		}
	}
}

// TestRouterA5Martians: addresses that no router forwards from or to (RFC 1812 section 5.3.7, RFC 3927 section 7, RFC 4291
// section 2.5), each dropped and counted.
func TestRouterA5Martians(t *testing.T) {
	l := newRouterLab(t, oneQueue)
	client4, client6 := testnet.ClientIPv4.String(), testnet.ClientIPv6.String()
	web4, web6 := testnet.WebIPv4.String(), testnet.WebIPv6.String()
	rows := []struct{ what, from, to, reason string }{
		{"source in 0/8", "0.1.2.3", web4, "martian"},
		{"source unspecified", "0.0.0.0", web4, "martian"},
		{"source in 127/8", "127.0.0.1", web4, "martian"},
		{"source in 224/4", "224.0.0.5", web4, "martian"},
		{"source in 240/4", "240.0.0.1", web4, "martian"},
		{"source limited broadcast", "255.255.255.255", web4, "martian"},
		{"source link-local", "169.254.1.1", web4, "martian"},
		{"source own", testnet.GatewayIPv4.String(), web4, "martian"},
		{"source LAN broadcast", "192.168.1.255", web4, "martian"},
		{"source LAN's all zeroes", "192.168.1.0", web4, "martian"},
		{"destination in 0/8", client4, "0.1.2.3", "martian"},
		{"destination in 127/8", client4, "127.0.0.1", "martian"},
		{"destination in 240/4", client4, "240.0.0.1", "martian"},
		{"destination limited broadcast", client4, "255.255.255.255", "martian"},
		{"destination LAN broadcast", client4, "192.168.1.255", "martian"},
		{"destination link-local", client4, "169.254.169.254", "martian"},
		{"destination in 224/4", client4, "224.0.0.9", "multicast"},
		{"source unspecified, IPv6", "::", web6, "martian"},
		{"source loopback, IPv6", "::1", web6, "martian"},
		{"source group, IPv6", "ff02::1", web6, "martian"},
		{"source link-local, IPv6", "fe80::10", web6, "martian"},
		{"source IPv4-mapped", "::ffff:198.51.100.1", web6, "martian"},
		{"source own, IPv6", testnet.GatewayIPv6.String(), web6, "martian"},
		{"destination loopback, IPv6", client6, "::1", "martian"},
		{"destination link-local, IPv6", client6, "fe80::99", "martian"},
		{"destination IPv4-mapped", client6, "::ffff:198.51.100.1", "martian"},
		{"destination unspecified, IPv6", client6, "::", "martian"},
		{"destination group, IPv6", client6, "ff05::2", "multicast"},
	}
	if len(rows) < 25 {
		t.Errorf("%d rows", len(rows))
	}
	for _, row := range rows {
		from, to := netip.MustParseAddr(row.from), netip.MustParseAddr(row.to)
		before := l.status()
		l.send(l.client, l.datagram(from, to, 64, "a martian"))
		l.dropped(before, row.reason, 1)
		if after := l.status(); after.Frames.Forwarded != before.Frames.Forwarded {
			t.Errorf("%s: %s", row.what, difference(before, after))
		}
	}
	l.nothingPassed(l.client, "a martian")
	l.nothingPassed(l.router, "a martian")
}

// TestRouterA6Spoofing: the LAN's addresses come from the LAN and all others from the router (RFC 2827); whoever sends
// otherwise sends for somebody else.
func TestRouterA6Spoofing(t *testing.T) {
	l := newRouterLab(t, oneQueue)
	outside4, outside6 := netip.MustParseAddr("198.51.100.77"), netip.MustParseAddr("2001:db8:100::77")
	for _, row := range []struct {
		what     string
		by       *testnet.PacketSocket
		from, to netip.Addr
	}{
		{"foreign source from the LAN", l.client, outside4, testnet.WebIPv4},
		{"foreign source from the LAN, IPv6", l.client, outside6, testnet.WebIPv6},
		{"foreign source from the LAN to the LAN", l.client, outside4, testnet.RouterIPv4},
		{"LAN source from the router", l.router, testnet.ClientIPv4, testnet.WebIPv4},
		{"LAN source from the router, IPv6", l.router, testnet.ClientIPv6, testnet.WebIPv6},
		{"LAN source from the router to the LAN", l.router, strangerIPv4, testnet.ClientIPv4},
		{"LAN source from the router to the LAN, IPv6", l.router, strangerIPv6, testnet.ClientIPv6},
	} {
		before := l.status()
		l.send(row.by, frame(row.by.MAC, mirrorMAC, ipOf(row.from, row.to, layers.IPProtocolUDP, 64), udp(), gopacket.Payload("spoofed")))
		l.dropped(before, "spoofed", 1)
		if after := l.status(); after.Frames.Forwarded != before.Frames.Forwarded {
			t.Errorf("%s: %s", row.what, difference(before, after))
		}
	}
	// A mail server must not be reached in a stranger's name either.
	before := l.status()
	l.send(l.client, frame(l.client.MAC, mirrorMAC, ipv4(outside4, testnet.MailIPv4, layers.IPProtocolTCP), &layers.TCP{SrcPort: 1025, DstPort: 110, SYN: true, Window: 1000}))
	l.dropped(before, "spoofed", 1)
	l.nothingPassed(l.client, "spoofed")
	l.nothingPassed(l.router, "spoofed")
}

// TestRouterA7OwnOutput feeds the gateway all it sends, under traffic: nothing of it leaves again.
func TestRouterA7OwnOutput(t *testing.T) {
	l := newRouterLab(t, nil)
	port := packetSocket(t, l.Mirror, "mirror0")
	before := l.status()
	const packets = 2000
	l.flood(packets, func(i int) []byte {
		if i%100 == 0 {
			shell(t, l.Client, "ping -c1 -W2 "+testnet.GatewayIPv4.String()) // the netstack speaks too
		}
		return l.datagram(testnet.ClientIPv4, testnet.WebIPv4, 64, fmt.Sprintf("packet %d", i))
	})
	// What the gateway sends arrives on the TAP's other side, and goes back in there.
	forwarded, fed := 0, 0
	for forwarded < packets {
		f, err := port.Receive(2 * time.Second)
		if err != nil {
			t.Fatalf("%d of %d packets left: %v", forwarded, packets, err)
		}
		if bytes.Contains(f, []byte("packet ")) {
			forwarded++
		}
		l.send(port, bytes.Clone(f))
		if fed++; fed%200 == 0 {
			l.dropped(before, "source_own", uint64(fed))
		}
	}
	l.dropped(before, "source_own", uint64(fed))
	for quiet := false; !quiet; { // and what that made it send
		f, err := port.Receive(500 * time.Millisecond)
		if quiet = err != nil; !quiet && bytes.Contains(f, []byte("packet ")) {
			t.Errorf("forwarded again: %.80x", f)
		}
	}
	if after := l.status(); after.Frames.Forwarded-before.Frames.Forwarded != packets {
		t.Errorf("%d packets sent, %d forwarded", packets, after.Frames.Forwarded-before.Frames.Forwarded)
	}
	// Frames for another station and for groups are no business of a router either (RFC 1812 section 5.3.4).
	before = l.status()
	other := []byte{2, 9, 9, 9, 9, 9}
	stray := l.datagram(testnet.ClientIPv4, testnet.WebIPv4, 64, "stray")
	l.send(port, append(bytes.Clone(other), stray[6:]...))
	l.dropped(before, "not_for_us", 1)
	l.send(port, append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, stray[6:]...))
	l.send(port, append([]byte{0x01, 0, 0x5e, 0, 0, 5}, stray[6:]...))
	l.dropped(before, "multicast", 2)
	if after := l.status(); after.Frames.Forwarded != before.Frames.Forwarded {
		t.Errorf("%s", difference(before, after))
	}
}

// TestRouterA8PingPong: a router that has a route back to the mirror gets a packet once, not until its TTL has run out.
func TestRouterA8PingPong(t *testing.T) {
	l := newRouterLab(t, nil)
	shell(t, l.Router, "ip route add 198.18.0.0/16 via 192.168.1.2; ip route add 2001:db8:bad::/48 via fd00:1::2")
	for _, to := range []netip.Addr{netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("2001:db8:bad::1")} {
		before := l.status()
		l.send(l.client, l.datagram(clientAddress(to), to, 64, "to and fro"))
		l.dropped(before, "spoofed", 1) // it comes back from the router with a LAN source
		if after := l.status(); after.Frames.Forwarded-before.Frames.Forwarded != 1 {
			t.Errorf("%s, from the LAN: %s", to, difference(before, after))
		}
		before = l.status()
		from := netip.MustParseAddr("198.51.100.77")
		if to.Is6() {
			from = netip.MustParseAddr("2001:db8:100::77")
		}
		l.send(l.router, frame(l.router.MAC, mirrorMAC, ipOf(from, to, layers.IPProtocolUDP, 64), udp(), gopacket.Payload("to and fro")))
		l.dropped(before, "ping_pong", 1)
		if after := l.status(); after.Frames.Forwarded != before.Frames.Forwarded {
			t.Errorf("%s, from outside: %s", to, difference(before, after))
		}
	}
}

// TestRouterA9Redirects: the gateway tells nobody of a shorter way, on which there is no scanner, and takes no such advice.
func TestRouterA9Redirects(t *testing.T) {
	l := newRouterLab(t, oneQueue)
	shell(t, l.Client, "for scope in all eth0; do echo 1 > /proc/sys/net/ipv4/conf/$scope/accept_redirects; echo 0 > /proc/sys/net/ipv4/conf/$scope/secure_redirects; echo 1 > /proc/sys/net/ipv6/conf/$scope/accept_redirects; done")
	routes := func() string {
		var out strings.Builder
		for _, to := range []netip.Addr{testnet.WebIPv4, testnet.WebIPv6, testnet.RouterIPv4, testnet.RouterIPv6} {
			out.WriteString(shell(t, l.Client, "ip -o route get "+to.String()+" | sed 's/expires [^ ]* *//'"))
		}
		return out.String()
	}
	want := routes()
	// The next hop is the sender's neighbour in all of them, and for every other one the destination itself.
	const packets = 1000
	before := l.status()
	l.flood(packets, func(i int) []byte {
		to := []netip.Addr{testnet.WebIPv4, testnet.RouterIPv4, testnet.WebIPv6, testnet.RouterIPv6}[i%4]
		return l.datagram(clientAddress(to), to, 64, "the long way")
	})
	for _, f := range errorsIn(l.settle(l.client)) {
		t.Errorf("the gateway sent: %s", decoded(f))
	}
	if got := routes(); got != want {
		t.Errorf("the client's routes are now\n%s, were\n%s", got, want)
	}
	if after := l.status(); after.Frames.Forwarded-before.Frames.Forwarded < packets/2 {
		t.Errorf("%s", difference(before, after))
	}

	// The router advises the gateway to send what is for the mail server to the client.
	if _, err := l.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: testnet.CleanMails(1)}); err != nil {
		t.Fatal(err)
	}
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		before := l.status()
		l.send(l.router, l.redirect(server))
		l.dropped(before, "redirect", 1)
		if _, err := l.Client.FetchAll(t.Context(), netip.AddrPortFrom(server, 110), "alice"); err != nil {
			t.Errorf("mail from %s after a forged redirect: %v", server, err)
		}
	}
}

// redirect is an ICMP redirect by which the router has the gateway send to the client what is for a server.
func (l *routerLab) redirect(server netip.Addr) []byte {
	own := gatewayAddress(server)
	quote := frame(mirrorMAC, l.router.MAC, ipOf(own, server, layers.IPProtocolTCP, 64), &layers.TCP{SrcPort: 40000, DstPort: 110, SYN: true})[etherHeader:]
	client := clientAddress(server).AsSlice()
	if server.Is4() {
		return frame(l.router.MAC, mirrorMAC, ipOf(testnet.RouterIPv4, own, layers.IPProtocolICMPv4, 64),
			&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(5, 1), Id: uint16(client[0])<<8 | uint16(client[1]), Seq: uint16(client[2])<<8 | uint16(client[3])},
			gopacket.Payload(quote))
	}
	body := append(make([]byte, 4), client...)
	body = append(body, server.AsSlice()...)
	return frame(l.router.MAC, mirrorMAC, ipOf(netip.MustParseAddr("fe80::1"), own, layers.IPProtocolICMPv6, 255),
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(137, 0)}, gopacket.Payload(append(body, quote...)))
}

// TestRouterA19UnknownFlows: a session that a killed gateway had is reset by the next one, and the client's next is scanned.
func TestRouterA19UnknownFlows(t *testing.T) {
	l := newBareRouterLab(t)
	shell(t, l.Mirror, "ip tuntap add mirror0 mode tap multi_queue vnet_hdr")
	l.start(nil)
	mails := []testnet.Mail{testnet.CleanMails(1)[0], testnet.EICAR()}
	if _, err := l.StartMailServer(t.Context(), testnet.Mailbox{User: "alice", Mails: mails}); err != nil {
		t.Fatal(err)
	}
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		at := netip.AddrPortFrom(server, 110)
		c, err := l.Client.Dial(t.Context(), "tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		buf := make([]byte, 512)
		if n, err := c.Read(buf); err != nil || !bytes.HasPrefix(buf[:n], []byte("+OK")) {
			t.Fatalf("greeting %q, %v", buf[:n], err)
		}
		if err := l.gateway.Kill(); err != nil {
			t.Fatal(err)
		}
		l.start(nil)
		if _, err := c.Write([]byte("CAPA\r\n")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.SetReadDeadline(began.Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Read(buf)
		if took := time.Since(began); !errors.Is(err, syscall.ECONNRESET) || took > time.Second {
			t.Errorf("%s: the old session got %q, %v after %s", server, buf[:n], err, took)
		}
		got, err := l.Client.FetchAll(t.Context(), at, "alice")
		if err != nil || len(got) != 2 || !bytes.Contains(got[1].Data, []byte("Subject: [mirrorgw]")) {
			t.Errorf("%s: the next session: %d mails, %v", server, len(got), err)
		}
	}
}
