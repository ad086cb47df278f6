package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"mirrorgw/testnet"
)

// TestRouterA13PathMTU: where the router's leg to the internet takes 1,400 octets, a megabyte of a forwarded flow arrives, its sender
// told by that router, and one of an intercepted flow, the gateway told.
func TestRouterA13PathMTU(t *testing.T) {
	l := newRouterLab(t, func(yaml string) string { return yaml + "intercept: [{stls: pass}]\n" })
	shell(t, l.Router, "ip link set wan0 mtu 1400")
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, to := range []netip.AddrPort{
		netip.AddrPortFrom(testnet.WebIPv4, 8000), netip.AddrPortFrom(testnet.WebIPv6, 8000),
		netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110),
	} {
		intercepted := to.Port() == 110
		before := l.status()
		got, err := l.upload(to, intercepted, sent)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d octets of %d, %v", to, len(got), len(sent), err)
		}
		after := l.status()
		told := after.Events["flows"]["icmp_errors"] - before.Events["flows"]["icmp_errors"]
		if intercepted && told == 0 || !intercepted && l.clientMTU(to.Addr()) != 1400 {
			t.Errorf("%s: nothing was too big for the router; %s; the client's MTU is %d", to, difference(before, after), l.clientMTU(to.Addr()))
		}
		if forwarded := after.Frames.Forwarded > before.Frames.Forwarded; forwarded == intercepted {
			t.Errorf("%s: %s", to, difference(before, after))
		}
	}
}

// TestRouterA13OwnMTU: where the gateway itself is told of 1,400 octets on a LAN of 1,500, it tells the senders of what it forwards, and
// keeps to it in what it sends.
func TestRouterA13OwnMTU(t *testing.T) {
	l := newRouterLab(t, func(yaml string) string {
		return with("mtu: 1400")(yaml) + "intercept: [{stls: pass}]\n"
	})
	for _, server := range webServers() {
		c, err := l.Client.Dial(t.Context(), "udp", netip.AddrPortFrom(server, 40001))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		testnet.WaitFor(t, "the client to hear of the MTU", func() bool {
			_, err := c.Write(make([]byte, 1420)) // it may not be fragmented, as is the kernel's way
			return errors.Is(err, syscall.EMSGSIZE)
		})
		if n := l.clientMTU(server); n != 1400 {
			t.Errorf("%s: the client's MTU is %d", server, n)
		}
		shell(t, l.Client, "ip route flush cache; ip -6 route flush cache")
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, to := range []netip.AddrPort{
		netip.AddrPortFrom(testnet.WebIPv4, 8000), netip.AddrPortFrom(testnet.WebIPv6, 8000),
		netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110),
	} {
		intercepted := to.Port() == 110
		got, err := l.upload(to, intercepted, sent)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d octets of %d, %v", to, len(got), len(sent), err)
		}
		if n := l.clientMTU(to.Addr()); !intercepted && n != 1400 {
			t.Errorf("%s: the client's MTU is %d", to, n)
		}
	}
}

// TestRouterA13ForgedMTU: an ICMP error that tells of 68 octets, whatever it quotes, changes nothing about an intercepted flow, neither
// towards the server nor towards the client.
func TestRouterA13ForgedMTU(t *testing.T) {
	l := newRouterLab(t, func(yaml string) string { return with("offload: off")(yaml) + "intercept: [{stls: pass}]\n" })
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, server := range []netip.Addr{testnet.MailIPv4, testnet.MailIPv6} {
		before := l.status()
		type result struct {
			got []byte
			err error
		}
		done := make(chan result, 1)
		go func() { // ends with the session, which has a deadline
			got, err := l.upload(netip.AddrPortFrom(server, 110), true, sent)
			done <- result{got, err}
		}()
		forge := func(s *testnet.PacketSocket, from, to netip.Addr, least int) {
			about := l.receive(s, "a segment of the flow", func(f []byte) bool {
				p := decoded(f).NetworkLayer()
				return len(f) >= least && sourceMAC(f) == [6]byte(mirrorMAC) && p != nil && bytes.Equal(p.NetworkFlow().Src().Raw(), to.AsSlice()) &&
					decoded(f).Layer(layers.LayerTypeTCP) != nil
			})
			l.send(s, tooBig(s.MAC, from, to, about[etherHeader:], 68))
		}
		forge(l.client, clientAddress(server), server, 0)
		forge(l.router, routerAddress(server), gatewayAddress(server), 1400)
		large, small := 0, 0
		var r result
		for waiting := true; waiting; {
			select {
			case r = <-done:
				waiting = false
			default:
				f, err := l.router.Receive(10 * time.Millisecond)
				if err != nil || sourceMAC(f) != [6]byte(mirrorMAC) {
					continue
				}
				if len(f) >= 1400 {
					large++
				} else if len(f) >= 150 {
					small++
				}
			}
		}
		if r.err != nil || !bytes.Equal(r.got, sent) {
			t.Errorf("%s: %d octets of %d, %v", server, len(r.got), len(sent), r.err)
		}
		l.dropped(before, "tiny_mtu", 2)
		if after := l.status(); after.Events["flows"]["icmp_errors"] != before.Events["flows"]["icmp_errors"] || large < 100 || small > large/10 {
			t.Errorf("%s: %d large and %d small segments after it; %s", server, large, small, difference(before, after))
		}
	}
}

// tooBig is an ICMP error from a station to an address, sent to the mirror, about a packet that was too big for an MTU.
func tooBig(station net.HardwareAddr, from, to netip.Addr, about []byte, mtu uint16) []byte {
	quote := gopacket.Payload(about[:min(len(about), 520)])
	if to.Is4() {
		return frame(station, mirrorMAC, ipOf(from, to, layers.IPProtocolICMPv4, 64), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: mtu}, quote)
	}
	head := gopacket.Payload([]byte{0, 0, byte(mtu >> 8), byte(mtu)})
	return frame(station, mirrorMAC, ipOf(from, to, layers.IPProtocolICMPv6, 64), &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(2, 0)}, head, quote)
}

// routerAddress is the router's address of the family of another.
func routerAddress(other netip.Addr) netip.Addr {
	if other.Is4() {
		return testnet.RouterIPv4
	}
	return testnet.RouterIPv6
}

// clientMTU is what the client knows of the way to an address.
func (l *routerLab) clientMTU(to netip.Addr) (mtu int) {
	l.t.Helper()
	route := shell(l.t, l.Client, "ip -o route get "+to.String())
	if _, after, ok := strings.Cut(route, " mtu "); ok {
		_, _ = fmt.Sscan(after, &mtu) // no number is 0
	}
	return mtu
}

// upload has the client send to a server of the internet, and returns what arrived. In a mail session it comes after STLS, behind
// which the gateway does not look.
func (l *routerLab) upload(to netip.AddrPort, mail bool, sent []byte) (got []byte, err error) {
	l.t.Helper()
	server, err := l.Internet.Listen(l.t.Context(), to)
	if err != nil {
		return nil, err
	}
	defer server.Close()
	type received struct {
		all []byte
		err error
	}
	arrived := make(chan received, 1)
	const agreed = "+OK\r\n+OK\r\n"
	go func() { // ends with its one connection, which has a deadline
		c, err := server.Accept()
		if err != nil {
			arrived <- received{nil, err}
			return
		}
		defer c.Close()
		err = c.SetDeadline(time.Now().Add(10 * time.Second))
		if mail && err == nil {
			err = errors.Join(say(c, "+OK\r\n"), expect(c, "STLS\r\n"), say(c, "+OK\r\n"))
		}
		all, rerr := io.ReadAll(c)
		arrived <- received{all, errors.Join(err, rerr)}
	}()
	c, err := l.Client.Dial(l.t.Context(), "tcp", to)
	if err != nil {
		return nil, err
	}
	err = c.SetDeadline(time.Now().Add(10 * time.Second))
	if mail && err == nil {
		err = errors.Join(say(c, "STLS\r\n"), expect(c, agreed))
	}
	if err == nil {
		_, err = c.Write(sent)
	}
	err = errors.Join(err, c.(*net.TCPConn).CloseWrite())
	r := <-arrived
	return r.all, errors.Join(err, r.err, c.Close())
}

func say(c net.Conn, text string) error {
	_, err := io.WriteString(c, text)
	return err
}

// expect reads text.
func expect(c net.Conn, text string) error {
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != text {
		return errors.New("got " + string(b))
	}
	return nil
}
