package engines

import (
	"log/slog"
	"runtime"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
)

func TestWorkers(t *testing.T) {
	for _, c := range []struct{ configured, want int }{{config.AutoWorkers, runtime.GOMAXPROCS(0)}, {0, 0}, {7, 7}} {
		if got := YARA(config.YARA{Workers: c.configured}, nil, nil, nil).Workers; got != c.want {
			t.Errorf("%d: %d workers, want %d", c.configured, got, c.want)
		}
	}
}

// The engines beside YARA are those that are configured, in the order in which findings are named.
func TestOthers(t *testing.T) {
	cfg := config.Default()
	for want := range 3 {
		o, err := NewOthers(cfg, slog.New(slog.DiscardHandler))
		list := o.List()
		if err != nil || len(list) != want || want > 0 && list[0].Name() != "clamd" {
			t.Errorf("%d engines of %d: %+v, %v", len(list), want, o, err)
		}
		cfg.Scan.Clamd.Address = []string{"unix:/nobody/listens"}
		if want > 0 {
			cfg.Scan.Names.Block = []string{"*.exe"}
		}
	}
	cfg.Scan.Clamd.Address = []string{"nowhere"}
	if _, err := NewOthers(cfg, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("an address that is none is taken")
	}
}
