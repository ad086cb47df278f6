package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"mirrorgw/testnet"
)

const (
	mailboxSize = 10
	mailSize    = 4096
)

// addSessions serves POP3 in the internet and adds what is measured of sessions.
func (b *bench) addSessions(ctx context.Context) error {
	ipv4, ipv6 := netip.AddrPortFrom(testnet.MailIPv4, 110), netip.AddrPortFrom(testnet.MailIPv6, 110)
	mails := mailbox()
	server, err := b.lab.Internet.ServePOP3Load(ctx, mails, ipv4, ipv6)
	if err != nil {
		return err
	}
	b.closers = append(b.closers, func(context.Context) error { return server.Close() })
	for _, family := range []struct {
		name   string
		server netip.AddrPort
	}{{"IPv4", ipv4}, {"IPv6", ipv6}} {
		load := testnet.POP3Load{
			Server: family.server, Mailbox: len(mails), Sessions: b.options.sessions, Concurrency: b.concurrency,
		}
		b.addLoad("POP3 "+family.name+", no mail", load)
		load.Mails, load.Sessions = mails, b.options.sessions/4
		b.addLoad(fmt.Sprintf("POP3 %s, %d mails of 4 kB", family.name, len(mails)), load)
	}
	return nil
}

// addLoad adds the rate at which a load goes through.
func (b *bench) addLoad(name string, load testnet.POP3Load) {
	b.add(measure{
		name: name, ways: []way{kernel, offload}, figures: []*figure{{name: name, unit: perSecond}},
		take: func(ctx context.Context, _ way) ([]float64, error) {
			result, err := load.Run(ctx, b.lab.Client)
			if err == nil {
				err = result.Err()
			}
			b.tell("  a session took %s in the median, %s at the 99th percentile, %s at most", rounded(result.Median), rounded(result.P99), rounded(result.Slowest))
			return []float64{result.Rate()}, err
		},
	})
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// mailbox is what the server has: clean mails of mailSize, no two alike, so that none is judged by another's verdict.
func mailbox() []testnet.Mail {
	mails := make([]testnet.Mail, mailboxSize)
	for i := range mails {
		head := fmt.Sprintf("From: Sender <sender@example.org>\r\nTo: alice@example.net\r\nSubject: Mail %d\r\n"+
			"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\n\r\n", i+1, i+1)
		const line = "The mirror stands beside a router and hands on what it gets.\r\n"
		body := strings.Repeat(line, (mailSize-len(head))/len(line))
		mails[i] = testnet.Mail{Kind: "4 kB", Data: []byte(head + body)}
	}
	return mails
}
