package testnet

import (
	"context"
	"fmt"
	"strings"
)

// Trace returns the routers between the client and an address, and the address, as traceroute(1) sees them; a hop that does
// not answer is "*".
func (l *Lab) Trace(ctx context.Context, address string) ([]string, error) {
	// One probe at a time: with several under way, a hop slower than the next counts as silent.
	out, err := l.Client.Output(ctx, "traceroute", "-n", "-N", "1", "-q", "1", "-w", "2", "-m", "6", address)
	if err != nil {
		return nil, err
	}
	var hops []string
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			return nil, fmt.Errorf("traceroute to %s: line %q", address, line)
		}
		if fields[0] != "traceroute" { // the heading
			hops = append(hops, fields[1])
		}
	}
	return hops, nil
}
