package ingest_test

import (
	"testing"

	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// An event that has passed too many hubs is going round, and the hub's own events are nobody else's to publish.
func TestRule19_LoopsEnd(t *testing.T) {
	eachStore(t, func(s *story) {
		for name, c := range map[string]struct {
			in    ingest.Input
			taken bool
		}{
			"ten hubs":                     {ingest.Input{Type: "a", Hops: 10}, true},
			"eleven hubs":                  {ingest.Input{Type: "a", Hops: 11}, false},
			"of the hub, by somebody else": {ingest.Input{Type: "hacek.endpoint.failing"}, false},
			"of the hub":                   {ingest.Input{Type: "hacek.endpoint.failing", Own: true}, true},
		} {
			c.in.Data = []byte(`{}`)
			got := s.Publish(s.ctx, tenant, c.in)[0]
			if (got.Err == nil) != c.taken || got.Err != nil && hub.CodeOf(got.Err) != hub.Invalid {
				t.Errorf("%s: %v, taken %v", name, got.Err, c.taken)
			}
		}
	})
}
