package gateway

import (
	"io"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/forwarder/pop3"
	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// limitsOf says in the quarantine's words for how long and how much it keeps.
func limitsOf(q config.Quarantine) quarantine.Limits {
	return quarantine.Limits{Keep: q.Keep, Max: q.Max}
}

// releases are the mails in quarantine that were released, as the relays see them.
type releases struct {
	folder *quarantine.Index
	log    *slog.Logger
}

func newReleases(f quarantine.Folder, log *slog.Logger) releases {
	return releases{quarantine.NewIndex(f), log}
}

// maxWaiting bounds the mails that one login finds; the relay has a bound too.
const maxWaiting = 100

// Waiting implements pop3.Releases.
func (r releases) Waiting(o scanner.Origin) ([]pop3.Released, error) {
	items, err := r.folder.WaitingFor(quarantine.Mailbox(o.Server, o.Login), maxWaiting)
	waiting := make([]pop3.Released, len(items))
	for i, item := range items {
		waiting[i] = pop3.Released{ID: item.ID, Size: item.Size}
	}
	return waiting, err
}

// Open implements pop3.Releases.
func (r releases) Open(o scanner.Origin, id string) (io.ReadCloser, error) {
	mail, err := r.folder.Export(id)
	if err == nil {
		r.log.Info("released mail fetched", "client", o.Client, "server", o.Server, "id", id)
	}
	return mail, err
}

// Consume implements pop3.Releases.
func (r releases) Consume(o scanner.Origin, ids []string) error {
	err := r.folder.Consume(quarantine.Mailbox(o.Server, o.Login), ids...)
	if err == nil {
		r.log.Info("released mails deleted by their reader", "client", o.Client, "server", o.Server, "ids", ids)
	}
	return err
}
