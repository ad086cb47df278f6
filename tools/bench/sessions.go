package main

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mirrorgw/testnet"
)

// mailPeers are what a mail session is measured on beside the mirror.
func mailPeers() []way { return []way{kernel, nginx, dovecot, perdition, relay} }

// addSessions adds what is measured of sessions.
func (b *bench) addSessions(ctx context.Context) error {
	load, err := b.mailLoad(ctx)
	if err != nil {
		return err
	}
	load.Concurrency = b.concurrency
	for _, family := range []struct {
		name   string
		server netip.Addr
		ways   []way
		aims   []aim
	}{
		{"IPv4", testnet.MailIPv4, append(mailPeers(), offload, manyRules), []aim{{peer: nginx, limit: 0.7}, {of: manyRules, peer: nginx, limit: 0.4}}},
		{"IPv6", testnet.MailIPv6, []way{kernel, relay, offload}, nil},
	} {
		load := load
		load.Server, load.Sessions = netip.AddrPortFrom(family.server, 110), b.options.sessions
		b.addLoad("POP3 "+family.name+", no mail", slices.DeleteFunc(slices.Clone(family.ways), func(w way) bool { return w == manyRules }), load, nil)
		load.Mails, load.Sessions = b.mails[:smallMails], b.options.sessions/4
		b.addLoad(fmt.Sprintf("POP3 %s, %d mails of 4 kB", family.name, smallMails), family.ways, load, family.aims)
	}
	return nil
}

// mailLoad has the mailbox served in the internet, by a process of its own, once, and returns a load on it that retrieves nothing.
func (b *bench) mailLoad(ctx context.Context) (testnet.POP3Load, error) {
	ipv4, ipv6 := netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110)
	if b.mails == nil {
		server, err := b.lab.Internet.StartPOP3Load(ctx, []netip.AddrPort{ipv4, ipv6}, b.program, serveCommand, b.lab.Name())
		if err != nil {
			return testnet.POP3Load{}, err
		}
		b.closers = append(b.closers, server.Stop)
		b.mails = mailbox()
	}
	return testnet.POP3Load{Server: ipv4, Mailbox: len(b.mails)}, nil
}

// serveCommand is the first argument of the process that serves the mailbox; the second is the name of the lab.
const serveCommand = "serve"

// serveMailbox is that process.
func serveMailbox(ctx context.Context, name string) error {
	lab, err := testnet.Load(name)
	if err != nil {
		return err
	}
	server, err := lab.Internet.ServePOP3Load(ctx, mailbox(), netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110))
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Close()
}

// addLoad adds the rate at which a load goes through, what a session costs the process in the mirror's place, and how long clients wait for
// their greeting meanwhile.
func (b *bench) addLoad(name string, on []way, load testnet.POP3Load, aims []aim) {
	b.add(measure{
		name: name, ways: on, page: mailPage,
		figures: []*figure{
			{name: name, unit: perSecond, aims: aims},
			{name: name + ": CPU for each", unit: milliseconds},
			{name: name + ": greeting, p99", unit: milliseconds},
		},
		take: func(ctx context.Context, w way) ([]float64, error) {
			result, cpu, err := b.run(ctx, w, load)
			if err != nil {
				return nil, err
			}
			b.tell("  a session took %s in the median, %s at the 99th percentile, %s at most", rounded(result.Median), rounded(result.P99), rounded(result.Slowest))
			return []float64{result.Rate(), cpu / float64(result.Done), result.GreetingP99.Seconds()}, nil
		},
	})
}

// run sends a load through a way, and tells the CPU time in seconds that the process in the mirror's place took.
func (b *bench) run(ctx context.Context, w way, load testnet.POP3Load) (result testnet.POP3LoadResult, cpu float64, err error) {
	load.Server = w.server(load.Server)
	if w == perdition { // a process for each session takes its time
		load.Sessions = max(load.Sessions/4, 1)
	}
	before, err := b.cpuTime()
	if err != nil {
		return result, 0, err
	}
	if result, err = load.Run(ctx, b.lab.Client); err != nil {
		return result, 0, err
	}
	if err := result.Err(); err != nil {
		return result, 0, err
	}
	after, err := b.cpuTime()
	return result, after - before, err
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
