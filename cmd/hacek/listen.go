package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

// heard is an event as the API tells it.
type heard struct {
	ID         string          `json:"id"`
	Type       string          `json:"type"`
	Key        string          `json:"key"`
	Time       string          `json:"time"`
	ReceivedAt time.Time       `json:"received_at"`
	Source     string          `json:"source"`
	Data       json.RawMessage `json:"data,omitempty"`
}

func (a *app) listen() *cobra.Command {
	var forward, secret string
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Show events as they happen, and hand them to a program on this machine",
		Long: "Show events as they happen at the hub at HACEK_URL. With --forward each one is posted to your own program, as an\n" +
			"endpoint with the standard payload would get it, signed. A lost connection is taken up again without a gap.",
		Example: "  hacek listen --since 1h\n  hacek listen --forward http://localhost:3000/webhooks",
		Args:    args(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&forward, "forward", "", "post every event to this `URL`")
	cmd.Flags().StringVar(&secret, "secret", "", "sign what is forwarded with this whsec_...; without it a new one is made and shown")
	cmd.Flags().DurationVar(&since, "since", 0, "begin with the events of this long ago")
	connect := a.connection(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := connect()
		if err != nil {
			return err
		}
		l := &listener{app: a, hub: c}
		if since > 0 {
			l.since = time.Now().Add(-since)
		}
		if forward != "" {
			if secret == "" {
				secret = signature.NewSecret()
				fmt.Fprintf(a.err, "forwarding to %s, signed with %s\n", forward, secret)
			}
			if l.forward, err = newForwarder(forward, secret); err != nil {
				return usageError{err}
			}
		}
		return l.run(cmd.Context())
	}
	return cmd
}

// listener follows the stream; where it was cut off, it goes on.
type listener struct {
	app     *app
	hub     *client.Client
	forward *forwarder

	since time.Time       // show what was received since then first; zero: begin now
	last  string          // the last event that came by the stream
	shown map[string]bool // those of the history, which the stream may bring again
}

// mostShown is how many letters of an event's data a person is shown; --json and --forward have all of them.
const mostShown = 4000

// reconnect is the pause before a lost stream is taken up again.
const reconnect = time.Second

func (l *listener) run(ctx context.Context) error {
	l.shown = map[string]bool{}
	for first := true; ; first = false {
		connected := false
		err := l.hub.Stream(ctx, l.last, func() error {
			connected = true
			fmt.Fprintf(l.app.err, "listening to %s; Ctrl-C ends\n", l.hub.Base)
			return l.history(ctx)
		}, func(m client.Message) error { return l.take(ctx, m) })
		lost := hub.CodeOf(err) == client.Unreachable || hub.CodeOf(err) == hub.Unavailable
		switch {
		case errors.Is(err, context.Canceled):
			return nil // a person has heard enough
		case !lost || first && !connected:
			return err
		}
		if l.last == "" && l.since.IsZero() {
			l.since = time.Now()
		}
		fmt.Fprintf(l.app.err, "%s; trying again\n", printable(err.Error()))
		select {
		case <-time.After(reconnect):
		case <-ctx.Done():
			return nil
		}
	}
}

func (l *listener) take(ctx context.Context, m client.Message) error {
	if m.Event != "event" {
		return nil
	}
	l.last = m.ID
	var e heard
	if err := json.Unmarshal([]byte(m.Data), &e); err != nil {
		return fmt.Errorf("read the stream: %w", err)
	}
	return l.show(ctx, e)
}

// history shows what was received before the stream began, oldest first. What happens meanwhile waits in the stream.
func (l *listener) history(ctx context.Context) error {
	if l.since.IsZero() || l.last != "" {
		return nil
	}
	query := url.Values{"order": {"asc"}, "limit": {"250"}, "since": {l.since.UTC().Format(time.RFC3339Nano)}}
	for {
		var page struct {
			Data []heard `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := l.hub.Do(ctx, "GET", "/v1/events?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		for _, e := range page.Data {
			if l.shown[e.ID] {
				continue
			}
			if err := l.hub.Do(ctx, "GET", "/v1/events/"+url.PathEscape(e.ID), nil, &e); err != nil {
				return err
			}
			if err := l.show(ctx, e); err != nil {
				return err
			}
			l.shown[e.ID] = true
		}
		if page.Next == nil || *page.Next == "" {
			return nil
		}
		query.Set("cursor", *page.Next)
	}
}

func (l *listener) show(ctx context.Context, e heard) error {
	if l.shown[e.ID] {
		return nil
	}
	if l.app.json {
		if err := json.NewEncoder(l.app.out).Encode(e); err != nil {
			return fmt.Errorf("show the event: %w", err)
		}
	} else {
		fmt.Fprintf(l.app.out, "%s  %s  %s  %s\n", e.ReceivedAt.Local().Format("15:04:05.000"), oneLine(e.Type), oneLine(e.Key), e.ID)
		if l.forward == nil {
			fmt.Fprintf(l.app.out, "  %s\n", printable(shorten(string(e.Data), mostShown)))
		}
	}
	if l.forward == nil {
		return nil
	}
	answer, err := l.forward.send(ctx, e)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return err
		}
		answer = err.Error()
	}
	fmt.Fprintf(l.app.err, "  -> %s\n", printable(answer))
	return nil
}
