package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/signature"
)

const (
	schemeHMAC    = "hmac" // of a source that describes its signature itself
	answerTime    = 15 * time.Second
	shownOfAnswer = 64 << 10 // bytes
)

// send signs samples here and posts them.
func (t *trigger) send(ctx context.Context) error {
	header, body, err := t.sample()
	if err != nil {
		return err
	}
	settings, err := readSettings(t.settings)
	if err != nil {
		return err
	}
	secret, err := t.secret(settings)
	if err != nil {
		return err
	}
	verifier, err := t.provider.Scheme.Compile()
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: answerTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	hide := veil([]string{secret})
	refused := 0
	for range t.times {
		in := &signature.Incoming{Method: http.MethodPost, URL: t.to, Header: header.Clone(), Body: body, Settings: settings, At: time.Now()}
		if t.publicURL != "" {
			in.URL = t.publicURL
		}
		if err := verifier.Sign(in, secret); err != nil {
			return t.cannotSign(err)
		}
		sent, err := t.post(ctx, client, in)
		if err != nil {
			return err
		}
		if sent.Answer.Status/100 != 2 {
			refused = sent.Answer.Status
		}
		sent.hide(hide)
		if err := t.app.print(sent, sent.describe); err != nil {
			return err
		}
	}
	if refused != 0 {
		return hub.Errorf("refused", "%s answered %d", hide(t.to), refused).
			WithHint("it takes the sample only when it verifies as %s does, with the same secret", t.provider.Name)
	}
	return nil
}

// secret is what is signed with; "" where the scheme needs none.
func (t *trigger) secret(settings map[string]string) (string, error) {
	secrets, err := t.app.readSecrets(t.secrets)
	switch {
	case err != nil:
		return "", err
	case len(secrets) > 1:
		return "", wrong("", "a sample is signed with one secret")
	case len(secrets) == 1:
		return secrets[0], nil
	}
	scheme := schemeOf(t.provider.Scheme, settings)
	if !scheme.NeedsSecret() || isPair(scheme.Kind) { // Sign says why a pair's key does not help
		return "", nil
	}
	where := t.provider.Secret.Where["en"]
	if where == "" {
		where = "any text, as long as the receiver has the same."
	}
	return "", wrong("--secret, --secret @FILE or "+verifySecret+". "+where, "%s signs, and there is no secret", t.provider.Name)
}

// isPair reports a kind of scheme whose signing key only the provider has.
func isPair(kind string) bool { return kind == "rsa" || kind == "ecdsa" || kind == "ed25519" }

func (t *trigger) cannotSign(err error) error {
	e := hub.Errorf(hub.Invalid, "sign as %s: %v", t.provider.Name, err)
	if scheme := t.provider.Scheme; isPair(scheme.Kind) || scheme.Fetched != nil {
		return e.WithHint("have %s itself send a test to your address (%s); what follows on an event can be tried with `hacek send`", t.provider.Name, t.provider.Page)
	}
	return e.WithHint("%s", t.provider.Page)
}

// post sends one signed request. Where the scheme put something into the address, it goes along.
func (t *trigger) post(ctx context.Context, client *http.Client, in *signature.Incoming) (*triggered, error) {
	address := in.URL
	if t.publicURL != "" {
		to, err := url.Parse(t.to)
		if err != nil {
			return nil, err
		}
		signed, err := url.Parse(in.URL)
		if err != nil {
			return nil, wrong("", "--public-url %q is not a URL", t.publicURL)
		}
		to.RawQuery = signed.RawQuery
		address = to.String()
	}
	request, err := http.NewRequestWithContext(ctx, in.Method, address, bytes.NewReader(in.Body))
	if err != nil {
		return nil, err
	}
	request.Header = in.Header
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "hacek-trigger")
	}
	began := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err // without the address, in which some schemes put what proves them
		}
		return nil, hub.Errorf("unreachable", "nobody answers at %s: %v", request.URL.Host, err).WithHint("is the receiver running at that address?")
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, shownOfAnswer))
	if err != nil {
		return nil, hub.Errorf("unreachable", "read the answer: %v", err)
	}
	sent := &triggered{Method: in.Method, URL: address, Headers: request.Header, Body: string(in.Body), took: time.Since(began)}
	sent.Answer.Status, sent.Answer.Body = answer.StatusCode, string(text)
	sent.Answer.Took = float64(sent.took.Microseconds()) / 1000
	return sent, nil
}

// hide takes the secret out of what is shown: some providers send it along, and some receivers repeat what they got.
func (s *triggered) hide(veil func(string) string) {
	s.URL, s.Body, s.Answer.Body = veil(s.URL), veil(s.Body), veil(s.Answer.Body)
	shown := http.Header{}
	for name, values := range s.Headers {
		for _, value := range values {
			shown.Add(name, veil(value))
		}
	}
	s.Headers = shown
}

// ask has the hub send samples to one of its sources.
func (t *trigger) ask(ctx context.Context, c *client.Client, source string) error {
	set, err := readSource(ctx, c, source)
	if err != nil {
		return err
	}
	if set.Verify.Scheme != t.scheme {
		return wrong(fmt.Sprintf("hacek trigger %s %s --source %s", set.Verify.Scheme, t.event, source),
			"the source %s verifies as %s, not as %s", source, set.Verify.Scheme, t.scheme)
	}
	lost := ""
	for range t.times {
		var answer taken
		path := "/v1/sources/" + url.PathEscape(source) + "/trigger"
		if err := c.Do(ctx, "POST", path, map[string]string{"event_type": t.event}, &answer.whole); err != nil {
			return err
		}
		if err := json.Unmarshal(answer.whole, &answer); err != nil {
			return err
		}
		if answer.Outcome == hub.RequestQuarantined {
			lost = answer.Reason
		}
		if err := t.app.print(answer.whole, answer.describe); err != nil {
			return err
		}
	}
	if lost != "" {
		return hub.Errorf("refused", "the source took the sample for no real one: %s", lost).
			WithHint("its settings are at GET /v1/sources/%s", url.PathEscape(source))
	}
	return nil
}
