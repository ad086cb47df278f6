package service

import (
	"io"
	"log/slog"

	"mirrorgw/cmd/mirrorgw/config"
)

// newLogger returns a logger that writes to w, and its level, which a reload may set. What it holds back is written by stop, which
// is to be called when everything has ended.
func newLogger(w io.Writer, l config.Log) (log *slog.Logger, level *slog.LevelVar, stop func()) {
	level = &slog.LevelVar{}
	level.Set(l.Level)
	options := &slog.HandlerOptions{Level: level}
	lines := &logLines{to: w}
	var handler slog.Handler = slog.NewTextHandler(lines, options)
	if l.Format == config.LogJSON {
		handler = slog.NewJSONHandler(lines, options)
	}
	return slog.New(promptHandler{handler, lines}), level, lines.close
}
