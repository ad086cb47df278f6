package testnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// LabUser has the mailbox of a furnished lab; the password is Password.
const LabUser = "alice"

// Furnish starts what a user needs to play with a lab, all as processes that outlive the caller's: dovecot with LabUser's
// mailbox (clean and infected mails), a web server, and the gateway. The web server is "BINARY lab serve NAME", which must
// call Lab.ServeWeb. When it fails, what it started ends with the lab.
func (l *Lab) Furnish(ctx context.Context, binary string) error {
	mails := append(CleanMails(1), EICAR())
	switch m, err := ClamTestFile(); {
	case err == nil:
		mails = append(mails, m)
	case !errors.Is(err, ErrNoTestFile):
		return err
	}
	if _, err := l.StartMailServer(ctx, Mailbox{User: LabUser, Mails: mails}); err != nil {
		return err
	}
	web, err := l.Internet.Start("web", binary, "lab", "serve", l.name)
	if err != nil {
		return err
	}
	for _, address := range []netip.Addr{WebIPv4, WebIPv6} {
		err := web.waitReady(ctx, readyLimit, func() bool { return l.Internet.answers(ctx, netip.AddrPortFrom(address, 80)) })
		if err != nil {
			return fmt.Errorf("web server: %w", err)
		}
	}
	_, err = l.StartGateway(ctx, binary, l.GatewayConfig())
	return err
}
