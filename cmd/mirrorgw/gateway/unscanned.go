package gateway

import (
	"context"
	"net/netip"

	"mirrorgw/cmd/mirrorgw/unscanned"
	"mirrorgw/forwarder"
	"mirrorgw/forwarder/pop3"
	"mirrorgw/scanner"
)

// keepBook keeps the book of what was not scanned until ctx ends.
func (m *Mirror) keepBook(ctx context.Context) {
	m.book.Run(ctx, func() {
		for _, p := range m.forwarder.TakePassages() {
			why := unscanned.Skipped
			if p.Why == forwarder.Bypassed {
				why = unscanned.Bypassed
			}
			m.book.Note(why, p.Client, p.Server, p.Flows)
		}
	})
}

// noteUnread takes note of a connection that a relay passes unread.
func (m *Mirror) noteUnread(client, server netip.AddrPort, why pop3.Unscanned) {
	reason := unscanned.NotPOP3
	if why == pop3.UnscannedTLS {
		reason = unscanned.TLS
	}
	m.book.Note(reason, client.Addr(), server, 1)
}

// noteVerdict takes note of a mail that could not be wholly judged, by each cause.
func (m *Mirror) noteVerdict(o scanner.Origin, v scanner.Verdict) {
	if v.Class != scanner.Unscannable {
		return
	}
	for _, cause := range append([]scanner.Cause{v.Cause}, v.Also...) {
		m.book.Note(unscanned.Reason(cause), o.Client.Addr(), o.Server, 1)
	}
}
