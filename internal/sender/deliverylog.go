package sender

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"

	"hacek/internal/hub"
)

// DeliveryLog writes one JSON line an attempt to a file that is rotated: which data were sent to whom and when. It
// never keeps a delivery waiting: when the disk is too slow, lines are dropped, counted, and the count is written.
// docs/delivery-log.md explains the fields.
type DeliveryLog struct {
	Path      string // such as logs/webhooks.log
	Megabytes int    // of one file; zero: 100
	Files     int    // that are kept beside the current one; zero: 10
	Buffer    int    // bytes that wait to be written; zero: 4 MiB

	mu      sync.Mutex
	waiting []byte
	dropped int
	wake    chan struct{}
	once    sync.Once
}

// Record is one attempt with what the line says around it.
type Record struct {
	Attempt      *hub.Attempt // with its secrets masked already, as Send returns it
	Event        *hub.Event
	EventID      string
	DeliveryID   string
	AttemptID    string
	Tenant       string
	EndpointID   string
	EndpointName string
}

const (
	logMegabytes = 100
	logFiles     = 10
	logBuffer    = 4 << 20
	logGather    = 20 * time.Millisecond // what comes meanwhile is written at once
)

func (l *DeliveryLog) signal() chan struct{} {
	l.once.Do(func() { l.wake = make(chan struct{}, 1) })
	return l.wake
}

// Write takes a record. It copies what it needs and returns at once.
func (l *DeliveryLog) Write(r Record) {
	scratch := lines.Get().(*[]byte)
	line := appendRecord((*scratch)[:0], &r)
	limit := l.Buffer
	if limit == 0 {
		limit = logBuffer
	}
	l.mu.Lock()
	first := len(l.waiting) == 0
	if len(l.waiting)+len(line) > limit {
		l.dropped++
	} else {
		if l.dropped > 0 {
			l.waiting = appendDropped(l.waiting, r.Attempt.At, l.dropped)
			l.dropped = 0
		}
		l.waiting = append(l.waiting, line...)
	}
	l.mu.Unlock()
	if cap(line) <= 256<<10 {
		*scratch = line
		lines.Put(scratch)
	}
	if first {
		select {
		case l.signal() <- struct{}{}:
		default:
		}
	}
}

// Run writes what was taken, until the context ends; then it writes the rest and closes the file.
func (l *DeliveryLog) Run(ctx context.Context) error {
	if err := l.prepare(); err != nil {
		return err
	}
	megabytes, files := l.Megabytes, l.Files
	if megabytes == 0 {
		megabytes = logMegabytes
	}
	if files == 0 {
		files = logFiles
	}
	file := &timberjack.Logger{Filename: l.Path, MaxSize: megabytes, MaxBackups: files, FileMode: 0o600, Compression: "none"}
	var spare []byte
	for {
		stopping := false
		select {
		case <-l.signal():
			select {
			case <-time.After(logGather):
			case <-ctx.Done():
				stopping = true
			}
		case <-ctx.Done():
			stopping = true
		}
		l.mu.Lock()
		batch := l.waiting
		l.waiting = spare[:0]
		if stopping && l.dropped > 0 {
			batch = appendDropped(batch, time.Now(), l.dropped)
			l.dropped = 0
		}
		l.mu.Unlock()
		if len(batch) > 0 {
			if _, err := file.Write(batch); err != nil {
				l.lost(batch)
			}
		}
		spare = batch
		if stopping {
			if err := file.Close(); err != nil {
				return fmt.Errorf("close the delivery log: %w", err)
			}
			return nil
		}
	}
}

// lost counts the lines of a batch that could not be written, so that the next line says so.
func (l *DeliveryLog) lost(batch []byte) {
	n := 0
	for _, c := range batch {
		if c == '\n' {
			n++
		}
	}
	l.mu.Lock()
	l.dropped += n
	l.mu.Unlock()
}

// prepare makes folder and file with the rights they are to have; a log says who ordered what.
func (l *DeliveryLog) prepare() error {
	if err := os.MkdirAll(filepath.Dir(l.Path), 0o700); err != nil {
		return fmt.Errorf("delivery log: %w", err)
	}
	f, err := os.OpenFile(l.Path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("delivery log: %w", err)
	}
	if err := f.Chmod(0o600); err != nil {
		f.Close()
		return fmt.Errorf("delivery log: %w", err)
	}
	return f.Close()
}
