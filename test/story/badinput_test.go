package story

import (
	"encoding/json"
	"strings"
	"testing"
)

// problem is an error as a caller reads it.
type problem struct {
	Code, Detail, Hint string
	Errors             []struct{ Pointer, Detail string }
}

// Each mistake gets an error that names what is wrong and where, and leaves nothing behind.
func TestBadInputIsRefusedWithItsPlace(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	s.call("PUT", "/v1/event-types/strict", `{"schema":{"type":"object","required":["code"],"properties":{"total":{"type":"number"}}}}`)
	s.call("POST", "/v1/events", `{"type":"a","id":"A-1","data":1}`)

	const toAnywhere = `"url":"https://receiver.example/"`
	endpoint := func(settings string) string { return `{"request":{` + toAnywhere + `},` + settings + `}` }
	for _, c := range []struct {
		name, path, body string
		status           int
		code, at, says   string
	}{
		{"not JSON", "/v1/events", `{"type":"a",data:1}`, 400, "not_json", "", "byte 12"},
		{"body over the limit", "/v1/events", `{"type":"a","data":"` + strings.Repeat("x", 3<<20) + `"}`, 413, "too_large", "", "bytes"},
		{"schema violated, every place", "/v1/events", `{"type":"strict","data":{"total":"12"}}`, 422, "schema_violated", "/data/total", ""},
		{"unknown field", "/v1/events", `{"typ":"a","data":1}`, 422, "invalid", "/typ", `did you mean "type"`},
		{"key with NUL", "/v1/events", `{"type":"a","key":"7\u00008","data":1}`, 422, "invalid", "/key", ""},
		{"time in words", "/v1/events", `{"type":"a","time":"31.1.2026","data":1}`, 422, "invalid", "/time", ""},
		{"same id, other content", "/v1/events", `{"type":"a","id":"A-1","data":2}`, 409, "id_reused", "", "A-1"},

		{"unknown setting", "/v1/endpoints", endpoint(`"retries":{}`), 422, "invalid", "/retries", "retry"},
		{"setting not built yet", "/v1/endpoints", endpoint(`"coalesce":{"by":"key"}`), 422, "not_available", "/coalesce", "not available yet"},
		{"no address", "/v1/endpoints", `{"request":{}}`, 422, "invalid", "/request/url", "missing"},
		{"bad address", "/v1/endpoints", `{"request":{"url":"ftp://receiver.example"}}`, 422, "invalid", "/request/url", "https://"},
		{"port that is none", "/v1/endpoints", `{"request":{"url":"https://receiver.example:99999/"}}`, 422, "invalid", "/request/url", "65535"},
		{"password in the address", "/v1/endpoints", `{"request":{"url":"https://a:b@receiver.example/"}}`, 422, "invalid", "/request/url", "auth"},
		{"variable in the host", "/v1/endpoints", `{"request":{"url":"https://#shop#.example/"}}`, 422, "invalid", "/request/url", "host"},
		{"unparsable condition", "/v1/endpoints", endpoint(`"subscription":{"condition":"num(data.total > 1"}`), 422, "invalid", "/subscription/condition", ")"},
		{"condition without data.", "/v1/endpoints", endpoint(`"subscription":{"condition":"total > 1"}`), 422, "invalid", "/subscription/condition", "data.total"},
		{"broken body", "/v1/endpoints", `{"request":{` + toAnywhere + `,"body":"{\"a\":#a}"}}`, 422, "invalid", "/request/body", "placeholder"},
		{"an interval of zero", "/v1/endpoints", endpoint(`"retry":{"intervals":["5s","0s"]}`), 422, "invalid", "/retry/intervals/1", "100ms to 24h"},
		{"an interval of a year", "/v1/endpoints", endpoint(`"retry":{"intervals":["365d"]}`), 422, "invalid", "/retry/intervals/0", "100ms to 24h"},
		{"an interval without a unit", "/v1/endpoints", endpoint(`"retry":{"intervals":["5s","30"]}`), 422, "invalid", "/retry/intervals/1", "unit"},
		{"a rate without a unit", "/v1/endpoints", endpoint(`"limits":{"rate":"5"}`), 422, "invalid", "/limits/rate", "5/s"},
		{"signing secret too short", "/v1/endpoints", endpoint(`"signature":{"secret":"whsec_YWJj"}`), 422, "invalid", "/signature/secret", "short"},
		{"HMAC secret too short", "/v1/endpoints", endpoint(`"signature":{"schemes":["hmac"],"hmac":[{"header":"X-S","secret":"abc"}]}`), 422, "invalid", "/signature/hmac/0/secret", "short"},
		{"path that leaves the path", "/v1/endpoints/preview", `{"endpoint":{"request":{"url":"https://receiver.example/in/#code#/x"}},"data":{"code":".."}}`, 422, "invalid", "", "leave the path"},
		{"replay of no span", "/v1/endpoints/x/replay", `{"since":"yesterday"}`, 422, "invalid", "/since", "2026-01-31T12:00:00Z"},
	} {
		status, text, err := s.ask("POST", c.path, "application/json", c.body)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var p problem
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Errorf("%s: %d, no problem document: %.200s", c.name, status, text)
			continue
		}
		pointed := c.at == ""
		for _, e := range p.Errors {
			pointed = pointed || e.Pointer == c.at
		}
		if status != c.status || p.Code != c.code || !pointed || !strings.Contains(p.Detail+p.Hint, c.says) || strings.HasPrefix(p.Detail, ":") {
			t.Errorf("%s: got %d %.500s\nwant %d %s at %q with %q", c.name, status, text, c.status, c.code, c.at, c.says)
		}
	}

	// Of a batch, each line stands alone.
	_, text, err := s.ask("POST", "/v1/events/batch", "application/x-ndjson", "{\"type\":\"a\",\"data\":1}\n{\"type\":\"a\",\"data\":\n{\"type\":\"a\",\"data\":2}\n")
	var batch struct {
		Accepted int
		Results  []struct {
			ID    string
			Error *problem
		}
	}
	if err != nil || json.Unmarshal([]byte(text), &batch) != nil || batch.Accepted != 2 || len(batch.Results) != 3 ||
		batch.Results[1].Error == nil || batch.Results[1].Error.Code != "not_json" || batch.Results[2].ID == "" {
		t.Errorf("one bad line of three: %v %s", err, text)
	}
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal([]byte(s.call("GET", "/v1/events", "")), &list); err != nil || len(list.Data) != 3 {
		t.Errorf("%d events are stored, want 3: the first, and two of the batch", len(list.Data))
	}
	if shown := s.call("GET", "/v1/endpoints", ""); !strings.Contains(shown, `"data":[]`) {
		t.Errorf("a refused endpoint was stored: %s", shown)
	}
}
