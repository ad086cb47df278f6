package testnet

import (
	"context"
	"fmt"
	"time"
)

// waitFor polls until condition holds.
//
// Errors: the context's; one that names what and limit.
func waitFor(ctx context.Context, what string, limit time.Duration, condition func() bool) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	poll := time.NewTicker(waitInterval)
	defer poll.Stop()
	for {
		if condition() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		case <-deadline.C:
			return fmt.Errorf("waiting for %s: not within %s", what, limit)
		case <-poll.C:
		}
	}
}
