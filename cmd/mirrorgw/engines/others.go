package engines

import (
	"context"
	"fmt"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/names"
)

// Others are the engines beside YARA. They hold nothing that must be given back.
type Others struct {
	Clamd *clamd.Engine // nil: not configured
	Names *names.Engine // the same
}

// NewOthers returns the engines that cfg names beside YARA, unchecked. Errors: what is wrong with an address or a rule.
func NewOthers(cfg *config.Config, log *slog.Logger) (o Others, err error) {
	if rules := names.Config(cfg.Scan.Names); !rules.Empty() {
		if o.Names, err = names.New(rules); err != nil {
			return o, err
		}
	}
	if c := cfg.Scan.Clamd; len(c.Address) > 0 {
		if o.Clamd, err = clamd.New(clamd.Config{Addresses: c.Address, Parallel: c.Parallel, Message: cfg.Scan.Limits.Message, Log: log}); err != nil {
			return o, err
		}
	}
	return o, nil
}

// List returns the engines in the order in which findings are named.
func (o Others) List() []scanner.Engine {
	var list []scanner.Engine
	if o.Clamd != nil {
		list = append(list, o.Clamd)
	}
	if o.Names != nil {
		list = append(list, o.Names)
	}
	return list
}

// Check says of each engine beside YARA what it lacks. Errors: one that does not answer.
func (o Others) Check(ctx context.Context) (weak []string, err error) {
	if o.Clamd == nil {
		return nil, nil
	}
	switch h := o.Clamd.Check(ctx); h.State {
	case clamd.OK:
		return nil, nil
	case clamd.Weak:
		return []string{h.Detail}, nil
	default:
		return nil, fmt.Errorf("clamd: %s", h.Detail)
	}
}
