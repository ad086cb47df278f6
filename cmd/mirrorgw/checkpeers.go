package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/spam"
)

// answerTime bounds how long `check` waits for those it asks, all at once.
const answerTime = 2 * time.Second

// peerWarnings says which of the daemons and filters that a configuration names do not answer, and what else is wrong with them. They may be
// about to start, so that the configuration is valid all the same.
func peerWarnings(ctx context.Context, file *config.File) config.Errors {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	cfg := &file.Config
	said := make([]string, len(cfg.Scan.Clamd.Address)+1) // the last one by the spam filter
	filter := len(said) - 1
	var asking sync.WaitGroup
	for i, address := range cfg.Scan.Clamd.Address {
		asking.Go(func() { said[i] = askClamd(ctx, address, cfg.Scan.Limits.Message) }) // ends with ctx
	}
	asking.Go(func() { said[filter] = askSpamFilter(ctx, &cfg.Spam) }) // the same
	asking.Wait()
	var list config.Errors
	for i, s := range said {
		key := fmt.Sprintf("scan.clamd.address[%d]", i)
		if i == filter {
			key = "spam.spamd"
			if cfg.Spam.Rspamd != "" {
				key = "spam.rspamd"
			}
		}
		if s != "" {
			list = append(list, file.Errorf(key, "%s: %s", key, s))
		}
	}
	list.Sort()
	return list
}

// askClamd returns what is wrong with the daemon at address, empty for nothing.
func askClamd(ctx context.Context, address string, message int64) string {
	e, err := clamd.New(clamd.Config{Addresses: []string{address}, Message: message, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err.Error()
	}
	h := e.Check(ctx)
	switch {
	case h.State == clamd.OK:
		return ""
	case h.State == clamd.Weak:
		return h.Detail
	case ctx.Err() != nil:
		h.Detail = fmt.Sprintf("%s: no answer within %s", address, answerTime)
	}
	return h.Detail + ": until it answers no mail gets a verdict of it, see scan.policy.error; start it, or correct the address"
}

// askSpamFilter returns what is wrong with the spam filter, empty for nothing.
func askSpamFilter(ctx context.Context, cfg *config.Spam) string {
	m, err := spam.New(spam.Config{Rspamd: cfg.Rspamd, Spamd: cfg.Spamd})
	if err != nil {
		return err.Error()
	}
	err = m.Reach(ctx)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%s%s: no answer within %s", cfg.Rspamd, cfg.Spamd, answerTime) // one of the two is empty
	}
	return err.Error() + ": until it answers no mail is marked; start it, or correct the address"
}
