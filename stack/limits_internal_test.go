package stack

import (
	"net/netip"
	"testing"
	"time"
)

// A client may open so many flows a minute, all at once or spread, and what it has not used does not add up.
func TestRateOfOneClient(t *testing.T) {
	var table flowTable
	table.init(Limits{PerClientRate: 6})
	client := netip.MustParseAddr("192.168.1.10")
	now := time.Unix(1_800_000_000, 0)
	opens := func(most int) (opened int) {
		table.mu.Lock()
		defer table.mu.Unlock()
		for range most {
			if _, ok := table.roomLocked(client, true, now); !ok {
				break
			}
			table.spendLocked(table.stationLocked(client), now)
			opened++
		}
		return opened
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{0, 6}, {0, 0}, {9 * time.Second, 0}, {time.Second, 1}, {25 * time.Second, 2}, {time.Hour, 6}} {
		now = now.Add(step.after)
		if got := opens(10); got != step.want {
			t.Errorf("%v later: %d flows, want %d", step.after, got, step.want)
		}
	}
	if _, ok := table.roomLocked(netip.MustParseAddr("192.168.1.11"), true, now); !ok {
		t.Error("another client is limited too")
	}
}

// Clients are forgotten once they have no flow and have spent nothing, and before there are too many.
func TestStationsAreBounded(t *testing.T) {
	var table flowTable
	table.init(Limits{PerClientRate: 1})
	now := time.Unix(1_800_000_000, 0)
	for i := range 3 * maxStations {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		f := &flow{key: flowKey{client: netip.AddrPortFrom(client, 1)}, state: live}
		table.addLocked(f)
		table.spendLocked(table.stationLocked(client), now)
		table.removeLocked(f, now)
		if len(table.stations) > maxStations {
			t.Fatalf("%d clients are remembered", len(table.stations))
		}
	}
	table.init(Limits{})
	f := &flow{key: flowKey{client: netip.MustParseAddrPort("10.0.0.1:1")}, state: parked}
	table.addLocked(f)
	table.removeLocked(f, now)
	if len(table.stations) != 0 || len(table.flows) != 0 || table.unproven != 0 {
		t.Errorf("%+v", &table)
	}
}
