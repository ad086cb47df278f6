package gateway

import (
	"log/slog"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
)

// What marks spam goes on after a reload where nothing has changed, and its figures with it.
func TestMarkerAfterReload(t *testing.T) {
	m := &Mirror{log: slog.New(slog.DiscardHandler)}
	cfg := config.Default()
	cfg.Spam.IspHeader = "X-Spam-Flag: YES"
	first, err := m.markerAfter(t.Context(), cfg, nil)
	if err != nil || first == nil {
		t.Fatalf("%v, %v", first, err)
	}
	before := &mailRooms{cfg: cfg, spam: first}
	if again, err := m.markerAfter(t.Context(), cfg, before); err != nil || again != first {
		t.Errorf("another marker, %v", err)
	}
	changed := *cfg
	changed.Spam.Subject = "[SPAM] "
	if again, err := m.markerAfter(t.Context(), &changed, before); err != nil || again == first {
		t.Errorf("the same marker, %v", err)
	}
	changed.Spam = config.Spam{}
	if again, err := m.markerAfter(t.Context(), &changed, before); err != nil || again != nil {
		t.Errorf("%v, %v", again, err)
	}
}
