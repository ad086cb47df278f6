package doctor

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// bench is a doctor over facts that a test changes.
type bench struct {
	mu    sync.Mutex
	facts *Facts
	reads int
	block chan struct{} // not nil: the kernel answers when it is closed
	log   bytes.Buffer
}

func (b *bench) host() Host {
	b.mu.Lock()
	block := b.block
	b.mu.Unlock()
	if block != nil {
		<-block
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reads++
	return b.facts.Host
}

func (b *bench) lan() LAN {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.facts.LAN
}

func (b *bench) change(f func(*Facts)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(b.facts)
}

func (b *bench) state(d *Doctor, check string) State {
	for _, f := range d.Report() {
		if f.Check == check {
			return f.State
		}
	}
	return ""
}

// running runs a doctor in a bubble until f returns.
func running(t *testing.T, f func(b *bench, d *Doctor)) *bench {
	b := &bench{facts: well()}
	synctest.Test(t, func(t *testing.T) {
		d, err := New(Config{LAN: b.lan, Read: b.host, Log: slog.New(slog.NewTextHandler(&b.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.Run(ctx) }()
		synctest.Wait()
		f(b, d)
		cancel()
		<-done
	})
	return b
}

// TestFindingsAreLoggedOnce: at the start, when something breaks, and when it is mended; not every 30 seconds.
func TestFindingsAreLoggedOnce(t *testing.T) {
	b := running(t, func(b *bench, d *Doctor) {
		b.change(func(f *Facts) { f.Host.SendRedirects = Yes })
		time.Sleep(10 * every)
		b.change(func(f *Facts) { f.Host.SendRedirects = No })
		time.Sleep(2 * every)
	})
	log := b.log.String()
	for want, n := range map[string]int{"level=WARN": 1, `fix="sysctl -w net/ipv4/conf/br0/send_redirects=0`: 1, "check=send_redirects": 2, "mended": 1, "level=": 2} {
		if got := strings.Count(log, want); got != n {
			t.Errorf("%q stands %d times, want %d, in\n%s", want, got, n, log)
		}
	}
	if b.reads < 12 || b.reads > 14 {
		t.Errorf("the host was read %d times", b.reads)
	}
}

// TestReport: a report is about the host as it is, and about the LAN; many at once have the host read once.
func TestReport(t *testing.T) {
	running(t, func(b *bench, d *Doctor) {
		b.change(func(f *Facts) {
			f.Host.SendRedirects = Yes
			f.LAN.Advertisement = Sighting{Last: f.LAN.Now}
		})
		if got := b.state(d, "ipv6_bypass"); got != Warning {
			t.Errorf("of the LAN: %s", got)
		}
		if got := b.state(d, "send_redirects"); got != OK || b.reads != 1 {
			t.Errorf("of the host, just read: %s after %d reads", got, b.reads)
		}
		time.Sleep(oldest)
		started := time.Now()
		for range 100 {
			if got := b.state(d, "send_redirects"); got != Warning {
				t.Errorf("of the host: %s", got)
			}
		}
		if took := time.Since(started); b.reads != 2 || took > 0 {
			t.Errorf("%d reads, %s", b.reads, took)
		}
	})
}

// TestReportDoesNotHang: a kernel that does not answer costs a report a moment, and its news.
func TestReportDoesNotHang(t *testing.T) {
	running(t, func(b *bench, d *Doctor) {
		release := make(chan struct{})
		b.change(func(f *Facts) { b.block, f.Host.SendRedirects = release, Yes })
		time.Sleep(oldest)
		started := time.Now()
		got := b.state(d, "send_redirects")
		if took := time.Since(started); got != OK || took != patience {
			t.Errorf("%s after %s", got, took)
		}
		b.change(func(*Facts) { b.block = nil })
		close(release)
	})
}

// TestHeard: frames of an hour ago are no sign of a LAN that is there.
func TestHeard(t *testing.T) {
	running(t, func(b *bench, d *Doctor) {
		b.change(func(f *Facts) { f.LAN.Routers[0].Answers, f.LAN.Received = false, 1000 })
		time.Sleep(every)
		synctest.Wait()
		if got := b.state(d, "arp_inspection"); got != Warning {
			t.Errorf("frames came: %s", got)
		}
		time.Sleep(2 * every)
		synctest.Wait()
		if got := b.state(d, "arp_inspection"); got != OK {
			t.Errorf("none came for a minute: %s", got)
		}
	})
}

func TestNewWantsALAN(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("no error")
	}
}
