package stack

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// Keep-alive on both legs (RFC 9293 section 3.8.4), so that a workstation or server that vanished without a word does not
// hold a flow for ever.
const (
	keepaliveIdle     = 5 * time.Minute
	keepaliveInterval = time.Minute
	keepaliveCount    = 5
)

// conn is one leg of a flow. Beside net.Conn it has what *net.TCPConn has for ending one direction or both: CloseWrite,
// CloseRead and SetLinger.
//
// gVisor's own adapter makes a channel for each read that waits and a timer for each deadline that is set; a relay waits for every line,
// and sets a deadline.
type conn struct {
	ep            tcpip.Endpoint
	local, remote net.Addr

	reading sync.Mutex // held by Read
	in      waiting
	taken   tcpip.SliceWriter // where data is being read to

	writing sync.Mutex // held by Write
	out     waiting
	data    payload // what is being written
}

// newConn wraps an established endpoint, which it keeps.
func newConn(wq *waiter.Queue, ep tcpip.Endpoint) *conn {
	ep.SocketOptions().SetKeepAlive(true)
	idle := tcpip.KeepaliveIdleOption(keepaliveIdle)
	interval := tcpip.KeepaliveIntervalOption(keepaliveInterval)
	// These fail only on an endpoint that has just ended, whose next read says so.
	_ = ep.SetSockOpt(&idle)
	_ = ep.SetSockOpt(&interval)
	_ = ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepaliveCount)
	// As large as it is, and for good. By itself the netstack goes by the size that new ones have: where that has become less than half
	// of this one's, it would never find so much of it free again as it wants before it wakes who waits to write.
	ep.SocketOptions().SetSendBufferSize(ep.SocketOptions().GetSendBufferSize(), true)
	c := &conn{ep: ep}
	// Like these, which then are the zero address.
	local, _ := ep.GetLocalAddress()
	remote, _ := ep.GetRemoteAddress()
	c.local, c.remote = net.TCPAddrFromAddrPort(addrPort(local)), net.TCPAddrFromAddrPort(addrPort(remote))
	c.in.init(wq, waiter.ReadableEvents)
	c.out.init(wq, waiter.WritableEvents)
	return c
}

// Read reads data from the connection. A reset is syscall.ECONNRESET and a missed deadline os.ErrDeadlineExceeded, as they are
// with a kernel socket.
func (c *conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	defer func() { c.taken = nil }()
	if c.in.missed() {
		return 0, c.failed("read", os.ErrDeadlineExceeded)
	}
	if len(b) == 0 {
		return 0, nil
	}
	for {
		c.taken = b
		result, err := c.ep.Read(&c.taken, tcpip.ReadOptions{})
		switch err.(type) {
		case nil:
			c.ep.ModerateRecvBuf(result.Count)
			return result.Count, nil
		case *tcpip.ErrWouldBlock:
			if err := c.in.wait(); err != nil {
				return 0, c.failed("read", err)
			}
		case *tcpip.ErrClosedForReceive:
			return 0, io.EOF
		default:
			return 0, c.failed("read", asError(err))
		}
	}
}

// Write writes data to the connection. Errors are as those of Read.
func (c *conn) Write(b []byte) (n int, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	defer func() { c.data.left = nil }()
	if c.out.missed() {
		return 0, c.failed("write", os.ErrDeadlineExceeded)
	}
	for n < len(b) {
		c.data.left = b[n:]
		wrote, err := c.ep.Write(&c.data, tcpip.WriteOptions{})
		n += int(wrote)
		switch err.(type) {
		case nil, *tcpip.ErrWouldBlock:
			if n == len(b) {
				return n, nil
			}
			// The buffer is full. What the next acknowledgement makes room for would leave in a frame of its own: wait until it is half empty,
			// which the netstack tells.
			if err := c.out.wait(); err != nil {
				return n, c.failed("write", err)
			}
		default:
			return n, c.failed("write", asError(err))
		}
	}
	return n, nil
}

// failed words an error as the standard library does.
func (c *conn) failed(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// LocalAddr returns the address on our side: on the client's leg the server's, which the gateway answers for.
func (c *conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the peer's address.
func (c *conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	c.in.set(t)
	c.out.set(t)
	return nil
}

// SetReadDeadline bounds reads, those in progress included; the zero time lifts it.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.set(t)
	return nil
}

// SetWriteDeadline bounds writes, those in progress included; the zero time lifts it.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.set(t)
	return nil
}

// SetLinger is (*net.TCPConn).SetLinger: with 0, Close resets the connection and discards what was not sent.
func (c *conn) SetLinger(sec int) error {
	c.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: sec >= 0, Timeout: time.Duration(max(sec, 0)) * time.Second})
	return nil
}

// CloseWrite ends the direction to the peer. What was written is still sent.
func (c *conn) CloseWrite() error { return c.shut(tcpip.ShutdownWrite) }

// CloseRead has reads return io.EOF. The peer is not told.
func (c *conn) CloseRead() error { return c.shut(tcpip.ShutdownRead) }

func (c *conn) shut(direction tcpip.ShutdownFlags) error {
	if err := c.ep.Shutdown(direction); err != nil {
		return c.failed("close", asError(err))
	}
	return nil
}

// orphanTimeout is how long a closed connection goes on sending what was written, its FIN included, to a peer that acknowledges
// nothing. By itself the netstack would for a quarter of an hour, at 27 KB for each session whose client went out of the door.
const orphanTimeout = 30 * time.Second

// Close closes the connection. What was written is still sent.
func (c *conn) Close() error {
	timeout := tcpip.TCPUserTimeoutOption(orphanTimeout)
	_ = c.ep.SetSockOpt(&timeout) // never fails
	c.ep.Close()
	c.in.stop()
	c.out.stop()
	return nil
}

// reset ends the connection with a RST.
func (c *conn) reset() {
	_ = c.SetLinger(0) // never fails
	_ = c.Close()      // nor does this
}

// flushTimeout bounds flush.
const flushTimeout = 2 * time.Second

// flush waits, after Close, until the peer has acknowledged everything.
func (c *conn) flush(clock tcpip.Clock) {
	const step = 10 * time.Millisecond
	for range flushTimeout / step {
		switch tcp.EndpointState(c.ep.State()) {
		case tcp.StateFinWait2, tcp.StateTimeWait, tcp.StateClose, tcp.StateError:
			return
		}
		tick := make(chan struct{})
		clock.AfterFunc(step, func() { close(tick) })
		<-tick
	}
}

// payload is what is handed to the netstack to be written. The netstack keeps a reference to the payload of the last write for as long as an
// ended connection lingers: it is emptied after each, lest a relay's buffer stay with it. It implements tcpip.Payloader.
type payload struct{ left []byte }

// Read implements io.Reader.
func (p *payload) Read(b []byte) (int, error) {
	n := copy(b, p.left)
	if p.left = p.left[n:]; n == 0 && len(b) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Len implements tcpip.Payloader.
func (p *payload) Len() int { return len(p.left) }
