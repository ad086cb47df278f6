package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	requestTime = 5 * time.Second
	idleTime    = 5 * time.Minute // Prometheus comes again within minutes, on the same connection
	maxHeader   = 8 << 10
	maxConns    = 32 // who comes when there are as many is hung up on
)

// Server offers a page at an address.
type Server struct {
	listener net.Listener
	log      *slog.Logger
}

// Listen takes the address. Run must follow, or Close.
//
// Errors: one line that says what keeps the address from being taken, and what to do.
func Listen(at netip.AddrPort, log *slog.Logger) (*Server, error) {
	l, err := net.Listen("tcp", at.String())
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return nil, fmt.Errorf("metrics.listen: another program listens at %s: choose another port, or \"\" for no metrics", at)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return nil, fmt.Errorf("metrics.listen: this host does not have the address %s: choose one that it has (the gateway's own addresses are not the host's), or \"\" for no metrics", at.Addr())
	case err != nil:
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	return &Server{listener: l, log: log}, nil
}

// Addr returns the address taken.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run answers with what page returns until ctx ends. page is called from several goroutines at once.
func (s *Server) Run(ctx context.Context, page func() *Page) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", ContentType)
		if _, err := io.WriteString(w, page().String()); err != nil {
			s.log.Debug("metrics: client went away", "error", err)
		}
	})
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { srv.Close() }) // nobody minds half a page
	defer stop()
	err := srv.Serve(&boundedListener{Listener: s.listener, tokens: make(chan struct{}, maxConns)})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("metrics: %w", err)
}

// Close gives the address up. Calling it again does nothing.
func (s *Server) Close() { s.listener.Close() }

// boundedListener hangs up on who comes when all tokens are out.
type boundedListener struct {
	net.Listener
	tokens chan struct{}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.tokens <- struct{}{}:
			return &boundedConn{Conn: c, tokens: l.tokens}, nil
		default:
			c.Close()
		}
	}
}

type boundedConn struct {
	net.Conn
	tokens chan struct{}
	giving sync.Once
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.giving.Do(func() { <-c.tokens })
	return c.Conn.Close()
}
