package hub

import (
	"encoding/json"
	"log/slog"
)

// Masked stands for a secret wherever it would be shown; sent back, it means "unchanged".
const Masked = "***"

// Secret is a text that prints, logs and marshals as "***". Only Reveal gives it away, so that a search for
// Reveal finds every place where a secret leaves.
type Secret struct{ text string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return s.text }

// IsZero reports the absent secret (also for `omitzero`).
func (s Secret) IsZero() bool { return s.text == "" }

func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return Masked
}

// GoString keeps %#v from printing the text.
func (s Secret) GoString() string { return s.String() }

// LogValue keeps slog from printing the text.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON writes "***", or "" when absent.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// UnmarshalJSON takes a JSON string or null.
func (s *Secret) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		s.text = ""
		return nil
	}
	return json.Unmarshal(b, &s.text)
}
