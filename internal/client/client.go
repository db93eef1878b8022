// Package client is the REST API from Go, for the commands, the tour and end-to-end tests.
// It must not know how the hub works inside: whatever it does, a stranger with a key could do.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
)

// Unreachable is the code of a call that got no answer at all.
const Unreachable hub.Code = "unreachable"

// Client calls one hub. Base and Key are needed; zero works for the rest.
type Client struct {
	Base   string     // http://127.0.0.1:8080
	Key    hub.Secret // an API key
	Tenant string     // act for this tenant, by id or uid
	HTTP   *http.Client
}

// Do makes one call. body is a []byte or json.RawMessage, sent as it is, or anything JSON can hold, or nil; out, if
// not nil, takes the answer. What the hub refuses is a *hub.Error with its code and hint.
func (c *Client) Do(ctx context.Context, method, path string, body, out any) error {
	answer, err := c.open(ctx, method, path, body, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		return c.unreachable(err)
	}
	if out == nil || len(raw) == 0 {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what a hub answers: %w", method, path, err)
	}
	return nil
}

// Download copies the answer to a GET as it comes and tells its length in bytes.
func (c *Client) Download(ctx context.Context, path string, to io.Writer) (int64, error) {
	answer, err := c.open(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	n, err := io.Copy(to, answer.Body)
	if err != nil {
		return n, fmt.Errorf("GET %s broke off after %d bytes: %w", path, n, err)
	}
	return n, nil
}

// open makes a call and answers a response with a status of 2xx, whose body the caller closes.
func (c *Client) open(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	reader, err := read(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+path, reader)
	if err != nil {
		return nil, hub.Errorf(hub.Invalid, "%q is not the address of a hub", c.Base).WithHint("write it as http://127.0.0.1:8080")
	}
	if header != nil {
		request.Header = header
	}
	request.Header.Set("Authorization", "Bearer "+c.Key.Reveal())
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Tenant != "" {
		request.Header.Set("Hacek-Tenant", c.Tenant)
	}
	answer, err := c.client().Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, c.unreachable(err)
	}
	if answer.StatusCode/100 != 2 {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	return answer, nil
}

func (c *Client) client() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return &http.Client{}
}

func (c *Client) unreachable(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return hub.Errorf(Unreachable, "no hub answers at %s: %v", c.Base, err).
		WithHint("start one with `hacek serve`, or say where it is with HACEK_URL")
}

func read(body any) (io.Reader, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return bytes.NewReader(b), nil
	case json.RawMessage:
		return bytes.NewReader(b), nil
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return bytes.NewReader(raw), nil
}

// refusal turns a problem (RFC 9457) back into the error it was.
func refusal(answer *http.Response) error {
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the answer %s: %w", answer.Status, err)
	}
	var problem struct {
		Code   hub.Code         `json:"code"`
		Detail string           `json:"detail"`
		Hint   string           `json:"hint"`
		Errors []hub.FieldError `json:"errors"`
	}
	if json.Unmarshal(raw, &problem) != nil || problem.Code == "" {
		return hub.Errorf("status_"+hub.Code(strconv.Itoa(answer.StatusCode)), "%s: %s", answer.Status, strings.TrimSpace(string(raw)))
	}
	e := hub.Errorf(problem.Code, "%s", problem.Detail)
	e.Hint, e.Fields = problem.Hint, problem.Errors
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	return e
}
