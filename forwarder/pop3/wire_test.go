package pop3

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is one end of an in-memory TCP connection with half-close and reset. Nothing is buffered in between, so that a
// synctest bubble is quiet exactly when every octet has been read.
type conn struct {
	net.Conn // what is read from
	w        net.Conn
	mine     *atomic.Bool // set when this end resets
	peers    *atomic.Bool
	hard     bool
	local    net.Addr
	remote   net.Addr
}

// newConns returns the two ends of a connection between the addresses a and b.
func newConns(a, b string) (*conn, *conn) {
	r1, w1 := net.Pipe()
	r2, w2 := net.Pipe()
	aReset, bReset := new(atomic.Bool), new(atomic.Bool)
	la := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(a))
	lb := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(b))
	return &conn{Conn: r1, w: w2, mine: aReset, peers: bReset, local: la, remote: lb},
		&conn{Conn: r2, w: w1, mine: bReset, peers: aReset, local: lb, remote: la}
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF && c.peers.Load() {
		err = syscall.ECONNRESET
	}
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if errors.Is(err, io.ErrClosedPipe) {
		err = syscall.EPIPE
	}
	return n, err
}

func (c *conn) LocalAddr() net.Addr     { return c.local }
func (c *conn) RemoteAddr() net.Addr    { return c.remote }
func (c *conn) CloseWrite() error       { return c.w.Close() }
func (c *conn) SetLinger(sec int) error { c.hard = sec == 0; return nil }
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.Conn.SetReadDeadline(t), c.w.SetWriteDeadline(t))
}
func (c *conn) SetWriteDeadline(t time.Time) error { return c.w.SetWriteDeadline(t) }

func (c *conn) Close() error {
	if c.hard {
		c.mine.Store(true)
	}
	return errors.Join(c.w.Close(), c.Conn.Close())
}

// serve has relay serve a session, and returns its two other ends and what it ends with.
func serve(ctx context.Context, relay *Relay) (client, server *conn, result chan error) {
	client, forClient := newConns("192.168.1.17:1031", "203.0.113.5:110")
	forServer, server := newConns("192.168.1.2:40000", "203.0.113.5:110")
	result = make(chan error, 1)
	go func() { result <- relay.Serve(ctx, forClient, forServer, nil) }() // ends with the session
	return client, server, result
}

// party is one end of a session under test: it keeps what it gets and writes in order without waiting.
type party struct {
	conn   *conn
	writes chan []byte

	mu  sync.Mutex
	got bytes.Buffer
	out bytes.Buffer // what it has written, or was writing when the connection ended
	err error        // what reading ended with
}

func newParty(c *conn) *party {
	p := &party{conn: c, writes: make(chan []byte, 1<<16)}
	go func() { // ends with the connection
		buf := make([]byte, 32<<10)
		for {
			n, err := c.Read(buf)
			p.mu.Lock()
			p.got.Write(buf[:n])
			p.err = err
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { // ends when writes is closed
		for b := range p.writes {
			p.mu.Lock()
			p.out.Write(b)
			p.mu.Unlock()
			c.Write(b) // a connection that has ended shows on the reading side
		}
	}()
	return p
}

// received returns what has come so far, and the end when there is one.
func (p *party) received() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got.String(), p.err
}

// said returns what the party has said so far.
func (p *party) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// close ends the connection and the party's goroutines.
func (p *party) close() {
	close(p.writes)
	p.conn.Close()
}
