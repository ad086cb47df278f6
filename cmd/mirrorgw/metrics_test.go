package main

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/cmd/mirrorgw/service"
)

// An address for metrics that somebody has is found out before the gateway touches anything.
func TestMetricsAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := rooms{newGateway: func(*config.Config, *slog.Logger) (service.Gateway, error) {
		t.Error("a gateway was built")
		return newIdle(nil, nil)
	}}
	code, _, stderr := call(t, r, "run", "-c", write(t, "m.yaml", valid(t.TempDir())+"metrics: {listen: '"+taken.Addr().String()+"'}\n"))
	if want := "mirrorgw: metrics.listen: another program listens at " + taken.Addr().String() + ": "; code != exitNo || !strings.HasPrefix(stderr, want) {
		t.Errorf("exit %d, %q", code, stderr)
	}
}
