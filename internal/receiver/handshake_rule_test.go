package receiver_test

import (
	"testing"

	"hacek/internal/settings"
)

// What the settings do not name matches nothing, also not an empty text.
func TestRule5_ATokenThatIsNotSetMatchesNothing(t *testing.T) {
	g := onSQLite(t)
	g.providers["asks"] = provider("asks", bodyScheme, verifyTo)
	for no, given := range []map[string]string{nil, {"verify_token": ""}} {
		g.source(int64(no+1), func(s *settings.Source) { s.Verify.Scheme, s.Verify.Settings = "asks", given })
		for _, query := range []string{"&hub.verify_token=", "", "&hub.verify_token=x"} {
			if got := g.send("GET", "/in/shop?hub.mode=subscribe&hub.challenge=1158201444"+query, nil, nil); got.status != 403 || got.body == "1158201444" {
				t.Errorf("settings %v, question %q: answered %d %q", given, query, got.status, got.body)
			}
		}
	}
}
