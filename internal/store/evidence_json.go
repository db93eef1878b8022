package store

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"hacek/internal/hub"
)

// readJSON reads an attempt as it was stored until November 2026: as JSON, in which bytes that no JSON string can hold are an array of
// their base64.
func readJSON(evidence []byte) (a hub.Attempt, tail []byte, err error) {
	var x attemptJSON
	if err := json.Unmarshal(evidence, &x); err != nil {
		return hub.Attempt{}, nil, fmt.Errorf("read the evidence of an attempt: %w", err)
	}
	a = hub.Attempt{
		N: x.N, At: fromNanos(x.At), Took: x.Took, Result: x.Result, Status: x.Status, RetryAfter: x.RetryAfter, Final: x.Final,
		Error: string(x.Error), Hint: string(x.Hint), SettingsVersion: x.Version, Test: x.Test,
		Request:  hub.SentRequest{Method: string(x.Request.Method), URL: string(x.Request.URL), Body: x.Request.Body.bytes(), DataLen: x.Request.Data},
		Response: hub.Answer{Status: x.Response.Status, Body: x.Response.Body.bytes(), Truncated: x.Response.Truncated},
		Timing:   hub.Timing(x.Timing),
		Peer: hub.Peer{
			Address: string(x.Peer.Address), TLSVersion: string(x.Peer.TLS), Issuer: string(x.Peer.Issuer),
			Expires: fromNanos(x.Peer.Expires),
		},
		Steps: x.Steps,
	}
	for _, h := range x.Request.Headers {
		a.Request.Headers = append(a.Request.Headers, hub.Header{Name: string(h[0]), Value: string(h[1])})
	}
	for _, h := range x.Response.Headers {
		if a.Response.Headers == nil {
			a.Response.Headers = http.Header{}
		}
		a.Response.Headers[string(h[0])] = append(a.Response.Headers[string(h[0])], string(h[1]))
	}
	return a, x.Request.Tail.bytes(), nil
}

// rawText is a JSON string, or bytes that none can hold.
type rawText string

func (t *rawText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var coded []string
		if err := json.Unmarshal(b, &coded); err != nil || len(coded) != 1 {
			return fmt.Errorf("coded bytes: %w", err)
		}
		raw, err := base64.StdEncoding.DecodeString(coded[0])
		*t = rawText(raw)
		return err
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = rawText(s)
	return err
}

func (t rawText) bytes() []byte {
	if t == "" {
		return nil
	}
	return []byte(t)
}

type attemptJSON struct {
	N          int           `json:"n"`
	At         int64         `json:"at"`
	Took       time.Duration `json:"took"`
	Result     hub.Result    `json:"result"`
	Status     int           `json:"status"`
	RetryAfter time.Duration `json:"retry_after"`
	Final      bool          `json:"final"`
	Error      rawText       `json:"error"`
	Hint       rawText       `json:"hint"`
	Version    int64         `json:"version"`
	Test       bool          `json:"test"`
	Request    struct {
		Method  rawText      `json:"method"`
		URL     rawText      `json:"url"`
		Headers [][2]rawText `json:"headers"`
		Body    rawText      `json:"body"`
		Data    int          `json:"data"`
		Tail    rawText      `json:"tail"`
	} `json:"request"`
	Response struct {
		Status    int          `json:"status"`
		Headers   [][2]rawText `json:"headers"`
		Body      rawText      `json:"body"`
		Truncated bool         `json:"truncated"`
	} `json:"response"`
	Timing struct {
		DNS       time.Duration `json:"dns"`
		Connect   time.Duration `json:"connect"`
		TLS       time.Duration `json:"tls"`
		FirstByte time.Duration `json:"first_byte"`
		Total     time.Duration `json:"total"`
	} `json:"timing"`
	Peer struct {
		Address rawText `json:"address"`
		TLS     rawText `json:"tls"`
		Issuer  rawText `json:"issuer"`
		Expires int64   `json:"expires"`
	} `json:"peer"`
	Steps []hub.StepRecord `json:"steps"`
}
