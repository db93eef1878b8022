package receiver_test

import (
	"net/http"
	"strings"
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

// Where the answer is signed with the source's secret, the question must be signed itself.
func TestRule5_ASignedHandshakeIsVerifiedFirst(t *testing.T) {
	g := onSQLite(t)
	g.providers["signs"] = provider("signs", bodyScheme, reply)
	g.source(1, func(s *settings.Source) { s.Verify.Scheme = "signs" })
	const question = `{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}`
	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"unsigned":            {http.Header{"Content-Type": {"application/json"}}, 401},
		"signed by another":   {signed(question, "another"), 401},
		"signed for another":  {signed(question+" ", secret), 401},
		"signed by its owner": {signed(question, secret), 200},
	} {
		got := g.send("POST", "/in/shop", c.header, strings.NewReader(question))
		if got.status != c.status || strings.Contains(got.body, "encryptedToken") != (c.status == 200) {
			t.Errorf("%s: answered %d %q", name, got.status, got.body)
		}
	}
}
