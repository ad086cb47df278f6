package gateway

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"sync/atomic"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// hunter tells who was delivered what is known to be malware only since. It looks when an infected mail is kept, whose content may
// have been let through before a rule knew it, and after a reload for all that is in quarantine.
type hunter struct {
	store *quarantine.Store
	log   *slog.Logger

	kept   chan string   // hashes of infected mails
	reload chan struct{} // rules have changed

	found, missed atomic.Uint64
}

// maxKept bounds the mails that wait to be looked for. More at a time than a hunt takes are counted as missed, and found after the
// next reload.
const maxKept = 256

// maxFound bounds the log lines of one hunt.
const maxFound = 100

func newHunter(store *quarantine.Store, log *slog.Logger) *hunter {
	return &hunter{store: store, log: log, kept: make(chan string, maxKept), reload: make(chan struct{}, 1)}
}

// Keep implements scanner.Keeper: the store keeps, and who has the mail already is looked for later.
func (h *hunter) Keep(ctx context.Context, item scanner.Item, mail io.Reader) (id string, err error) {
	id, err = h.store.Keep(ctx, item, mail)
	if err == nil && item.Verdict.Class == scanner.Infected {
		select {
		case h.kept <- hex.EncodeToString(item.Verdict.SHA256[:]):
		default:
			h.missed.Add(1)
		}
	}
	return id, err
}

// reloaded says that rules may find more now.
func (h *hunter) reloaded() {
	select {
	case h.reload <- struct{}{}:
	default: // one that comes is enough
	}
}

// run hunts until ctx ends. judge enters the rooms whose scanner is to be asked.
func (h *hunter) run(ctx context.Context, m *Mirror) {
	for {
		select {
		case sum := <-h.kept:
			sums := map[string]bool{sum: true}
			for len(h.kept) > 0 { // one look for all that wait
				sums[<-h.kept] = true
			}
			h.hunt(ctx, sums)
		case <-h.reload:
			rooms := m.enter()
			sums, err := h.store.Infected(ctx, rooms.scanner, rooms.cfg.Spool)
			m.leave(rooms)
			if err != nil && ctx.Err() == nil {
				h.log.Warn("not all of the quarantine could be judged anew", "error", err)
			}
			h.hunt(ctx, sums)
		case <-ctx.Done():
			return
		}
	}
}

// hunt logs who has what is in sums.
func (h *hunter) hunt(ctx context.Context, sums map[string]bool) {
	n := 0
	err := h.store.Hunt(ctx, sums, func(r quarantine.Record) {
		h.found.Add(1)
		if n++; n <= maxFound {
			h.log.Warn("delivered before it was known to be infected", "delivered", r.Time, "client", r.Client, "server", r.Server, "user", r.User, "uidl", r.UIDL, "sha256", r.SHA256)
		}
	})
	if n > maxFound {
		h.log.Warn("more was delivered before it was known to be infected: mirrorgw quarantine hunt lists all", "more", n-maxFound)
	}
	if err != nil && ctx.Err() == nil {
		h.log.Warn("what was delivered before cannot be looked for", "error", err)
	}
}

// figures are the events of history and hunter for the status.
func (h *hunter) figures(history *quarantine.History) map[string]uint64 {
	c := history.Counters()
	return map[string]uint64{"recorded": c.Recorded, "lost": c.Lost, "found": h.found.Load(), "missed": h.missed.Load()}
}
