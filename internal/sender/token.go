package sender

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

const (
	tokenLife    = time.Hour        // of a token that does not say when it ends; a 401 renews it before
	tokenReserve = 30 * time.Second // it is renewed that long before its end, or after nine tenths of a short life
	maxTokens    = 10_000
	maxToken     = 16 << 10 // bytes
)

// tokens keeps what exchanges fetched, each for one identity only.
type tokens struct {
	mu   sync.Mutex
	held map[[sha256.Size]byte]*heldToken
}

// heldToken is one identity's token; its lock makes the others wait for one fetch instead of making their own.
type heldToken struct {
	lock   chan struct{} // capacity 1: whoever put something in may fetch
	text   string
	expire time.Time
	style  int // the request form that worked last
}

// tokenError is a token that could not be had.
type tokenError struct {
	cause error // of the connection; nil when there was an answer
	out   *outgoing
	got   outcome
	text  string
}

func (e *tokenError) Error() string { return e.text }

func (t *tokens) entry(key [sha256.Size]byte) *heldToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.held[key]
	if h == nil {
		if t.held == nil || len(t.held) >= maxTokens {
			t.held = map[[sha256.Size]byte]*heldToken{}
		}
		h = &heldToken{lock: make(chan struct{}, 1)}
		t.held[key] = h
	}
	return h
}

// get returns the token of an endpoint, fetching it when there is none, when it ends soon, or when it was refused:
// then `refused` is that token, and another one that came meanwhile is taken as it is.
func (t *tokens) get(ctx context.Context, s *Sender, c *Compiled, renew bool, refused string) (string, error) {
	ctx, cancel := alarmed(ctx)
	defer cancel()
	x := c.auth.exchange
	h := t.entry(x.key)
	select {
	case h.lock <- struct{}{}:
		defer func() { <-h.lock }()
	case <-ctx.Done():
		return "", &tokenError{cause: ctx.Err(), out: &x.requests[0]}
	}
	if h.text != "" && time.Now().Before(h.expire) && !(renew && h.text == refused) {
		return h.text, nil
	}
	h.text = ""
	var last error
	for i := range x.requests {
		style := (h.style + i) % len(x.requests)
		token, expire, err := x.fetch(ctx, s, c, &x.requests[style])
		if err == nil {
			h.text, h.expire, h.style = token, expire, style
			return token, nil
		}
		last = err
		if e, is := errors.AsType[*tokenError](err); !is || e.got.answer.Status != 400 && e.got.answer.Status != 401 {
			break
		}
	}
	return "", last
}

func (x *exchange) fetch(ctx context.Context, s *Sender, c *Compiled, request *outgoing) (string, time.Time, error) {
	out := *request
	out.headers = append(append(make([]hub.Header, 0, len(out.headers)+1), out.headers...), hub.Header{Name: "User-Agent", Value: s.userAgent()})
	got, err := s.exchange(ctx, c.line(s), &out)
	if err != nil {
		return "", time.Time{}, &tokenError{cause: err, out: request, got: got}
	}
	fail := func(format string, args ...any) (string, time.Time, error) {
		return "", time.Time{}, &tokenError{out: request, got: got, text: fmt.Sprintf(format, args...)}
	}
	if got.answer.Status < 200 || got.answer.Status > 299 {
		return fail("the token's address answered %s", statusLine(got.answer.Status))
	}
	doc, err := expr.ParseDoc(got.answer.Body)
	if err != nil || got.answer.Truncated {
		return fail("the answer of the token's address is not JSON")
	}
	value, found := doc.Lookup(x.tokenPath)
	token := value.Text()
	switch {
	case !found || token == "":
		return fail("the answer of the token's address has no %s", x.tokenPath)
	case len(token) > maxToken || !validHeaderText(token):
		return fail("%s in the answer of the token's address cannot stand in a header", x.tokenPath)
	}
	now := time.Now()
	life := tokenLife
	if x.expiresPath != "" {
		if value, found := doc.Lookup(x.expiresPath); found {
			if l, ok := lifeOf(value.Text(), now); ok {
				life = l
			}
		}
	}
	return token, now.Add(life - min(tokenReserve, life/10)), nil
}

// lifeOf reads how long a token holds: seconds, a unix time in seconds or milliseconds, or a date.
func lifeOf(text string, now time.Time) (time.Duration, bool) {
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n < 1e15 {
		switch {
		case n >= 1e11:
			return time.UnixMilli(int64(n)).Sub(now), true
		case n >= 1e9:
			return time.Unix(int64(n), 0).Sub(now), true
		}
		return time.Duration(n * float64(time.Second)), true
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.Sub(now), true
	}
	return 0, false
}

// tokenFailure tells an attempt why there was no token.
func tokenFailure(parent context.Context, c *Compiled, err error, a *hub.Attempt) {
	e, is := errors.AsType[*tokenError](err)
	if !is {
		a.Result, a.Error = hub.AuthFailed, c.mask.text(err.Error())
		return
	}
	a.Result, a.Error = hub.AuthFailed, e.text
	a.Hint = "check the address, the client and the secret of the endpoint's authentication"
	if e.cause != nil {
		f := explain(parent, e.out, &e.got, e.cause, c.timeout)
		a.Error, a.Hint = "no token could be had: "+f.text, f.hint
		if f.result == hub.Interrupted || f.result == hub.Blocked {
			a.Result = f.result
		}
		a.Error = c.mask.text(a.Error)
		return
	}
	a.Response = c.mask.answer(e.got.answer)
	// An answer of a token's address that gave no token may hold half of one: keep the words, not the values.
	if e.got.answer.Status < 300 {
		a.Response.Body = nil
	}
	a.Error = c.mask.text(a.Error)
	if d := retryAfter(e.got.answer.Headers.Get("Retry-After"), a.At); d > 0 {
		a.RetryAfter = d
	}
}
