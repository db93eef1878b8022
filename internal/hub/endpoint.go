package hub

import (
	"encoding/json"
	"fmt"
	"time"
)

// Endpoint is the settings of one outgoing webhook, as in the API. What is not built yet is kept as raw JSON only
// to be refused (see NotBuilt).
type Endpoint struct {
	Name         string            `json:"name"`
	UID          *string           `json:"uid"`
	Active       bool              `json:"active"`
	Subscription Subscription      `json:"subscription"`
	Request      Request           `json:"request"`
	Auth         Auth              `json:"auth"`
	Signature    Signature         `json:"signature"`
	Retry        Retry             `json:"retry"`
	Success      Success           `json:"success"`
	Order        Order             `json:"order"`
	Limits       Limits            `json:"limits"`
	DisableAfter Duration          `json:"disable_after"`
	Description  string            `json:"description"`
	Labels       map[string]string `json:"labels"`

	Preset       json.RawMessage `json:"preset"` // where it came from, such as "profacto/crm"
	Coalesce     json.RawMessage `json:"coalesce"`
	Batch        json.RawMessage `json:"batch"`
	Window       json.RawMessage `json:"window"`
	ExpiresAfter json.RawMessage `json:"expires_after"`
	Notify       Notify          `json:"notify"`
}

// Subscription says which events concern a target. Empty lists mean "all".
type Subscription struct {
	EventTypes []string `json:"event_types"`
	Sources    []string `json:"sources"`
	Channels   []string `json:"channels"`
	Condition  string   `json:"condition"`
}

// Payload kinds of a request.
const (
	PayloadStandard = "standard" // the envelope, with chosen fields and attributes
	PayloadTemplate = "template" // Body, with variables
	PayloadNone     = "none"
)

// Request is how the call is made. Url, query, headers and body may hold #variables#.
type Request struct {
	Method      string            `json:"method"` // "" = POST with a body, GET without
	URL         string            `json:"url"`
	Query       map[string]string `json:"query"`
	Headers     map[string]string `json:"headers"`
	Payload     string            `json:"payload"`
	Body        *string           `json:"body"`
	ContentType string            `json:"content_type"`
	Charset     string            `json:"charset"`
	Fields      *[]string         `json:"fields"` // nil = all of data, [] = the bare fact
	Table       string            `json:"table"`
	Attributes  map[string]string `json:"attributes"`
	Missing     string            `json:"missing"`
	Timeout     Duration          `json:"timeout"`
	Compress    bool              `json:"compress"`
}

// Auth is how we show who we are. Which fields belong to which type stands in docs/endpoints.md.
type Auth struct {
	Type         string    `json:"type"`
	Token        Secret    `json:"token,omitzero"`
	Username     string    `json:"username,omitempty"`
	Password     Secret    `json:"password,omitzero"`
	Header       string    `json:"header,omitempty"`
	In           string    `json:"in,omitempty"`
	Name         string    `json:"name,omitempty"`
	Value        Secret    `json:"value,omitzero"`
	TokenURL     string    `json:"token_url,omitempty"`
	ClientID     string    `json:"client_id,omitempty"`
	ClientSecret Secret    `json:"client_secret,omitzero"`
	Scopes       []string  `json:"scopes,omitempty"`
	Request      *Exchange `json:"request,omitempty"`
	TokenPath    string    `json:"token_path,omitempty"`
	ExpiresPath  string    `json:"expires_path,omitempty"`
	Certificate  string    `json:"certificate,omitempty"`
	Key          Secret    `json:"key,omitzero"`
	CA           string    `json:"ca,omitempty"`
}

// Exchange is the call that gets a token for auth type "exchange".
type Exchange struct {
	Method      string            `json:"method"`
	URL         string            `json:"url"`
	Headers     map[string]Secret `json:"headers,omitempty"`
	Body        Secret            `json:"body,omitzero"`
	ContentType string            `json:"content_type,omitempty"`
}

// Signature schemes of a request; several may stand side by side.
const (
	SchemeStandard = "standard-webhooks" // HMAC-SHA256, "v1"
	SchemeEd25519  = "ed25519"           // "v1a" in the same header
	SchemeHMAC     = "hmac"              // own header, algorithm, encoding, signed text
)

// Signature is how the receiver knows that it was us.
type Signature struct {
	Schemes    []string        `json:"schemes"`
	Secret     Secret          `json:"secret,omitzero"`      // whsec_...
	PrivateKey Secret          `json:"private_key,omitzero"` // whsk_..., for ed25519
	PublicKey  string          `json:"public_key,omitempty"` // whpk_..., read-only
	HMAC       []HMAC          `json:"hmac,omitempty"`
	Previous   []RetiredSecret `json:"previous,omitempty"` // read-only: still signs until it expires
}

// HMAC is one configurable signature.
type HMAC struct {
	Header    string `json:"header"`
	Algorithm string `json:"algorithm"` // sha1 | sha256 | sha512
	Encoding  string `json:"encoding"`  // hex | base64
	Prefix    string `json:"prefix"`    // such as "sha256="
	Signed    string `json:"signed"`    // #body#, #timestamp#, #id#, #url#, #method# and literal text
	Secret    Secret `json:"secret,omitzero"`
}

// RetiredSecret still signs, beside the current one, until it expires.
type RetiredSecret struct {
	Secret     Secret    `json:"secret,omitzero"`
	PrivateKey Secret    `json:"private_key,omitzero"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Retry is the list of waits between tries; when it is used up, the delivery has failed.
type Retry struct {
	Intervals []Duration `json:"intervals"`
	Jitter    float64    `json:"jitter"` // 0.1 = plus or minus a tenth
}

// Success says which answers are a success and which failures are final.
type Success struct {
	Status    []string `json:"status"`    // "200", "2xx"
	Condition string   `json:"condition"` // CEL over response.status|headers|json|xml|body
	Final     []Final  `json:"final"`
}

// Final is a failure that no retry will mend.
type Final struct {
	Status    []string `json:"status,omitempty"`
	Condition string   `json:"condition,omitempty"`
}

// Order of a target's deliveries.
const (
	OrderNone = "none"
	OrderKey  = "key"
	OrderAll  = "all"
)

// Order is which deliveries must wait for each other, and what happens when the first of them is stuck.
type Order struct {
	By    string `json:"by"`
	Stuck Stuck  `json:"stuck"`
}

// Stuck is "wait", or {"set_aside_after": n}: after n tries the head fails and the next may go.
type Stuck struct{ SetAsideAfter int }

// WaitsFor is the reason of a delivery that has to wait for another one, with what becomes of that one.
func (o Order) WaitsFor(first DeliveryID) string {
	if n := o.Stuck.SetAsideAfter; n > 0 {
		return fmt.Sprintf("waits for %s, which comes before it and is set aside after %d tries", first.Text(), n)
	}
	return fmt.Sprintf("waits for %s, which comes before it", first.Text())
}

// MarshalJSON writes "wait" or the object.
func (s Stuck) MarshalJSON() ([]byte, error) {
	if s.SetAsideAfter == 0 {
		return []byte(`"wait"`), nil
	}
	return []byte(fmt.Sprintf(`{"set_aside_after":%d}`, s.SetAsideAfter)), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Stuck) UnmarshalJSON(b []byte) error {
	if string(b) == `"wait"` {
		*s = Stuck{}
		return nil
	}
	var o struct {
		SetAsideAfter int `json:"set_aside_after"`
	}
	if err := json.Unmarshal(b, &o); err != nil || o.SetAsideAfter < 1 {
		return fmt.Errorf(`"stuck" is "wait" or {"set_aside_after": n} with n of at least 1`)
	}
	s.SetAsideAfter = o.SetAsideAfter
	return nil
}

// Limits protect the receiver.
type Limits struct {
	Rate        Rate `json:"rate"`
	Concurrency int  `json:"concurrency"`
}

// Notify lists who hears of an outage by mail: one mail when it begins, one when the target is disabled, one when it
// works again.
type Notify struct {
	Failing       []string `json:"failing"`
	Disabled      []string `json:"disabled"`
	Recovered     []string `json:"recovered"`
	AfterFailures int      `json:"after_failures"`
	Language      string   `json:"language"` // of the mails
}

// DefaultEndpoint is what holds for every setting that is not given.
func DefaultEndpoint() Endpoint {
	return Endpoint{
		Active:       true,
		Request:      Request{Payload: PayloadStandard, ContentType: "application/json", Charset: "utf-8", Missing: "empty", Timeout: Duration(15 * time.Second)},
		Auth:         Auth{Type: "none"},
		Signature:    Signature{Schemes: []string{SchemeStandard}},
		Retry:        DefaultRetry(),
		Success:      Success{Status: []string{"2xx"}},
		Order:        Order{By: OrderNone},
		Limits:       Limits{Concurrency: 8},
		DisableAfter: Duration(5 * 24 * time.Hour),
		Notify:       Notify{AfterFailures: 3, Language: "en"},
	}
}

// DefaultRetry tries for about three days.
func DefaultRetry() Retry {
	const s, m, h = time.Second, time.Minute, time.Hour
	waits := []time.Duration{5 * s, 5 * m, 30 * m, 2 * h, 5 * h, 10 * h, 14 * h, 20 * h, 24 * h}
	r := Retry{Jitter: 0.1}
	for _, w := range waits {
		r.Intervals = append(r.Intervals, Duration(w))
	}
	return r
}

// Secretive is whatever has settings that are secret. Secrets lists them with the JSON Pointer each stands at: for
// sealing, for masking, and for "***", which keeps a value only at the same place. A map's values have no address,
// so secret headers are listed apart, by the pointer of their map.
type Secretive interface {
	Secrets() map[string]*Secret
	HeaderSecrets() map[string]map[string]Secret
}

// Secrets lists every secret of the endpoint.
func (e *Endpoint) Secrets() map[string]*Secret {
	s := e.Auth.secrets()
	s["/signature/secret"] = &e.Signature.Secret
	s["/signature/private_key"] = &e.Signature.PrivateKey
	for i := range e.Signature.HMAC {
		s[fmt.Sprintf("/signature/hmac/%d/secret", i)] = &e.Signature.HMAC[i].Secret
	}
	for i := range e.Signature.Previous {
		s[fmt.Sprintf("/signature/previous/%d/secret", i)] = &e.Signature.Previous[i].Secret
		s[fmt.Sprintf("/signature/previous/%d/private_key", i)] = &e.Signature.Previous[i].PrivateKey
	}
	return s
}

// HeaderSecrets are the headers of a token exchange.
func (e *Endpoint) HeaderSecrets() map[string]map[string]Secret {
	if e.Auth.Request == nil {
		return nil
	}
	return map[string]map[string]Secret{"/auth/request/headers": e.Auth.Request.Headers}
}

func (a *Auth) secrets() map[string]*Secret {
	s := map[string]*Secret{
		"/auth/token":         &a.Token,
		"/auth/password":      &a.Password,
		"/auth/value":         &a.Value,
		"/auth/client_secret": &a.ClientSecret,
		"/auth/key":           &a.Key,
	}
	if a.Request != nil {
		s["/auth/request/body"] = &a.Request.Body
	}
	return s
}

// HasBody tells whether a request carries one.
func (r Request) HasBody() bool { return r.Payload != PayloadNone }

// Verb is the HTTP method: the one that was set, else POST with a body and GET without.
func (r Request) Verb() string {
	switch {
	case r.Method != "":
		return r.Method
	case r.HasBody():
		return "POST"
	}
	return "GET"
}
