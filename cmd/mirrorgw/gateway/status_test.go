package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/control"
	"mirrorgw/scanner/quarantine"
	"mirrorgw/stack"
)

// A gateway whose quarantine was taken away says so: its infected mail has nowhere to go.
func TestLostQuarantineShows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	store, err := quarantine.Open(dir, quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	m := &Mirror{store: store, ready: make(chan struct{})}
	close(m.ready)
	look := func() control.Status {
		s := control.Status{Device: control.Device{State: stack.DeviceUp.String()}, Quarantine: m.quarantineStatus()}
		s.Health = m.health(&s)
		return s
	}
	if s := look(); s.Health != control.OK || s.Quarantine.Detail != "" {
		t.Errorf("%+v", s)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if s := look(); s.Health != control.Failing || !strings.Contains(s.Quarantine.Detail, "restart") {
		t.Errorf("%+v", s)
	}
}
