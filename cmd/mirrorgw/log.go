package main

import (
	"io"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
)

// newLogger returns a logger that writes to w, and its level, which a reload may set.
func newLogger(w io.Writer, l config.Log) (*slog.Logger, *slog.LevelVar) {
	level := &slog.LevelVar{}
	level.Set(l.Level)
	options := &slog.HandlerOptions{Level: level}
	if l.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}
