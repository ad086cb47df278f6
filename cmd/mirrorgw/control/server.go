package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrRunning is returned by Listen when a live process answers at the socket.
var ErrRunning = errors.New("a gateway is already running here")

const (
	socketMode = 0o660
	folderMode = 0o750

	requestTime = 5 * time.Second // a question is one line
	maxHeader   = 4 << 10
)

// Server answers questions at a unix socket.
type Server struct {
	path     string
	listener *net.UnixListener
	inode    uint64
	reload   ReloadFunc // nil: not offered
	bypass   BypassFunc // nil: not offered
	log      *slog.Logger
	capture  CaptureFunc   // nil: not offered
	patience time.Duration // with one answer; requestTime but in tests
}

// Listen takes the socket at path. The folder is created where it is missing, a socket whose process is gone is replaced.
// Run must follow, or Close.
//
// Errors: ErrRunning; what the system says about folder and socket.
func Listen(path string, log *slog.Logger) (*Server, error) {
	s, err := listen(path, log)
	if err != nil {
		return nil, fmt.Errorf("control socket %s: %w", path, err)
	}
	return s, nil
}

func listen(path string, log *slog.Logger) (*Server, error) {
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	unlock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := checkStale(path); err != nil {
		return nil, err
	}

	fresh := filepath.Join(dir, ".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // Close must not remove a successor's socket
	s := &Server{path: path, listener: l, log: log, patience: requestTime}
	if err := s.moveIn(fresh); err != nil {
		l.Close()
		os.Remove(fresh)
		return nil, err
	}
	return s, nil
}

// moveIn gives the socket at fresh its mode and its name.
func (s *Server) moveIn(fresh string) error {
	if err := os.Chmod(fresh, socketMode); err != nil {
		return err
	}
	inode, err := inodeOf(fresh)
	if err != nil {
		return err
	}
	s.inode = inode
	return os.Rename(fresh, s.path)
}

// makeFolder creates dir where it is missing, whatever the umask says.
func makeFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return err
	}
	return os.Chmod(dir, folderMode)
}

// lockFolder keeps other starters out of dir until unlock is called.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.New("another gateway is starting here at this moment")
		}
		return nil, fmt.Errorf("locking its folder: %w", err)
	}
	return func() { f.Close() }, nil
}

// checkStale returns nil when nothing is at path, or a socket nobody answers at.
func checkStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("something that is not a socket is there: remove it, or set control.socket to another path")
	}
	conn, err := net.DialTimeout("unix", path, requestTime)
	switch {
	case err == nil:
		conn.Close()
		return ErrRunning
	case errors.Is(err, unix.ECONNREFUSED):
		return nil
	case errors.Is(err, unix.EAGAIN): // its queue is full, so somebody listens
		return ErrRunning
	default:
		return err
	}
}

// Run answers with what status returns, and with Go's runtime profiles, until ctx ends, and then removes the socket. status
// is called from several goroutines at once.
func (s *Server) Run(ctx context.Context, status func() Status) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(status()); err != nil {
			s.log.Debug("control: client went away", "error", err)
		}
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile) // at most requestTime long
	if s.capture != nil {
		mux.HandleFunc("GET /capture", s.serveCapture(ctx))
	}
	if s.bypass != nil {
		mux.HandleFunc("POST /bypass", s.serveBypass)
	}
	if s.reload != nil {
		mux.HandleFunc("POST /reload", s.serveReload)
	}
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: s.patience,
		ReadTimeout:       s.patience,
		WriteTimeout:      s.patience,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	// Ends when Run's caller ends ctx, or when Serve has failed and Run returns.
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-ctx.Done()
		finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
		defer cancel()
		if err := srv.Shutdown(finish); err != nil {
			srv.Close()
		}
	}()
	err := srv.Serve(s.listener)
	stop()
	<-ended
	s.Close()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("control socket %s: %w", s.path, err)
}

// Close gives the socket up. Calling it again does nothing.
func (s *Server) Close() {
	s.listener.Close()
	if inode, err := inodeOf(s.path); err == nil && inode == s.inode {
		os.Remove(s.path)
	}
}

func inodeOf(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return st.Ino, nil
}
