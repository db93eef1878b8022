package client

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
)

// Message is one server-sent event of /v1/stream.
type Message struct {
	ID    string
	Event string
	Data  string
}

// Stream hands over what happens from now on, or since the message `after`, until ctx or the connection ends.
// connected is called once the hub has said yes; it may be nil.
func (c *Client) Stream(ctx context.Context, after string, connected func() error, take func(Message) error) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if after != "" {
		header.Set("Last-Event-ID", after)
	}
	answer, err := c.open(ctx, http.MethodGet, "/v1/stream", nil, header)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if connected != nil {
		if err := connected(); err != nil {
			return err
		}
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	var m Message
	for lines.Scan() {
		line := lines.Text()
		if line == "" {
			if m.Data != "" {
				if err := take(m); err != nil {
					return err
				}
			}
			m = Message{ID: m.ID}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			m.ID = value
		case "event":
			m.Event = value
		case "data":
			if m.Data != "" {
				m.Data += "\n"
			}
			m.Data += value
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(err)
	}
	return c.unreachable(errors.New("the stream ended"))
}
