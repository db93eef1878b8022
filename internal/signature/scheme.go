package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// Scheme is how one provider signs its requests, as data: an entry in packs/providers.
//
// A text named "path" begins with header, query, body, form, item or setting, such as "header.Stripe-Signature" or
// "body.signature.timestamp". After header, query, form and setting the rest is one name, points included. Alternatives
// are separated by |, and the first that is there counts. A body path leads into JSON, XML (names without their
// namespace) or a form.
type Scheme struct {
	// Kind: "hmac", "hash" (a plain digest over secret and content), "rsa" (PKCS #1 v1.5), "ecdsa" (ASN.1), "ed25519",
	// "token" (a shared secret that is sent along), "standard-webhooks", or "none" (nothing is signed).
	Kind string `json:"kind"`
	Hash string `json:"hash,omitempty"` // sha1 | sha256 | sha512; "" is sha256

	// Signature says where signatures stand; several places are tried, and any one that fits is enough.
	Signature []Place `json:"signature,omitempty"`
	// Signed is the text that is signed, with variables: paths, and #body#, #body.base64#, #crc32# (of the body, decimal),
	// #content# (the body, or the query of a GET), #timestamp#, #method#, #url# (as registered), #url.bare# (without port),
	// #url.port# (always with port), #secret#, #form.sorted#, #fields.sorted#. "" is #body#. More than one: any may fit
	// (Twilio's URL with and without port). A header that is named must be there; an absent field of the body is "".
	Signed []string `json:"signed,omitempty"`
	// Fields are those of #fields.sorted# (SNS): "name\nvalue\n" of each that is present, in this order.
	Fields []string `json:"fields,omitempty"`
	// Separator stands between signed values. Only the value at Free may hold it, so that one signed text cannot be read
	// as other values than those that were signed.
	Separator string `json:"separator,omitempty"`
	Free      string `json:"free,omitempty"`
	// Each verifies every item of a list in the body by itself (Adyen); paths then begin with item. No items is a refusal.
	Each string `json:"each,omitempty"`

	// Key is how the secret's text becomes the key: "raw", "hex", "base64", "nfkd", "whsec", "pem", "base64-der".
	Key string `json:"key,omitempty"`

	Timestamp *Timestamp   `json:"timestamp,omitempty"`
	Digest    *Digest      `json:"digest,omitempty"`
	Fetched   *Certificate `json:"certificate,omitempty"` // the key comes from a certificate that the request names
	// Requires are settings of the source that the scheme cannot do without: webhook_id, topic_arns, client_state.
	Requires []string `json:"requires,omitempty"`
	// Match are values that must be equal to a setting of the source, or to one of the setting's words (topic_arns):
	// path -> setting.
	Match map[string]string `json:"match,omitempty"`
	// Fixed are values that must be exactly these: path -> value. They tell a request of another version apart.
	Fixed map[string]string `json:"fixed,omitempty"`

	// Versions are other forms of the same provider; the source's setting "version" chooses, never the request. In JSON a
	// version holds only what differs; null takes away what the main form has.
	Versions map[string]Scheme `json:"versions,omitempty"`
}

// Place is where a signature stands and how it is written there.
type Place struct {
	Path     string `json:"path"`
	Prefix   string `json:"prefix,omitempty"`   // "sha256=", "v0="; of each one where several stand in one value
	Encoding string `json:"encoding,omitempty"` // hex | base64 | base64url | plain; "" is hex, plain for tokens
	// List: how several stand in one value: "" one alone; "comma" and "space" separated; "pairs" k=v,k=v of which Pair
	// names the signatures' key ("v1"); "numbered" headers Name-1, Name-2 ... (DocuSign).
	List string `json:"list,omitempty"`
	Pair string `json:"pair,omitempty"`
}

// Timestamp is where the time of signing stands. It is judged at receipt, both ways.
type Timestamp struct {
	Path string `json:"path"`
	Pair string `json:"pair,omitempty"` // within "pairs": "t"
	Unit string `json:"unit,omitempty"` // s | ms | rfc3339; "" is s
	// Tolerance is such as "5m"; "" is not judged. The source's setting "tolerance" replaces it, up to a day.
	Tolerance string `json:"tolerance,omitempty"`
}

// Digest is a digest of the body that is signed in the body's place, as Twilio's address carries it.
type Digest struct {
	Path     string `json:"path"`
	Hash     string `json:"hash,omitempty"`
	Encoding string `json:"encoding,omitempty"`
	Form     bool   `json:"form,omitempty"` // a form may do without: its fields are in the signed text
}

// Certificate is fetched from an address that the request names, on one of these hosts only.
type Certificate struct {
	Path      string   `json:"path"`      // of the address in the request
	Hosts     []string `json:"hosts"`     // patterns matched in full: "sns.*.amazonaws.com"; * is one label
	PathMatch string   `json:"pathmatch"` // regular expression of the URL's path, matched in full
	Names     []string `json:"names"`     // that the certificate must bear, patterns as Hosts; empty: the URL's host
	// Chain: "full" leads to a trusted root; with "host" the file may be the certificate alone, and the trust is that of
	// the https connection to the pinned host. Names and dates are checked in both.
	Chain string `json:"chain,omitempty"`
}

// UnmarshalJSON lets a version inherit what it does not say.
func (s *Scheme) UnmarshalJSON(text []byte) error {
	var main map[string]json.RawMessage
	if err := json.Unmarshal(text, &main); err != nil {
		return err
	}
	var versions map[string]map[string]json.RawMessage
	if own := main["versions"]; own != nil {
		if err := json.Unmarshal(own, &versions); err != nil {
			return fmt.Errorf("versions: %w", err)
		}
		delete(main, "versions")
	}
	if err := s.read(main); err != nil {
		return err
	}
	for name, differs := range versions {
		merged := maps.Clone(main)
		maps.Copy(merged, differs)
		var version Scheme
		if err := version.read(merged); err != nil {
			return fmt.Errorf("version %s: %w", name, err)
		}
		if s.Versions == nil {
			s.Versions = map[string]Scheme{}
		}
		s.Versions[name] = version
	}
	return nil
}

// read refuses fields that are not known, so that a typing error shows.
func (s *Scheme) read(fields map[string]json.RawMessage) error {
	text, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	type plain Scheme
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(s))
}

// FromHMAC is the scheme of a source that describes its HMAC itself. #timestamp# and #id# are the Standard Webhooks
// headers. The form's secret is not used.
func FromHMAC(f HMACForm) Scheme {
	signed := f.Signed
	if signed == "" {
		signed = "#body#"
	}
	s := Scheme{
		Kind: "hmac", Hash: f.Algorithm, Key: "raw",
		Signature: []Place{{Path: "header." + f.Header, Prefix: f.Prefix, Encoding: f.Encoding}},
	}
	pieces, _ := parseSigned(signed)
	text := ""
	for _, p := range pieces {
		switch p.name {
		case "":
			text += escapeLiteral(p.literal)
		case "id":
			text += "#header." + HeaderID + "#"
		case "timestamp":
			s.Timestamp = &Timestamp{Path: "header." + HeaderTimestamp, Tolerance: Tolerance.String()}
			fallthrough
		default:
			text += "#" + p.name + "#"
		}
	}
	s.Signed = []string{text}
	return s
}
