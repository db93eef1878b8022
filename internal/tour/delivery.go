package tour

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"hacek/internal/client"
)

// delivery is what the tour reads of one.
type delivery struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Event struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	} `json:"event"`
	Attempts []struct {
		Result string `json:"result"`
		Error  string `json:"error"`
	} `json:"attempts"`
}

func (d delivery) lastError() string {
	if len(d.Attempts) == 0 {
		return "not tried yet"
	}
	last := d.Attempts[len(d.Attempts)-1]
	return strings.TrimSpace(last.Result + " " + last.Error)
}

// deliveriesOf lists deliveries to a target, newest first, each with its attempts.
func deliveriesOf(ctx context.Context, h *client.Client, target, filter string) ([]delivery, error) {
	var list struct {
		Data []delivery `json:"data"`
	}
	if err := h.Do(ctx, "GET", "/v1/deliveries?target="+url.QueryEscape(target)+filter, nil, &list); err != nil {
		return nil, fmt.Errorf("list the deliveries: %w", err)
	}
	for i := range list.Data {
		if err := h.Do(ctx, "GET", "/v1/deliveries/"+url.PathEscape(list.Data[i].ID), nil, &list.Data[i]); err != nil {
			return nil, fmt.Errorf("look at a delivery: %w", err)
		}
	}
	return list.Data, nil
}

// failing waits until a delivery of one key at a target has failed at a step, with an error that says the words. It
// answers the delivery and the error.
func failing(ctx context.Context, h *client.Client, target, key, step, words string) (delivery, string, error) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(2 * patience); ; {
		list, err := deliveriesOf(ctx, h, target, "&key="+url.QueryEscape(key)+"&limit=5")
		if err != nil {
			return delivery{}, "", err
		}
		last := "it was not tried"
		for _, d := range list {
			for _, a := range d.Attempts {
				last = a.Result + " " + a.Error
				if a.Result != "waiting" && fails(a.Error, step) && strings.Contains(a.Error, words) {
					return d, a.Error, nil
				}
			}
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return delivery{}, "", ctx.Err()
		}
		if time.Now().After(end) {
			return delivery{}, "", fmt.Errorf("no delivery of %s failed at its %s; the last says: %s", key, step, last)
		}
	}
}

// fails tells whether an error names a step of that type, which may also have a name for people.
func fails(text, step string) bool {
	return strings.Contains(text, "("+step+")") || strings.Contains(text, "("+step+", ")
}
