package hub

import "testing"

// What the hub says about itself goes to those who ask for it by name: a subscription to everything would answer itself.
func TestRule19_TheHubsOwnEventsAreAskedForByName(t *testing.T) {
	for _, own := range []string{"hacek.endpoint.failing", "hacek.endpoint.recovered"} {
		for pattern, want := range map[string]bool{"*": false, "h*": false, "hacek*": false, "hacek.*": true, own: true, "order.*": false} {
			if got := MatchesType(pattern, own); got != want {
				t.Errorf("%s takes %s: %v, want %v", pattern, own, got, want)
			}
		}
	}
}
