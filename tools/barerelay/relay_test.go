package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"mirrorgw/stack"
)

// pair returns the two ends of a connection.
func pair(t *testing.T) (dialled, accepted *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if dialled, err = net.DialTCP("tcp", nil, l.Addr().(*net.TCPAddr)); err != nil {
		t.Fatal(err)
	}
	if accepted, err = l.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.TCPConn{dialled, accepted} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return dialled, accepted
}

// relayed returns a client and a server with a relay between them, and what is closed when that has ended.
func relayed(t *testing.T) (client, server *net.TCPConn, ended <-chan struct{}) {
	client, toClient := pair(t)
	toServer, server := pair(t)
	done := make(chan struct{})
	go func() { // ends with the connections, at the latest by their deadline
		defer close(done)
		relay{}.ServeFlow(t.Context(), stack.Flow{Client: toClient, Server: toServer})
	}()
	return client, server, done
}

// Each direction is copied, be it more than a buffer holds, and ended by itself.
func TestFlow(t *testing.T) {
	client, server, ended := relayed(t)
	for _, way := range []struct{ from, to *net.TCPConn }{{server, client}, {client, server}} {
		sent := bytes.Repeat([]byte("octets "), 5*largeBuffer/7)
		go func() { // ends when all is written
			if _, err := way.from.Write(sent); err != nil {
				t.Error(err)
			}
			if err := way.from.CloseWrite(); err != nil {
				t.Error(err)
			}
		}()
		if got, err := io.ReadAll(way.to); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d octets of %d, error %v", len(got), len(sent), err)
		}
	}
	<-ended
}

// A connection that fails takes the other one with it.
func TestFlowFails(t *testing.T) {
	client, server, ended := relayed(t)
	if err := server.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil { // a reset
		t.Fatal(err)
	}
	if n, err := client.Read(make([]byte, 1)); err == nil || n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client read %d octets, error %v", n, err)
	}
	<-ended
}

func TestUsage(t *testing.T) {
	const good = "-addresses 192.168.1.2/24,fd00:1::2/64 -routers 192.168.1.1 "
	for _, args := range []string{
		"", good + "x", "-nosuch", "-addresses 192.168.1.2/24", "-routers 192.168.1.1",
		"-addresses 192.168.1.2 -routers 192.168.1.1", "-addresses 192.168.1.2/24, -routers 192.168.1.1", "-addresses 192.168.1.2/24 -routers router",
	} {
		var stderr bytes.Buffer
		if status := run(t.Context(), strings.Fields(args), nil, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%q: status %d, %q", args, status, &stderr)
		}
	}
	var help bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, nil, &help); status != 0 || !strings.Contains(help.String(), "-addresses LIST") {
		t.Errorf("help: status %d, %q", status, &help)
	}
	o, err := parse(strings.Fields(good), nil)
	if err != nil || len(o.addresses) != 2 || len(o.routers) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}
