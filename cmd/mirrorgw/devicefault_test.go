package main

import (
	"fmt"
	"testing"
	"time"

	"mirrorgw/testnet"
)

// TestGatewayOutlivesItsDevice has the gateway's interface set down and up and deleted, under traffic: it
// stays, and within a second of the device's return the network works (REQUIREMENTS C10 and C11).
func TestGatewayOutlivesItsDevice(t *testing.T) {
	lab := testnet.NewLab(t)
	g := startGateway(t, lab, lab.GatewayConfig())
	reach := func(after string) {
		t.Helper()
		begun := time.Now()
		// The first of many pings that is answered ends it.
		shell(t, lab.Client, "ping -n -i 0.01 -c 1 -w 2 "+testnet.WebIPv4.String())
		took := time.Since(begun)
		if took > time.Second {
			t.Errorf("%s after %s", took, after)
		}
	}
	reach("the start")
	load := lab.Client.Command(t.Context(), "ping", "-q", "-n", "-i", "0.002", "-s", "1400", testnet.WebIPv4.String())
	if err := load.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = load.Process.Kill() // it has no other end
		_ = load.Wait()
	}()
	for i := range 10 {
		shell(t, lab.Mirror, "for i in 1 2 3 4 5 6; do ip link set mirror0 down; sleep 0.05; ip link set mirror0 up; sleep 0.05; done")
		reach(fmt.Sprintf("flap %d", 6*i+6))
	}
	for range 3 {
		shell(t, lab.Mirror, "ip link del mirror0")
		reach("a deletion")
	}
	select {
	case <-g.Done():
		t.Fatal("the gateway ended")
	default:
	}
	if out := shell(t, lab.Mirror, "ip -br link show master br0"); len(out) == 0 {
		t.Error("the bridge has no ports")
	}
}
