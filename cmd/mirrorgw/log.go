package main

import (
	"io"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
)

// newLogger returns a logger that writes to w.
func newLogger(w io.Writer, l config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
