package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// countPoll is how often a count that still grows is looked at, countQuiet how many looks in a row must find the same.
	countPoll  = 20 * time.Millisecond
	countQuiet = 5
)

// UDPCounter counts the datagrams that reach a host at a port, and lets them fall. The kernel does both: no program has to keep up, and no
// receive buffer loses what the network delivered.
type UDPCounter struct {
	host  *Host
	table string
}

// CountUDP begins to count at a port of the host, whatever the address. One counter per port; the caller closes it.
func (h *Host) CountUDP(ctx context.Context, port uint16) (*UDPCounter, error) {
	c := &UDPCounter{host: h, table: fmt.Sprintf("count%d", port)}
	nft := h.Command(ctx, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(fmt.Sprintf(`
		create table inet %s
		table inet %[1]s {
			counter arrived { }
			chain prerouting {
				type filter hook prerouting priority raw
				udp dport %d counter name arrived drop
			}
		}
	`, c.table, port))
	if _, err := output(nft, fmt.Sprintf("%s: count UDP at port %d", h.Name, port)); err != nil {
		return nil, err
	}
	return c, nil
}

// Count is how many datagrams have arrived since CountUDP.
func (c *UDPCounter) Count(ctx context.Context) (int, error) {
	b, err := c.host.Output(ctx, "nft", "--json", "list", "counter", "inet", c.table, "arrived")
	if err != nil {
		return 0, err
	}
	var listing struct {
		Nftables []struct {
			Counter *struct {
				Packets int `json:"packets"`
			} `json:"counter"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(b, &listing); err != nil {
		return 0, fmt.Errorf("nft counter: %w", err)
	}
	for _, entry := range listing.Nftables {
		if entry.Counter != nil {
			return entry.Counter.Packets, nil
		}
	}
	return 0, errors.New("nft counter: not in the listing")
}

// Settled is the count once it has stopped growing: what was under way has arrived or is lost.
func (c *UDPCounter) Settled(ctx context.Context) (int, error) {
	poll := time.NewTicker(countPoll)
	defer poll.Stop()
	last, err := c.Count(ctx)
	for quiet := 0; err == nil && quiet < countQuiet; quiet++ {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
		before := last
		if last, err = c.Count(ctx); last != before {
			quiet = -1
		}
	}
	return last, err
}

// Close ends the counting.
func (c *UDPCounter) Close(ctx context.Context) error {
	_, err := c.host.Output(ctx, "nft", "delete", "table", "inet", c.table)
	return err
}
