package stack

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
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
type conn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
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
	return &conn{TCPConn: gonet.NewTCPConn(wq, ep), ep: ep}
}

// SetLinger is (*net.TCPConn).SetLinger: with 0, Close resets the connection and discards what was not sent.
func (c *conn) SetLinger(sec int) error {
	c.ep.SocketOptions().SetLinger(tcpip.LingerOption{Enabled: sec >= 0, Timeout: time.Duration(max(sec, 0)) * time.Second})
	return nil
}

// Read reads data from the connection. A reset is syscall.ECONNRESET, as it is with a kernel socket.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, asKernel(err)
}

// Write writes data to the connection. A reset is syscall.ECONNRESET, as it is with a kernel socket.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, asKernel(err)
}

// orphanTimeout is how long a closed connection goes on sending what was written, its FIN included, to a peer that acknowledges
// nothing. By itself the netstack would for a quarter of an hour, at 27 KB for each session whose client went out of the door.
const orphanTimeout = 30 * time.Second

// forgetBuffer is what is "written" last: the netstack keeps a reference to the slice of the last write, a relay's buffer of 32 KB
// or more, as long as an ended connection lingers.
type forgetBuffer struct{}

var errForget = errors.New("nothing to write")

// Read implements tcpip.Payloader: it never has anything.
func (forgetBuffer) Read([]byte) (int, error) { return 0, errForget }

// Len implements tcpip.Payloader.
func (forgetBuffer) Len() int { return 1 }

// CloseWrite ends the direction to the peer. What was written is still sent.
func (c *conn) CloseWrite() error {
	_, _ = c.ep.Write(forgetBuffer{}, tcpip.WriteOptions{}) // fails, as it is to
	return c.TCPConn.CloseWrite()
}

// Close closes the connection. What was written is still sent.
func (c *conn) Close() error {
	_, _ = c.ep.Write(forgetBuffer{}, tcpip.WriteOptions{}) // fails, as it is to
	timeout := tcpip.TCPUserTimeoutOption(orphanTimeout)
	_ = c.ep.SetSockOpt(&timeout) // never fails
	return c.TCPConn.Close()
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

// resetText is how gonet words a reset, of which it keeps the text only.
var resetText = (&tcpip.ErrConnectionReset{}).String()

// asKernel gives a reset the identity it has in the standard library.
func asKernel(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err.Error() == resetText {
		op.Err = syscall.ECONNRESET
	}
	return err
}
