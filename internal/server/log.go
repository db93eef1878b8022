package server

import (
	"io"
	"log/slog"
)

// NewLog writes the hub's own log as the configuration wants it.
func NewLog(to io.Writer, c Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(to, o))
	}
	return slog.New(slog.NewTextHandler(to, o))
}
