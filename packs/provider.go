package packs

import (
	"encoding/json"

	"hacek/internal/signature"
)

// Provider is one sender of webhooks: how it signs, what its source looks like, how it wants to be answered. One
// YAML file each, in providers/.
type Provider struct {
	Name   string            `json:"name"`
	Title  map[string]string `json:"title"` // one name in every language where it is a proper name: {en: Stripe}
	Page   string            `json:"page"`  // of the documentation this entry was read from
	Scheme signature.Scheme  `json:"scheme"`
	// Unsigned is what the signature does not cover: "header.X-Shopify-Topic", "header.*" for every header that the scheme
	// does not name, "body" for everything. The table in docs/providers.md says the same.
	Unsigned   []string           `json:"unsigned,omitempty"`
	Source     json.RawMessage    `json:"source"` // preset: a part of the source as the API takes it, without secrets
	Handshakes []Handshake        `json:"handshakes,omitempty"`
	Refusal    *Answer            `json:"refusal,omitempty"` // of a wrongly signed request, where the provider wants another than 401 with a word
	Secret     SecretGuide        `json:"secret"`
	Types      map[string]string  `json:"types,omitempty"`   // vendor's word -> type of the catalogue
	Samples    map[string]Request `json:"samples,omitempty"` // vendor's word -> a request of that type, for trying out
	Waits      string             `json:"waits,omitempty"`   // how long it waits for an answer
	Retry      string             `json:"retry,omitempty"`   // how it retries
	Notes      []string           `json:"notes,omitempty"`
}

// SecretGuide tells people where the secret comes from.
type SecretGuide struct {
	Made  string            `json:"made"`            // "there" (the provider makes it), "here" (the hub does), "both", "none"
	Where map[string]string `json:"where,omitempty"` // language -> sentence; en at least
}

// Handshake is a request that asks whether somebody is there. It is answered and becomes no event.
type Handshake struct {
	Name string `json:"name"`
	// When: all must hold. Values are compared as texts; "*" is "is there".
	Method  string            `json:"method,omitempty"`
	Paths   map[string]string `json:"paths,omitempty"`   // path -> value: "body.type": "url_verification", "query.hub.mode": "subscribe"
	Exactly bool              `json:"exactly,omitempty"` // the body has no other fields than the paths'
	// Verified: the signature is checked first, and a wrong one is refused like any other request.
	Verified bool `json:"verified,omitempty"`
	// Match: path -> setting of the source that must be equal (Meta's verify_token); else Refused.
	Match map[string]string `json:"match,omitempty"`
	// Refused is the answer where Match does not hold; nil is a 403 with a word.
	Refused *Answer `json:"refused,omitempty"`
	// Token is the path of what is given back; it must match [A-Za-z0-9_-]{1,128} unless Plain allows any text (Graph),
	// which is then only ever sent as text/plain.
	Token  string `json:"token,omitempty"`
	Plain  bool   `json:"plain,omitempty"`
	Answer Answer `json:"answer"`
	// HMAC: #hmac# in the answer is this of the token with the source's first secret.
	HMAC *HandshakeHMAC `json:"hmac,omitempty"`
	// Confirm is an address that the hub builds and calls after a verified subscription (SNS): #body.TopicArn# and its like,
	// percent-escaped, and #certificate.host#, the host of the certificate that verified it, which was matched in full.
	Confirm string `json:"confirm,omitempty"`
}

// HandshakeHMAC is how a token is signed back.
type HandshakeHMAC struct {
	Hash     string `json:"hash"`
	Encoding string `json:"encoding"`
	Prefix   string `json:"prefix,omitempty"`
}

// Request is one request as the provider sends it, without its signature.
type Request struct {
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body"` // JSON; a text in it is a body that is not JSON, such as XML
}

// Answer is an exact answer. Body and headers may hold #token#, #hmac#, #header.Name# and #query.name#.
type Answer struct {
	Status      int               `json:"status"`
	ContentType string            `json:"content_type,omitempty"`
	Body        string            `json:"body,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
}
