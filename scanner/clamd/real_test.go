package clamd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/testnet"
)

// strong is a clamd.conf with which a daemon says what it does not see.
const strong = "AlertExceedsMax yes\nAlertEncrypted yes\nStreamMaxLength 64M\nMaxFileSize 64M\nMaxThreads 10\n"

// startClamd starts a daemon that ends with the test, and returns its folder too.
func startClamd(t *testing.T, conf string) (c *testnet.Clamd, dir string) {
	t.Helper()
	dir = t.TempDir()
	return testnet.StartClamd(t, dir, conf, map[string]string{
		"test.hsb": "71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495:544:ClamAV-Test-File\n",
		"test.ndb": fmt.Sprintf("Eicar-Test:0:*:%x\n", scanner.Canary()),
	}), dir
}

// A daemon as it should be, and two that say OK of what they do not see.
func TestCheckRealClamd(t *testing.T) {
	t.Run("strong", func(t *testing.T) {
		c, dir := startClamd(t, strong)
		e := newEngine(t, clamd.Config{Addresses: []string{c.Address()}, Message: 64 << 20})
		if h := e.Health(); h.State != clamd.Down {
			t.Errorf("before the check: %+v", h)
		}
		if h := e.Check(t.Context()); h != (clamd.Health{State: clamd.OK, Detail: c.Address()}) {
			t.Errorf("%+v", h)
		}
		if h := newEngine(t, clamd.Config{Addresses: []string{c.Address()}, Message: 64<<20 + 1}).Check(t.Context()); h.State != clamd.Weak ||
			!strings.HasSuffix(h.Detail, "refuses mails that scan.limits.message allows (in clamd.conf: StreamMaxLength 65M, and MaxFileSize as much)") {
			t.Errorf("%+v", h)
		}
		if err := scanner.SelfTest(t.Context(), e); err != nil {
			t.Error(err)
		}
		_, err := e.Scan(t.Context(), newPart(t, make([]byte, 64<<20+1)))
		if o, ok := errors.AsType[*scanner.Obstacle](err); !ok || o.Cause != scanner.CauseOversize {
			t.Errorf("beyond StreamMaxLength: %v", err)
		}
		// One of two away: the other does the work, and it shows.
		both := newEngine(t, clamd.Config{Addresses: []string{"unix:" + dir + "/none", c.Address()}})
		if h := both.Check(t.Context()); h.State != clamd.Weak || !strings.Contains(h.Detail, "/none: ") || !strings.Contains(h.Detail, "no such file") {
			t.Errorf("%+v", h)
		}
		c.Kill()
		if h := e.Check(t.Context()); h.State != clamd.Down || !strings.Contains(h.Detail, "connect") {
			t.Errorf("killed: %+v", h)
		}
	})
	t.Run("weak", func(t *testing.T) {
		c, dir := startClamd(t, "StreamMaxLength 25M\n")
		if err := os.Remove(filepath.Join(dir, "db/test.ndb")); err != nil {
			t.Fatal(err)
		}
		c.Kill()
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		h := newEngine(t, clamd.Config{Addresses: []string{c.Address()}, Message: 256 << 20}).Check(t.Context())
		for _, lack := range []string{"EICAR", "AlertExceedsMax yes", "AlertEncrypted yes", "StreamMaxLength 256M"} {
			if h.State != clamd.Weak || !strings.Contains(h.Detail, lack) {
				t.Errorf("%s: %+v", lack, h)
			}
		}
	})
}

// Fifty mails at once, a restart in their middle, one that hits questions under way, and a daemon that stands still for a while.
func TestRealClamdAtWork(t *testing.T) {
	c, _ := startClamd(t, strong)
	e := newEngine(t, clamd.Config{Addresses: []string{c.Address()}})
	// scan asks n times at once, every other time about something infected, and returns the errors.
	scan := func(ctx context.Context, n, size int) (faults []error) {
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range n {
			content := append(make([]byte, size), fmt.Sprint(i)...)
			want := 0
			if i%2 == 0 {
				content, want = append(content, scanner.Canary()...), 1
			}
			part := newPart(t, content)
			all.Go(func() { // ends with the answer
				found, err := e.Scan(ctx, part)
				if err == nil && len(found) != want {
					err = fmt.Errorf("found %v", found)
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					faults = append(faults, err)
				}
			})
		}
		all.Wait()
		return faults
	}
	if faults := scan(t.Context(), 50, 100_000); len(faults) > 0 {
		t.Errorf("50 at once: %v", faults)
	}

	c.Kill()
	back := make(chan struct{})
	time.AfterFunc(time.Second, func() {
		defer close(back)
		if err := c.Start(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if faults := scan(t.Context(), 20, 100_000); len(faults) > 0 {
		t.Errorf("away for a second: %v", faults)
	}
	<-back

	killed := make(chan struct{})
	before := e.Counters().Asked
	go func() { // ends once the daemon is back
		defer close(killed)
		for deadline := time.Now().Add(10 * time.Second); e.Counters().Asked < before+4 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		}
		c.Kill()
		if err := c.Start(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if faults := scan(t.Context(), 20, 8<<20); len(faults) > 0 {
		t.Errorf("killed in the middle: %v", faults)
	}
	<-killed
	if got := e.Counters(); got.Repeated == 0 {
		t.Errorf("nothing was asked again: %+v", got)
	}

	signal := func(s os.Signal) {
		t.Helper()
		if err := c.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for _, err := range scan(ctx, 8, 1000) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("standing still: %v", err)
		}
	}
	signal(syscall.SIGCONT)
	if faults := scan(t.Context(), 20, 1000); len(faults) > 0 {
		t.Errorf("going on: %v", faults)
	}
}
