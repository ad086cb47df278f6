package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// TestRouterA13PathMTU: behind a router whose way out takes 1,400 octets, a megabyte of a forwarded flow arrives, its sender told
// by that router, and one of an intercepted flow, the gateway told.
func TestRouterA13PathMTU(t *testing.T) {
	l := newRouterLab(t, func(yaml string) string { return yaml + "intercept: [{stls: pass}]\n" })
	shell(t, l.Router, "ip route change default via 203.0.113.2 mtu 1400; ip -6 route change default via 2001:db8:2::2 mtu 1400")
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
		client := shell(t, l.Client, "ip -o route get "+to.Addr().String())
		if intercepted && told == 0 || !intercepted && !strings.Contains(client, " mtu 1400 ") {
			t.Errorf("%s: nothing was too big for the router; %s; the client's route is %s", to, difference(before, after), client)
		}
		if forwarded := after.Frames.Forwarded > before.Frames.Forwarded; forwarded == intercepted {
			t.Errorf("%s: %s", to, difference(before, after))
		}
	}
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
