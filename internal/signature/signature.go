// Package signature signs what we send, and verifies what comes in by schemes that are data: how each provider signs is
// an entry of packs/providers, and none has code of its own.
// It must not know connections, databases, files or the time of day: requests, certificates and "now" are arguments.
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
