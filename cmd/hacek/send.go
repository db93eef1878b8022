package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/client"
	"hacek/internal/hub"
)

// published is the answer to a published event.
type published struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Key        string `json:"key"`
	Time       string `json:"time"`
	ReceivedAt string `json:"received_at"`
	Deliveries int    `json:"deliveries"`
	Duplicate  bool   `json:"duplicate,omitempty"`
	Fates      []fate `json:"fates,omitempty"`
}

// fate is what became of an event at one target.
type fate struct {
	Target struct {
		Kind string `json:"kind"`
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"target"`
	Outcome  string  `json:"outcome"`
	Reason   string  `json:"reason"`
	Delivery *string `json:"delivery"`
}

func (a *app) send() *cobra.Command {
	var key, data, id string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "send TYPE",
		Short: "Send one event to the hub",
		Long:  "Send one event to the hub at HACEK_URL, with the key in HACEK_API_KEY. It is durable when the command has ended.",
		Example: "  hacek send order.created --key 2018000057 --data '{\"order\":{\"code\":\"2018000057\"}}'\n" +
			"  hacek send order.created --data @order.json --wait 10s\n" +
			"  cat order.json | hacek send order.created --data -",
		Args: args(cobra.ExactArgs(1)),
	}
	cmd.Flags().StringVar(&key, "key", "", "business number people quote; without it the event type says where it stands in the data")
	cmd.Flags().StringVar(&data, "data", "{}", "JSON, @FILE, or - for standard input")
	cmd.Flags().StringVar(&id, "id", "", "your own id: the same again is taken once")
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for the deliveries, and say what became of them; exit 1 when one is not delivered")
	connect := a.connection(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		raw, err := a.readData(data)
		if err != nil {
			return err
		}
		event := map[string]any{"type": args[0]}
		if cmd.Flags().Changed("key") {
			event["key"] = key
		}
		if id != "" {
			event["id"] = id
		}
		c, err := connect()
		if err != nil {
			return err
		}
		body, err := withData(event, raw)
		if err != nil {
			return err
		}
		var answer published
		if err := c.Do(cmd.Context(), "POST", "/v1/events", body, &answer); err != nil {
			return err
		}
		failed := false
		if wait > 0 {
			if answer.Fates, failed, err = waitForFates(cmd.Context(), c, answer.ID, wait); err != nil {
				return err
			}
		}
		if err := a.print(answer, answer.describe); err != nil {
			return err
		}
		if failed {
			return hub.Errorf("undelivered", "not everything was delivered within %s", wait).
				WithHint("hacek status shows the endpoints; the attempts are at GET /v1/deliveries?event=%s", answer.ID)
		}
		return nil
	}
	return cmd
}

// withData puts the data into the event byte for byte, as its publisher wrote them.
func withData(event map[string]any, data []byte) (json.RawMessage, error) {
	envelope, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("write the event: %w", err)
	}
	return fmt.Appendf(nil, `%s,"data":%s}`, envelope[:len(envelope)-1], data), nil
}

func (a *app) readData(text string) ([]byte, error) {
	raw, err := []byte(text), error(nil)
	if name, ok := strings.CutPrefix(text, "@"); ok {
		raw, err = os.ReadFile(name)
	} else if text == "-" {
		raw, err = io.ReadAll(a.in)
	}
	if err != nil {
		return nil, fmt.Errorf("read the data: %w", err)
	}
	if !json.Valid(raw) {
		return nil, usageError{hub.Errorf(hub.NotJSON, "the data are not JSON").
			WithHint(`--data takes JSON such as '{"order":{"code":"7"}}', @FILE, or - for standard input`)}
	}
	return raw, nil
}

func (p published) describe(w io.Writer) {
	switch {
	case p.Duplicate:
		fmt.Fprintf(w, "%s was taken before, with the same content; %s\n", p.ID, count(p.Deliveries, "delivery", "deliveries"))
	default:
		fmt.Fprintf(w, "%s accepted, %s\n", p.ID, count(p.Deliveries, "delivery", "deliveries"))
	}
	for _, f := range p.Fates {
		fmt.Fprintf(w, "  %-9s  %s", f.Outcome, oneLine(f.Target.Name))
		if f.Reason != "" {
			fmt.Fprintf(w, "  (%s)", printable(f.Reason))
		}
		fmt.Fprintln(w)
	}
}

// waitForFates asks until nothing is pending any more, or the patience is used up.
func waitForFates(ctx context.Context, c *client.Client, event string, patience time.Duration) (fates []fate, failed bool, err error) {
	deadline, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		var list struct {
			Data []fate `json:"data"`
		}
		if err := c.Do(ctx, "GET", "/v1/events/"+url.PathEscape(event)+"/fates", nil, &list); err != nil {
			return nil, false, err
		}
		pending, lost := false, false
		for _, f := range list.Data {
			pending = pending || f.Outcome == "pending"
			lost = lost || f.Outcome != "delivered" && f.Outcome != "skipped"
		}
		// Those it did not concern come last.
		slices.SortStableFunc(list.Data, func(a, b fate) int { return cmp.Compare(rank(a), rank(b)) })
		if !pending {
			return list.Data, lost, nil
		}
		select {
		case <-pause.C:
		case <-deadline.Done():
			if !errors.Is(deadline.Err(), context.DeadlineExceeded) {
				return nil, false, deadline.Err()
			}
			return list.Data, true, nil
		}
	}
}

func rank(f fate) int {
	if f.Outcome == "skipped" {
		return 1
	}
	return 0
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
