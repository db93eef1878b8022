//go:build linux

package rig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// API is the hub's REST API, as a stranger with an administrator's key sees it.
type API struct {
	Base string // http://127.0.0.1:8080
	Key  string

	client *http.Client
}

// NewAPI keeps its own connections, so that a killed hub leaves nothing behind in anybody else's pool.
func NewAPI(base, key string) *API {
	return &API{
		Base:   base,
		Key:    key,
		client: &http.Client{Timeout: 60 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}},
	}
}

// Refusal is an answer outside 2xx.
type Refusal struct {
	Call   string
	Status int
	Body   string
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s was answered %d: %.400s", r.Call, r.Status, r.Body)
}

// Do sends in as JSON (nothing when nil; []byte as NDJSON) and decodes the answer into out (nowhere when nil).
func (a *API) Do(ctx context.Context, method, path string, in, out any) error {
	contentType := "application/json"
	var body io.Reader
	switch in := in.(type) {
	case nil:
	case []byte:
		contentType = "application/x-ndjson"
		body = bytes.NewReader(in)
	default:
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, a.Base+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+a.Key)
	if body != nil {
		request.Header.Set("Content-Type", contentType)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if answer.StatusCode/100 != 2 {
		return &Refusal{Call: method + " " + path, Status: answer.StatusCode, Body: string(text)}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: %w in %.200s", method, path, err, text)
	}
	return nil
}

// Object is any JSON object of the API.
type Object = map[string]any

// Endpoint is the part of an endpoint a proof reads.
type Endpoint struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Waiting int    `json:"waiting"`
}

// CreateEndpoint answers the new endpoint.
func (a *API) CreateEndpoint(ctx context.Context, endpoint Object) (Endpoint, error) {
	var created Endpoint
	err := a.Do(ctx, "POST", "/v1/endpoints", endpoint, &created)
	return created, err
}

// Endpoint reads one endpoint as it is now.
func (a *API) Endpoint(ctx context.Context, id string) (Endpoint, error) {
	var endpoint Endpoint
	err := a.Do(ctx, "GET", "/v1/endpoints/"+url.PathEscape(id), nil, &endpoint)
	return endpoint, err
}

// Delivery is the part of a delivery a proof reads.
type Delivery struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Attempts []struct {
		Result   string `json:"result"`
		Response *struct {
			Status int `json:"status"`
		} `json:"response"`
	} `json:"attempts"`
}

// DeliveriesOf lists an event's deliveries, each read again with its attempts.
func (a *API) DeliveriesOf(ctx context.Context, event string) ([]Delivery, error) {
	var list struct {
		Data []Delivery `json:"data"`
	}
	if err := a.Do(ctx, "GET", "/v1/deliveries?event="+url.QueryEscape(event), nil, &list); err != nil {
		return nil, err
	}
	for i, d := range list.Data {
		if err := a.Do(ctx, "GET", "/v1/deliveries/"+url.PathEscape(d.ID), nil, &list.Data[i]); err != nil {
			return nil, err
		}
	}
	return list.Data, nil
}
