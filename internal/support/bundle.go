// Package support makes the bundle that is sent to whoever helps from far away: a ZIP of how the hub is set up, how it
// fares and what it logged, without secrets. It must not know which door asked for it.
package support

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// MaxBytes is the most that a bundle has, in bytes, unless it is told otherwise.
const MaxBytes = 20 << 20

const (
	room    = 1 << 20   // is left for what is written last, in bytes
	maxLine = 256 << 10 // of one line, in bytes
)

// Bundle knows what goes into it. Settings, Store and Now are needed; zero works for the rest.
type Bundle struct {
	Settings *settings.Service
	Store    *store.Store
	Now      func() time.Time

	Version string
	Config  map[string]string // what the hub was started with, for reading
	Secrets []hub.Secret      // of the configuration
	Most    int64             // bytes of the bundle, more than 1 MiB; zero: MaxBytes
	Log     *Log
	Logger  *slog.Logger // is told of a download that broke off
	// DeliveryLog is the file that says what was sent to whom.
	DeliveryLog string
	Metrics     func(to io.Writer) error
	Ready       func(ctx context.Context) error // why the hub takes no events
}

// Serve answers with the bundle while it is made. An error means that nothing was sent yet; a bundle that breaks off later
// must not look whole, so the connection is cut.
func (b *Bundle) Serve(ctx context.Context, w http.ResponseWriter, by settings.By) error {
	out := &download{w: w, name: "hacek-support-" + b.Now().UTC().Format("20060102-150405") + ".zip"}
	err := b.Write(ctx, out, by)
	if err != nil && out.begun {
		b.Logger.Error("support bundle broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// download sends its header with the first byte, so that a refusal before it is still a refusal.
type download struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/zip")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		d.w.Header().Set("Cache-Control", "no-store")
	}
	return d.w.Write(p)
}

// Write writes the bundle as it is made; that it was taken is in the change history before the first byte is out.
func (b *Bundle) Write(ctx context.Context, to io.Writer, by settings.By) error {
	setUp, err := b.setUp(ctx)
	if err != nil {
		return fmt.Errorf("read the settings: %w", err)
	}
	if err := b.Settings.NoteSupportBundle(ctx, by); err != nil {
		return err
	}
	out := &counter{to: to}
	w := &writer{zip: zip.NewWriter(out), out: out, mask: newMask(append(setUp.secrets, b.Secrets...)), at: b.Now(), most: b.Most}
	if w.most == 0 {
		w.most = MaxBytes
	}
	for _, part := range []func() error{
		func() error { return b.about(ctx, w, by) },
		func() error { return b.writeSetUp(ctx, w, setUp) },
		func() error { return b.metrics(w) },
		func() error { return w.lines("logs/hub.jsonl", "newest lines of the hub's own log", b.Log.Lines(ctx)) },
		func() error { return b.deliveries(w) },
		w.contents,
		w.zip.Close,
	} {
		if err := part(); err != nil {
			return fmt.Errorf("write the support bundle: %w", err)
		}
	}
	return nil
}

func (b *Bundle) metrics(w *writer) error {
	if b.Metrics == nil {
		return nil
	}
	var text bytes.Buffer
	if err := b.Metrics(&text); err != nil {
		text.WriteString("# " + err.Error() + "\n")
	}
	return w.file("metrics.txt", "the figures of /metrics", text.String())
}

// writer is the ZIP with its bounds: what does not fit is left out and counted.
type writer struct {
	zip    *zip.Writer
	out    *counter
	mask   mask
	at     time.Time
	most   int64
	listed []string
}

type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

func (w *writer) open(name string) (io.Writer, error) {
	return w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: w.at})
}

// full tells that nothing but the list of contents may follow. What is still being compressed counts too.
func (w *writer) full(more int) (bool, error) {
	if err := w.zip.Flush(); err != nil {
		return true, err
	}
	return w.out.n+int64(more) > w.most-room, nil
}

// file writes a text, or leaves it out when there is no room.
func (w *writer) file(name, what, text string) error {
	text = w.mask.text(text)
	if full, err := w.full(len(text)); err != nil || full {
		w.listed = append(w.listed, fmt.Sprintf("%-28s left out: the bundle is full", name))
		return err
	}
	to, err := w.open(name)
	if err != nil {
		return err
	}
	w.listed = append(w.listed, fmt.Sprintf("%-28s %s", name, what))
	_, err = io.WriteString(to, text)
	return err
}

// lines writes one text a line, as many of the last ones as there is room for.
func (w *writer) lines(name, what string, texts []string) error {
	to, err := w.open(name)
	if err != nil {
		return err
	}
	written := 0
	for _, text := range texts {
		text = w.mask.text(text)
		if len(text) > maxLine {
			text = strings.ToValidUTF8(text[:maxLine], "") + "..."
		}
		if full, err := w.full(len(text)); err != nil {
			return err
		} else if full {
			break
		}
		if _, err := io.WriteString(to, text+"\n"); err != nil {
			return err
		}
		written++
	}
	note := fmt.Sprintf("%-28s %s: %d", name, what, written)
	if left := len(texts) - written; left > 0 {
		note += fmt.Sprintf(" (%d more are left out: the bundle is full)", left)
	}
	w.listed = append(w.listed, note)
	return nil
}

// contents comes last, because only then it is known what went in.
func (w *writer) contents() error {
	to, err := w.open("CONTENTS.txt")
	if err != nil {
		return err
	}
	_, err = io.WriteString(to, "Support bundle of a Hacek hub, made "+hub.TimeText(w.at)+".\n"+
		"Secrets read "+hub.Masked+"; what was sent and answered is given by its size only. Names, addresses and\n"+
		"business numbers are in it: look through it before it leaves the house.\n\n"+strings.Join(w.listed, "\n")+"\n")
	return err
}

func asLine(v any) (string, error) {
	raw, err := json.Marshal(v)
	return string(raw), err
}
