package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
)

// forwarder posts events to a program of the developer's own, as an endpoint would.
type forwarder struct {
	url  string
	sign signature.Standard
	http *http.Client
}

func newForwarder(address, secret string) (*forwarder, error) {
	if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, hub.Errorf(hub.Invalid, "--forward %q is not a URL", address).WithHint("write it as http://localhost:3000/webhooks")
	}
	f := &forwarder{url: address, http: &http.Client{
		Timeout:       15 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if err := f.sign.AddSecret(secret, time.Time{}); err != nil {
		return nil, hub.Errorf(hub.Invalid, "--secret %v", err)
	}
	return f, nil
}

// send answers what the program said, in words.
func (f *forwarder) send(ctx context.Context, e heard) (string, error) {
	body, err := envelope(e)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("forward: %w", err)
	}
	now := time.Now()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hacek-listen")
	request.Header.Set("webhook-id", e.ID)
	request.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	message := signature.Message{ID: e.ID, Time: now.Unix(), Body: body}
	request.Header.Set("webhook-signature", string(f.sign.AppendSignature(nil, message, now)))
	answer, err := f.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s in %s", answer.Status, time.Since(now).Round(time.Millisecond)), nil
}

// envelope is the standard payload; the data stay byte for byte.
func envelope(e heard) ([]byte, error) {
	var key *string // null where the event has none
	if e.Key != "" {
		key = &e.Key
	}
	head, err := json.Marshal(struct {
		ID   string  `json:"id"`
		Type string  `json:"type"`
		Time string  `json:"time"`
		Key  *string `json:"key"`
	}{e.ID, e.Type, e.Time, key})
	if err != nil {
		return nil, fmt.Errorf("write the envelope: %w", err)
	}
	return fmt.Appendf(nil, `%s,"data":%s}`, head[:len(head)-1], e.Data), nil
}
