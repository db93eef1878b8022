package pipeline

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
)

// gateKey names the calls that share one gate: all that a tenant makes to one host as one caller, from whatever step of whatever
// pipeline, because that is how the other side counts them. A step that shows no credentials has a gate of its own.
type gateKey struct {
	tenant int64
	caller [sha256.Size]byte
}

// member is a step that passes a gate, whatever version of its settings: a change must not let twice as many in.
type member struct {
	pipeline string
	step     int
}

// gateOf finds the gate of a step; false when the step has neither limits nor credentials that others could have limited.
func (c *Compiled) gateOf(s *step) (gateKey, bool) {
	set := &s.settings
	if set.Request == nil || set.Auth == nil || set.Auth.Type == "" || set.Auth.Type == "none" {
		return gateKey{c.tenant, sumOf("step", c.name, fmt.Sprint(s.n))}, set.Limits != nil
	}
	parts := []string{"caller", hostOf(set.Request.URL)}
	// The text has no secrets in it, so they are listed after it.
	text, err := json.Marshal(set.Auth)
	if err != nil {
		panic("BUG: authentication that came from JSON cannot go back: " + err.Error())
	}
	parts = append(parts, string(text))
	one := hub.Pipeline{Steps: []hub.Step{*set}}
	secrets := one.Secrets()
	for _, pointer := range slices.Sorted(maps.Keys(secrets)) {
		parts = append(parts, pointer, secrets[pointer].Reveal())
	}
	headers := one.HeaderSecrets()
	for _, pointer := range slices.Sorted(maps.Keys(headers)) {
		for _, name := range slices.Sorted(maps.Keys(headers[pointer])) {
			parts = append(parts, pointer, name, headers[pointer][name].Reveal())
		}
	}
	return gateKey{c.tenant, sumOf(parts...)}, true
}

// hostOf is scheme and host of an address as it was written; variables in them are taken literally.
func hostOf(address string) string {
	scheme, rest, found := strings.Cut(address, "://")
	if !found {
		return address
	}
	host := rest
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		host = rest[:end]
	}
	return strings.ToLower(scheme + "://" + host)
}

// sumOf hashes the lengths too, so that no two lists look alike.
func sumOf(parts ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d\x00%s", len(p), p)
	}
	return [sha256.Size]byte(h.Sum(nil))
}
