package apitest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// answers is a server that says one thing.
type answers struct {
	status      int
	contentType string
	body        string
}

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.contentType}}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

func TestBrokenAnswersAreCaught(t *testing.T) {
	const list, problem = `{"data":[],"next_cursor":null}`, `{"type":"about:blank","title":"t","status":404,"detail":"d","code":"not_found","hint":"","errors":[]}`
	for _, c := range []struct {
		name, path string
		answer     answers
		broken     bool
	}{
		{"as promised", "/v1/endpoints", answers{200, "application/json", list}, false},
		{"below a tenant", "/v1/tenants/t/endpoints", answers{200, "application/json", list}, false},
		{"a problem", "/v1/endpoints", answers{404, "application/problem+json", problem}, false},
		{"nothing there", "/v1/nothing", answers{404, "application/problem+json", problem}, false},
		{"a member too many", "/v1/endpoints", answers{200, "application/json", `{"data":[],"next_cursor":null,"x":1}`}, true},
		{"a member missing", "/v1/endpoints", answers{200, "application/json", `{"data":[]}`}, true},
		{"another status", "/v1/endpoints", answers{201, "application/json", list}, true},
		{"another content type", "/v1/endpoints", answers{200, "text/html", list}, true},
		{"not JSON", "/v1/endpoints", answers{200, "application/json", `{`}, true},
		{"an error without form", "/v1/endpoints", answers{500, "application/problem+json", `{"status":500}`}, true},
		{"served but not promised", "/v1/nothing", answers{200, "application/json", `{}`}, true},
	} {
		r, err := New()
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), "GET", "http://hub"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := r.Transport(c.answer).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if broken := len(r.Violations()) > 0; broken != c.broken {
			t.Errorf("%s: broken is %v: %q", c.name, broken, r.Violations())
		}
	}
}

// A planted secret is an answer's fault wherever nobody asked for it.
func TestPlantedSecretsInAnswersAreCaught(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		caught             bool
	}{
		{"GET", "/v1/endpoints/a", `{"auth":{"token":"planted-1"}}`, true},
		{"PATCH", "/v1/endpoints/a", `{"signature":{"secret":"whsec_cGxhbnRlZC0x"}}`, true},
		{"GET", "/v1/nothing", `{"detail":"planted-1"}`, true},
		{"GET", "/v1/endpoints/a/secret", `{"secret":"whsec_cGxhbnRlZC0x"}`, false},
		{"POST", "/v1/endpoints", `{"signature":{"secret":"whsec_cGxhbnRlZC0x"}}`, false},
	} {
		r, err := New()
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), c.method, "http://hub"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := r.Transport(answers{200, "application/json", c.body}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if caught := strings.Contains(strings.Join(r.Violations(), " "), "planted secret"); caught != c.caught {
			t.Errorf("%s %s: caught is %v: %q", c.method, c.path, caught, r.Violations())
		}
	}
}

func TestWhatNobodyTriedIsNamed(t *testing.T) {
	r, err := New()
	if err != nil {
		t.Fatal(err)
	}
	before := r.Missing()
	after := func(answer answers) []string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), "POST", "http://hub/v1/endpoints?x=1", strings.NewReader(`{"name":"a","retry":{"jitter":0}}`))
		if err != nil {
			t.Fatal(err)
		}
		response, err := r.Transport(answer).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return r.Missing()
	}
	refused := after(answers{422, "application/problem+json", ""})
	granted := after(answers{201, "application/json", "{}"})
	for _, text := range []string{
		"operation createEndpoint was never called",
		"property #/components/schemas/Endpoint/properties/name was never set",
		"property #/components/schemas/Endpoint/properties/retry/properties/jitter was never set",
	} {
		if !slices.Contains(before, text) || !slices.Contains(refused, text) || slices.Contains(granted, text) {
			t.Errorf("%q: before %v, after a refusal %v, after a success %v", text,
				slices.Contains(before, text), slices.Contains(refused, text), slices.Contains(granted, text))
		}
	}
	if still := "property #/components/schemas/Endpoint/properties/retry/properties/intervals was never set"; !slices.Contains(granted, still) {
		t.Errorf("%q is not named", still)
	}
}
