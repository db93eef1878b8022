package support

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
)

// logLines is how many lines of the hub's own log are remembered.
const logLines = 2000

// Log remembers the newest lines of the hub's own log. Zero works. A line is written out only when somebody wants to
// read it: a busy hub logs thousands a second.
type Log struct {
	mu    sync.Mutex
	lines []logLine // a ring once it is full
	next  int
}

type logLine struct {
	record slog.Record
	bound  func(slog.Handler) slog.Handler // what the logger was made with
}

// Handler passes everything on to next and remembers it.
func (l *Log) Handler(next slog.Handler) slog.Handler {
	return &remembering{next, l, func(h slog.Handler) slog.Handler { return h }}
}

func (l *Log) add(line logLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < logLines {
		l.lines = append(l.lines, line)
		return
	}
	l.lines[l.next] = line
	l.next = (l.next + 1) % logLines
}

// Lines are the remembered ones as JSON, the oldest first. Nil: none.
func (l *Log) Lines(ctx context.Context) []string {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	kept := append(append([]logLine(nil), l.lines[l.next:]...), l.lines[:l.next]...)
	l.mu.Unlock()
	texts := make([]string, 0, len(kept))
	for _, line := range kept {
		var b bytes.Buffer
		h := line.bound(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if err := h.Handle(ctx, line.record); err == nil {
			texts = append(texts, string(bytes.TrimRight(b.Bytes(), "\n")))
		}
	}
	return texts
}

type remembering struct {
	slog.Handler
	log   *Log
	bound func(slog.Handler) slog.Handler
}

func (h *remembering) Handle(ctx context.Context, r slog.Record) error {
	h.log.add(logLine{r.Clone(), h.bound})
	return h.Handler.Handle(ctx, r)
}

func (h *remembering) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &remembering{h.Handler.WithAttrs(attrs), h.log, func(to slog.Handler) slog.Handler { return h.bound(to).WithAttrs(attrs) }}
}

func (h *remembering) WithGroup(name string) slog.Handler {
	return &remembering{h.Handler.WithGroup(name), h.log, func(to slog.Handler) slog.Handler { return h.bound(to).WithGroup(name) }}
}
