package testnet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"
)

// maxWebBody bounds what the web server makes up, in octets.
const maxWebBody = 4 << 30

// WebServer answers HTTP on port 80 of 198.51.100.80 and 2001:db8:100::80 in the internet:
//
//	GET  /            the client's address, as the server sees it, and a line feed
//	GET  /random/N    N octets, the same each time (WebBody)
//	POST /sum         the SHA-256 of what was posted, in hexadecimal, and a line feed
type WebServer struct {
	server *http.Server
	ended  chan error
}

// StartWebServer answers HTTP from this process until Close. Its listeners are on the host internet.
func (l *Lab) StartWebServer(ctx context.Context) (*WebServer, error) {
	var listeners []net.Listener
	for _, address := range []netip.Addr{WebIPv4, WebIPv6} {
		listener, err := l.Internet.Listen(ctx, netip.AddrPortFrom(address, 80))
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			return nil, fmt.Errorf("web server: %w", err)
		}
		listeners = append(listeners, listener)
	}
	s := &WebServer{
		server: &http.Server{Handler: webHandler(), ReadHeaderTimeout: 10 * time.Second},
		ended:  make(chan error, len(listeners)),
	}
	for _, listener := range listeners {
		// Ends with Close.
		go func() { s.ended <- s.server.Serve(listener) }()
	}
	return s, nil
}

// Close ends the server and its connections, and waits.
func (s *WebServer) Close() error {
	errs := []error{s.server.Close()}
	for range cap(s.ended) {
		if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// ServeWeb answers HTTP as StartWebServer does until ctx ends: for a process whose only task it is.
func (l *Lab) ServeWeb(ctx context.Context) error {
	s, err := l.StartWebServer(ctx)
	if err != nil {
		return err
	}
	<-ctx.Done()
	return s.Close()
}

// WebBody is what GET /random/SIZE answers.
func WebBody(size int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{0: 0x77, 1: 0x65, 2: 0x62}), size)
}

func webHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		address, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, address.Addr())
	})
	mux.HandleFunc("GET /random/{size}", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.ParseInt(r.PathValue("size"), 10, 64)
		if err != nil || size < 0 || size > maxWebBody {
			http.Error(w, "size: want 0 to 4 GiB", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		// A client that leaves is no fault of the server's.
		_, _ = io.Copy(w, WebBody(size))
	})
	mux.HandleFunc("POST /sum", func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		if _, err := io.Copy(sum, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%x\n", sum.Sum(nil))
	})
	return mux
}
