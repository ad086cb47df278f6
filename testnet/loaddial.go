package testnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
)

// dialer makes many connections from a host to one server. Host.Dial keeps a thread for as long as a dial takes, since the
// network a socket belongs to is that of the thread that makes it; here one thread makes all the sockets, ahead of need, and
// connecting them needs no thread of its own.
type dialer struct {
	server  netip.AddrPort
	name    string   // for errors
	sockets chan int // non-blocking, not connected, owned by who receives them

	stop  chan struct{}
	ended chan struct{} // closed when sockets is closed and err is set
	err   error
}

// newDialer makes sockets up to ahead of need, until Close.
func (h *Host) newDialer(server netip.AddrPort, ahead int) (*dialer, error) {
	if server.Addr().Zone() != "" {
		return nil, fmt.Errorf("dial %s: want an address without zone", server)
	}
	d := &dialer{
		server: server, name: "tcp " + server.String(), sockets: make(chan int, ahead),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	family := syscall.AF_INET6
	if server.Addr().Is4() {
		family = syscall.AF_INET
	}
	// Ends with Close.
	go func() {
		d.err = h.Do(func() error { return d.makeSockets(family) })
		close(d.sockets)
		close(d.ended)
	}()
	return d, nil
}

// makeSockets keeps the channel of sockets full.
func (d *dialer) makeSockets(family int) error {
	for {
		socket, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			return os.NewSyscallError("socket", err)
		}
		select {
		case d.sockets <- socket:
		case <-d.stop:
			return os.NewSyscallError("close", syscall.Close(socket))
		}
	}
}

// Close gives up the sockets that nobody took. It must not be called while a dial is under way, and returns what ended the
// making of sockets early.
func (d *dialer) Close() error {
	close(d.stop)
	<-d.ended
	errs := []error{d.err}
	for socket := range d.sockets {
		errs = append(errs, os.NewSyscallError("close", syscall.Close(socket)))
	}
	return errors.Join(errs...)
}

// errNoSockets reports a dialer that makes no more sockets; its Close says why.
var errNoSockets = errors.New("no more sockets")

// dial connects. The deadline is for the dial and for what is done with the connection, until its SetDeadline is called. The
// connection is a file, which reads, writes and waits as a net.Conn does and costs fewer system calls to make.
//
// Errors: syscall.ECONNREFUSED and the like; os.ErrDeadlineExceeded; the context's.
func (d *dialer) dial(ctx context.Context, deadline time.Time) (*os.File, error) {
	socket, ok := <-d.sockets
	if !ok {
		return nil, errNoSockets
	}
	// A socket knows its network: this thread's does not matter. With EINTR the connection is being made as well (connect(2)).
	err := syscall.Connect(socket, socketAddress(d.server))
	if err != nil && !errors.Is(err, syscall.EINPROGRESS) && !errors.Is(err, syscall.EINTR) {
		return nil, errors.Join(fmt.Errorf("dial %s: %w", d.name, err), syscall.Close(socket))
	}
	c := os.NewFile(uintptr(socket), d.name)
	if err := waitConnected(ctx, c, deadline); err != nil {
		return nil, errors.Join(fmt.Errorf("dial %s: %w", d.name, err), c.Close())
	}
	return c, nil
}

// socketAddress is a new one each time: the system call keeps its own form of the address in it.
func socketAddress(server netip.AddrPort) syscall.Sockaddr {
	if server.Addr().Is4() {
		return &syscall.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}
	}
	return &syscall.SockaddrInet6{Port: int(server.Port()), Addr: server.Addr().As16()}
}

// waitConnected waits for a connection that is being made.
func waitConnected(ctx context.Context, c *os.File, deadline time.Time) error {
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Now()) })
	defer stop()
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(socket uintptr) (done bool) {
		code, err := syscall.GetsockoptInt(int(socket), syscall.SOL_SOCKET, syscall.SO_ERROR)
		switch {
		case err != nil:
			failed = err
		case code != 0:
			failed = syscall.Errno(code)
		default:
			// No error yet, or none any more: only a peer's name tells the two apart.
			_, err = syscall.Getpeername(int(socket))
			return err == nil
		}
		return true
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(err, failed)
}

// localPort is the port a connection was made from, for errors; 0 when that cannot be told.
func localPort(c *os.File) (port int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0
	}
	err = raw.Control(func(socket uintptr) {
		switch address, _ := syscall.Getsockname(int(socket)); address := address.(type) {
		case *syscall.SockaddrInet4:
			port = address.Port
		case *syscall.SockaddrInet6:
			port = address.Port
		}
	})
	if err != nil {
		return 0
	}
	return port
}
