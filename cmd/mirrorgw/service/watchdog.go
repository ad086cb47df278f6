package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"mirrorgw/cmd/mirrorgw/control"
)

// watchdog tells the service manager again and again that the gateway makes progress, and says nothing when it does not: the
// manager then starts it anew. Progress is that its status is answered over the socket and that no loop which forwards frames
// is where it was before. A cable that is out or a router that is off is no fault of the gateway's.
type watchdog struct {
	every  time.Duration // half of what the manager waits
	socket string        // of the gateway
	turns  func() []uint64
	tell   func(state string)
	log    *slog.Logger

	before []uint64 // turns, the last time
}

// watchdogTime returns how often the service manager wants to hear, sd_watchdog_enabled(3); 0: never.
func watchdogTime() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	us, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 1 || us > int64(24*time.Hour/time.Microsecond) {
		return 0
	}
	return time.Duration(us) * time.Microsecond / 2
}

// run looks and tells until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		if err := w.look(ctx); err == nil {
			w.tell(notifyWatchdog)
		} else if ctx.Err() == nil {
			w.log.Error("no progress; the service manager may end this process", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look says what makes no progress.
func (w *watchdog) look(ctx context.Context) error {
	turns := w.turns()
	before := w.before
	w.before = turns
	for i, n := range turns {
		if n%2 == 1 && i < len(before) && before[i] == n {
			return fmt.Errorf("the loop of queue %d has been at one batch of frames for %v", i, w.every)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, w.every)
	defer cancel()
	if _, err := control.Fetch(ctx, w.socket); err != nil {
		return errors.Join(errors.New("the status is not answered"), err)
	}
	return nil
}
