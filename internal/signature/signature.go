// Package signature signs what we send and verifies by scheme: Standard Webhooks (HMAC and ed25519) and HMACs whose
// header, algorithm, encoding and signed text are settings.
// It must not know HTTP, databases, files or the time of day: header values and "now" arrive as arguments.
package signature

import "time"

// Names of the Standard Webhooks headers.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far the timestamp of a signed request may be from now.
const Tolerance = 5 * time.Minute

// Message is what is signed. Body holds the bytes exactly as they go over the wire.
type Message struct {
	ID     string
	Time   int64 // unix seconds
	Method string
	URL    string
	Body   []byte
}
