package control

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// start runs a server at path and returns how to end it; it is ended with the test at the latest.
func start(t *testing.T, path string, status func() Status) (end func()) {
	t.Helper()
	s, err := Listen(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, status) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return end
}

func TestStatusArrivesAsItIs(t *testing.T) {
	want := Status{
		Version: "v1", Uptime: 42, Health: OK, Bypass: true,
		Frames:     Frames{Received: 9, Forwarded: 5, Punted: 3, Dropped: map[string]uint64{"martian": 1}},
		Flows:      Flows{Open: 1, Total: 2, Unscanned: 1},
		Sessions:   map[string]uint64{"pop3": 1},
		Messages:   Messages{Clean: 7, Infected: 2, Unscannable: 1},
		Engines:    []Engine{{Name: "yara", State: "ok", Detail: "3 rules"}},
		Quarantine: Quarantine{Count: 2, Bytes: 900},
		Routers:    []Router{{Address: "192.0.2.1", MAC: "02:00:00:00:00:01"}},
	}
	path := filepath.Join(t.TempDir(), "run", "ctl")
	end := start(t, path, func() Status { return want })
	got, err := Fetch(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	end()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestModesDoNotDependOnTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o077} {
		old := unix.Umask(umask)
		defer unix.Umask(old)
		path := filepath.Join(t.TempDir(), "run", "ctl")
		start(t, path, func() Status { return Status{} })
		for p, want := range map[string]fs.FileMode{path: socketMode | fs.ModeSocket, filepath.Dir(path): folderMode | fs.ModeDir} {
			info, err := os.Lstat(p)
			if err != nil || info.Mode() != want {
				t.Errorf("umask %o: %s has %v, want %v (%v)", umask, p, info.Mode(), want, err)
			}
		}
	}
}

func TestSocketOfALiveGatewayIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	start(t, path, func() Status { return Status{Version: "first"} })
	if _, err := Listen(path, discard()); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), path) {
		t.Fatalf("got %v, want ErrRunning with the path", err)
	}
	if s, err := Fetch(t.Context(), path); err != nil || s.Version != "first" {
		t.Errorf("the first gateway does not answer any more: %+v, %v", s, err)
	}
}

func TestSocketOfADeadGatewayIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if _, err := Fetch(t.Context(), path); err == nil || !strings.Contains(err.Error(), "no gateway answers at "+path) {
		t.Errorf("got %v", err)
	}
	start(t, path, func() Status { return Status{Version: "second"} })
	if s, err := Fetch(t.Context(), path); err != nil || s.Version != "second" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestOtherThingsAtThePathAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, discard()); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); string(b) != "a letter" {
		t.Errorf("the file is changed: %q, %v", b, err)
	}
}

func TestOfTwoStartersOneWins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	const starters = 8
	type outcome struct {
		server *Server
		err    error
	}
	outcomes := make(chan outcome, starters)
	for range starters {
		go func() { // ends with Listen, which waits for nobody
			s, err := Listen(path, discard())
			outcomes <- outcome{s, err}
		}()
	}
	var won []*Server
	for range starters {
		if o := <-outcomes; o.err == nil {
			won = append(won, o.server)
			defer o.server.Close()
		}
	}
	if len(won) != 1 {
		t.Fatalf("%d of %d starters won", len(won), starters)
	}
	if inode, err := inodeOf(path); err != nil || inode != won[0].inode {
		t.Errorf("the socket in place is %d, want %d (%v)", inode, won[0].inode, err)
	}
}

func TestAStarterWaitsForNoOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path, discard()); err == nil || !strings.Contains(err.Error(), "another gateway is starting here") {
		t.Errorf("got %v", err)
	}
	unlock()
	start(t, path, func() Status { return Status{} })
}

func TestASuccessorsSocketIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ctl")
	first, err := Listen(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil { // somebody tidied up
		t.Fatal(err)
	}
	start(t, path, func() Status { return Status{Version: "second"} })
	first.Close()
	if s, err := Fetch(t.Context(), path); err != nil || s.Version != "second" {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestFetchSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	t.Run("nothing there", func(t *testing.T) {
		_, err := Fetch(t.Context(), filepath.Join(dir, "none"))
		if err == nil || !strings.HasPrefix(err.Error(), "no gateway answers at ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("something else answers", func(t *testing.T) {
		path := filepath.Join(dir, "other")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() { // ends after one connection, or when l is closed
			if c, err := l.Accept(); err == nil {
				c.Write([]byte("220 hello\r\n"))
				c.Close()
			}
		}()
		if _, err := Fetch(t.Context(), path); err == nil || !strings.HasPrefix(err.Error(), "asking the gateway at ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody takes the call", func(t *testing.T) {
		path := filepath.Join(dir, "deaf")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		if _, err := Fetch(ctx, path); err == nil || !strings.HasSuffix(err.Error(), "does not answer in time") {
			t.Errorf("got %v", err)
		}
	})
}
