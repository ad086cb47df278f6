package service

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"sync"
	"sync/atomic"

	"mirrorgw/cmd/mirrorgw/config"
)

// live matches the keys that take effect by a reload. What is not named here is refused: the device and what the LAN knows of
// the gateway, the rules that say which flows are intercepted (the forwarder decides by rule and not by flow, so that the
// sessions of a rule that goes would be forwarded in their middle), files and sockets that stay open, and
// the folder of the spool, which a confined process cannot choose anew.
var live = regexp.MustCompile(`^(scan\..*|spam\..*|neutralise\..*|shadow|notice\..*|spool\.(memory|max)|limits\.(sessions|per_client|per_client_rate|spool_memory|spool_disk|memory_action)|watchdog\..*|quarantine\.(keep|max)|intercept\[[0-9]+\]\.(stls|not_pop3|drip|budget|pad)|log\.level)$`)

// The reasons why a gateway cannot reload now.
var (
	errStarting = errors.New("the gateway is still starting: try again when it is ready")
	errEnding   = errors.New("the gateway is ending")
)

// reloader reads a gateway's configuration again and has the gateway take it on.
type reloader struct {
	gateway Gateway
	reread  func() (*config.File, error)
	tell    func(state string) // the service manager
	level   *slog.LevelVar
	log     *slog.Logger

	mu      sync.Mutex
	current *config.Config // guarded by mu

	done, refused atomic.Uint64
}

// reload puts everything new in place, or nothing. Where ending has ended it is too late.
//
// Errors: config.Errors, one for each thing wrong in the file; what the gateway says of rules; that it cannot reload now.
func (r *reloader) reload(ctx, ending context.Context) (changed []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if changed, err = r.try(ctx, ending); err != nil {
		r.refused.Add(1)
		r.log.Error("reload refused, nothing has changed", "error", err)
		return nil, err
	}
	r.done.Add(1)
	r.log.Info("reloaded", "changed", changed) // at the old level, or who asks for fewer lines would not see it
	r.level.Set(r.current.Log.Level)
	return changed, nil
}

func (r *reloader) try(ctx, ending context.Context) (changed []string, err error) {
	select {
	case <-r.gateway.Ready():
	default:
		return nil, errStarting
	}
	if ending.Err() != nil {
		return nil, errEnding
	}
	r.tell(reloadingNow())
	defer func() {
		if ending.Err() == nil { // else the manager has been told of the end
			r.tell(notifyReady)
		}
	}()
	file, err := r.reread()
	if err != nil {
		return nil, outOfReach(err)
	}
	next := file.Config
	changed = config.Differences(r.current, &next)
	if err := onlyLive(file, changed); err != nil {
		return nil, err
	}
	if err := r.gateway.Reload(ctx, &next); err != nil {
		return nil, outOfReach(err)
	}
	r.current = &next
	return changed, nil
}

// onlyLive refuses changes that need a restart.
func onlyLive(file *config.File, changed []string) error {
	var wrong config.Errors
	for _, key := range changed {
		if !live.MatchString(key) {
			wrong = append(wrong, file.Errorf(key, "%s cannot change while the gateway runs: take the change back, or restart the gateway", key))
		}
	}
	if len(wrong) > 0 {
		wrong.Sort()
		return wrong
	}
	return nil
}

// figures are the events of r for the status.
func (r *reloader) figures() map[string]uint64 {
	return map[string]uint64{"done": r.done.Load(), "refused": r.refused.Load()}
}
