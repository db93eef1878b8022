package signature

// Scheme is how one provider signs its requests, as data: an entry in packs/providers. Texts named "path" begin with
// header, body, query or form, such as "header.Stripe-Signature" or "body.signature.timestamp".
type Scheme struct {
	// Kind: "hmac", "hash" (a plain digest over secret and content), "rsa", "ecdsa", "ed25519", "token" (a shared secret
	// that is sent along), "standard-webhooks", or "none" (nothing is signed).
	Kind string `json:"kind"`
	Hash string `json:"hash,omitempty"` // sha1 | sha256 | sha512

	// Signature says where signatures stand; several places are tried in order, and any one that fits is enough.
	Signature []Place `json:"signature,omitempty"`
	// Signed is the text that is signed, with variables: #body#, #body.path#, #header.Name#, #query.name#, #timestamp#,
	// #method#, #url# (as registered), #secret#, #setting.name#, #form.sorted#, #fields.sorted#, #crc32#, #body.base64#.
	// More than one: any may fit (Twilio's URL with and without port).
	Signed []string `json:"signed,omitempty"`
	// Fields are those of #fields.sorted# (SNS): "name\nvalue\n" of each that is present, in this order.
	Fields []string `json:"fields,omitempty"`
	// Each verifies every item of a list in the body by itself (Adyen); paths then begin with item.
	Each string `json:"each,omitempty"`

	// Key is how the secret's text becomes the key: "raw", "hex", "base64", "nfkd", "whsec", "pem", "base64-der".
	Key string `json:"key,omitempty"`

	Timestamp *Timestamp   `json:"timestamp,omitempty"`
	Fetched   *Certificate `json:"certificate,omitempty"` // the key comes from a certificate that the request names
	// Requires are settings of the source that the scheme cannot do without: webhook_id, topic_arns, client_state.
	Requires []string `json:"requires,omitempty"`
	// Match are values that must be equal to a setting of the source: path -> setting (client_state; one of topic_arns).
	Match map[string]string `json:"match,omitempty"`

	// Versions are other forms of the same provider; the source's setting "version" chooses, never the request.
	Versions map[string]Scheme `json:"versions,omitempty"`
}

// Place is where a signature stands and how it is written there.
type Place struct {
	Path     string `json:"path"`
	Prefix   string `json:"prefix,omitempty"`   // "sha256=", "v0="
	Encoding string `json:"encoding,omitempty"` // hex | base64 | base64url | plain
	// List: how several stand in one value: "" one alone; "comma" and "space" separated; "pairs" k=v,k=v of which Pair
	// names the signatures' key ("v1"); "numbered" headers Name-1, Name-2 ... (DocuSign).
	List string `json:"list,omitempty"`
	Pair string `json:"pair,omitempty"`
}

// Timestamp is where the time of signing stands. It is judged at receipt, both ways.
type Timestamp struct {
	Path      string `json:"path"`
	Pair      string `json:"pair,omitempty"`      // within "pairs": "t"
	Unit      string `json:"unit,omitempty"`      // s | ms | rfc3339
	Tolerance string `json:"tolerance,omitempty"` // "5m"; "" is not judged
}

// Certificate is fetched from an address that the request names, on one of these hosts only.
type Certificate struct {
	Path      string   `json:"path"`      // of the address in the request
	Hosts     []string `json:"hosts"`     // patterns matched in full: "sns.*.amazonaws.com"
	PathMatch string   `json:"pathmatch"` // regular expression of the URL's path, matched in full
	Names     []string `json:"names"`     // that the certificate must bear, patterns as Hosts; empty: the URL's host
}
