package hub

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// endpoint is a valid one with a change.
func endpoint(change func(e *Endpoint)) Endpoint {
	e := DefaultEndpoint()
	e.Name, e.Request.URL = "Sklad", "https://wms.example/in/#order.id#"
	if change != nil {
		change(&e)
	}
	e.Complete()
	return e
}

func pointers(t *testing.T, err error) (Code, []string) {
	t.Helper()
	if err == nil {
		return "", nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v, want *Error", err, err)
	}
	var list []string
	for _, f := range e.Fields {
		list = append(list, f.Pointer)
	}
	return e.Code, list
}

func TestOnlyTheURLIsNeeded(t *testing.T) {
	e := DefaultEndpoint()
	e.Request.URL = "https://wms.example:8443/in"
	e.Complete()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	if e.Name != "wms.example" {
		t.Errorf("name is %q, want the host", e.Name)
	}
}

func TestEveryWrongSettingIsNamed(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		change  func(e *Endpoint)
		pointer string
	}{
		"O4 interval of zero":      {func(e *Endpoint) { e.Retry.Intervals = []Duration{0} }, "/retry/intervals/0"},
		"O4 interval of a year":    {func(e *Endpoint) { e.Retry.Intervals = []Duration{Duration(8760 * time.Hour)} }, "/retry/intervals/0"},
		"O4 too many intervals":    {func(e *Endpoint) { e.Retry.Intervals = slices.Repeat([]Duration{Duration(time.Second)}, 51) }, "/retry/intervals"},
		"O4 jitter":                {func(e *Endpoint) { e.Retry.Jitter = 1.1 }, "/retry/jitter"},
		"no url":                   {func(e *Endpoint) { e.Request.URL = "" }, "/request/url"},
		"url of another scheme":    {func(e *Endpoint) { e.Request.URL = "ftp://x.example/" }, "/request/url"},
		"port above 65535":         {func(e *Endpoint) { e.Request.URL = "https://x.example:65536/" }, "/request/url"},
		"port 0":                   {func(e *Endpoint) { e.Request.URL = "https://x.example:0/" }, "/request/url"},
		"variable in the host":     {func(e *Endpoint) { e.Request.URL = "https://#shop.host#/in" }, "/request/url"},
		"variable in part of host": {func(e *Endpoint) { e.Request.URL = "https://a.#shop.host#/in" }, "/request/url"},
		"user in the url":          {func(e *Endpoint) { e.Request.URL = "https://me:pass@x.example/in" }, "/request/url"},
		"backslash":                {func(e *Endpoint) { e.Request.URL = `https://x.example\@evil.example/` }, "/request/url"},
		"timeout":                  {func(e *Endpoint) { e.Request.Timeout = Duration(2 * time.Minute) }, "/request/timeout"},
		"O6 method":                {func(e *Endpoint) { e.Request.Method = "TRACE" }, "/request/method"},
		"O6 GET with a body":       {func(e *Endpoint) { e.Request.Method, e.Request.Body = "GET", text("{}") }, "/request/payload"},
		"body though none":         {func(e *Endpoint) { e.Request.Payload, e.Request.Body = PayloadNone, text("{}") }, "/request/body"},
		"template without body":    {func(e *Endpoint) { e.Request.Payload = PayloadTemplate }, "/request/body"},
		"C3 fields of a template": {func(e *Endpoint) {
			e.Request.Body, e.Request.Fields = text("{}"), &[]string{"order.code"}
		}, "/request/fields"},
		"reserved header":     {func(e *Endpoint) { e.Request.Headers["Webhook-Id"] = "1" }, "/request/headers/Webhook-Id"},
		"host header":         {func(e *Endpoint) { e.Request.Headers["Host"] = "x" }, "/request/headers/Host"},
		"E7 authorization":    {func(e *Endpoint) { e.Request.Headers["Authorization"] = "Bearer 1" }, "/request/headers/Authorization"},
		"header with a line":  {func(e *Endpoint) { e.Request.Headers["X-A"] = "1\r\nX-B: 2" }, "/request/headers/X-A"},
		"no header name":      {func(e *Endpoint) { e.Request.Headers["X A"] = "1" }, "/request/headers/X A"},
		"header twice":        {func(e *Endpoint) { e.Request.Headers["X-A"], e.Request.Headers["x-a"] = "1", "2" }, "/request/headers/x-a"},
		"concurrency of none": {func(e *Endpoint) { e.Limits.Concurrency = 0 }, "/limits/concurrency"},
		"concurrency":         {func(e *Endpoint) { e.Limits.Concurrency = 1001 }, "/limits/concurrency"},
		"no success":          {func(e *Endpoint) { e.Success.Status = []string{} }, "/success/status"},
		"status":              {func(e *Endpoint) { e.Success.Status = []string{"2xy"} }, "/success/status/0"},
		"star in the middle":  {func(e *Endpoint) { e.Subscription.EventTypes = []string{"order.*", "a*b"} }, "/subscription/event_types/1"},
		"order":               {func(e *Endpoint) { e.Order.By = "date" }, "/order/by"},
		"uid with a slash":    {func(e *Endpoint) { e.UID = text("a/b") }, "/uid"},
		"uid like an id":      {func(e *Endpoint) { e.UID = text("ep_1") }, "/uid"},
		"name with NUL":       {func(e *Endpoint) { e.Name = "a\x00" }, "/name"},
		"E7 unknown auth":     {func(e *Endpoint) { e.Auth.Type = "digest" }, "/auth/type"},
		"E7 bearer, no token": {func(e *Endpoint) { e.Auth.Type = AuthBearer }, "/auth/token"},
		"E7 token of basic": {func(e *Endpoint) {
			e.Auth = Auth{Type: AuthBasic, Username: "a", Password: NewSecret("b"), Token: NewSecret("c")}
		}, "/auth/token"},
		"E7 key in a cookie":    {func(e *Endpoint) { e.Auth = Auth{Type: AuthAPIKey, In: "cookie", Name: "a", Value: NewSecret("b")} }, "/auth/in"},
		"E7 token url":          {func(e *Endpoint) { e.Auth = oauth("https://#host#/token") }, "/auth/token_url"},
		"E7 token url variable": {func(e *Endpoint) { e.Auth = oauth("https://x.example/#path#") }, "/auth/token_url"},
		"E7 short hmac secret": {func(e *Endpoint) {
			e.Signature.Schemes, e.Signature.HMAC = []string{SchemeHMAC}, []HMAC{{Header: "X-Sign", Secret: NewSecret("short")}}
		}, "/signature/hmac/0/secret"},
		"O5 no address":          {func(e *Endpoint) { e.Notify.Failing = []string{"jana"} }, "/notify/failing/0"},
		"O5 an address and more": {func(e *Endpoint) { e.Notify.Disabled = []string{"a@b.cz", "a@b.cz\r\nBcc: c@d.cz"} }, "/notify/disabled/1"},
		"O5 a name beside it":    {func(e *Endpoint) { e.Notify.Recovered = []string{"Jana <a@b.cz>"} }, "/notify/recovered/0"},
		"O5 too many addresses":  {func(e *Endpoint) { e.Notify.Failing = slices.Repeat([]string{"a@b.cz"}, 51) }, "/notify/failing"},
		"O5 never":               {func(e *Endpoint) { e.Notify.AfterFailures = -1 }, "/notify/after_failures"},
		"O5 language":            {func(e *Endpoint) { e.Notify.Language = "xx" }, "/notify/language"},
		"E7 hmac without form":   {func(e *Endpoint) { e.Signature.Schemes = []string{SchemeHMAC} }, "/signature/hmac"},
	} {
		e := endpoint(func(e *Endpoint) {
			e.Request.Headers = map[string]string{}
			c.change(e)
		})
		code, got := pointers(t, e.Validate())
		if code != Invalid || len(got) != 1 || got[0] != c.pointer {
			t.Errorf("%s: got %s %v, want invalid %s", name, code, got, c.pointer)
		}
	}
}

func TestO4_IntervalsOfOnesOwnAreTaken(t *testing.T) {
	for _, text := range []string{`["30s","60s","120s","240s","480s","840s"]`, `["100ms"]`, `["24h"]`, `[]`} {
		e := endpoint(func(e *Endpoint) {
			if err := json.Unmarshal([]byte(text), &e.Retry.Intervals); err != nil {
				t.Fatal(err)
			}
		})
		want := len(e.Retry.Intervals)
		if err := e.Validate(); err != nil || len(e.Retry.Intervals) != want {
			t.Errorf("%s: got %v %v", text, e.Retry.Intervals, err)
		}
	}
	none := endpoint(func(e *Endpoint) { e.Retry.Intervals = nil })
	if len(none.Retry.Intervals) != len(DefaultRetry().Intervals) {
		t.Errorf("absent: got %v, want the default", none.Retry.Intervals)
	}
}

func TestO6_EachOfFiveMethodsIsTaken(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "delete", ""} {
		e := endpoint(func(e *Endpoint) { e.Request.Method = method })
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func TestE7_EveryWayToShowWhoWeAreIsTaken(t *testing.T) {
	s := NewSecret("0123456789abcdef")
	for _, a := range []Auth{
		{Type: AuthNone}, {Type: AuthBearer, Token: s}, {Type: AuthBasic, Username: "a", Password: s, Header: "X-Login"},
		{Type: AuthAPIKey, In: "header", Name: "X-Key", Value: s}, {Type: AuthAPIKey, In: "query", Name: "key", Value: s},
		{Type: AuthOAuth2, TokenURL: "https://id.example/token", ClientID: "a", ClientSecret: s, Scopes: []string{"x"}},
		{Type: AuthExchange, TokenPath: "token", Header: "Authorization: Bearer #token#", Request: &Exchange{
			Method: "POST", URL: "https://id.example/login", Headers: map[string]Secret{"Authorization": s}, Body: s}},
		{Type: AuthCertificate, Certificate: "PEM", Key: s, CA: "PEM"},
	} {
		e := endpoint(func(e *Endpoint) { e.Auth = a })
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", a.Type, err)
		}
	}
	e := endpoint(func(e *Endpoint) {
		e.Signature.Schemes = []string{SchemeStandard, SchemeEd25519, SchemeHMAC}
		e.Signature.HMAC = []HMAC{{Header: "X-Sign", Secret: s}, {Header: "X-Sign-2", Algorithm: "sha1", Encoding: "base64", Signed: "#timestamp#.#body#", Secret: s}}
	})
	if err := e.Validate(); err != nil {
		t.Errorf("hmac: %v", err)
	}
}

func oauth(url string) Auth {
	return Auth{Type: AuthOAuth2, TokenURL: url, ClientID: "a", ClientSecret: NewSecret("b")}
}

func TestWhatIsNotBuiltIsRefused(t *testing.T) {
	for pointer, change := range map[string]func(e *Endpoint){
		"/coalesce":      func(e *Endpoint) { e.Coalesce = json.RawMessage(`true`) },
		"/batch":         func(e *Endpoint) { e.Batch = json.RawMessage(`{"max":10}`) },
		"/window":        func(e *Endpoint) { e.Window = json.RawMessage(`{}`) },
		"/expires_after": func(e *Endpoint) { e.ExpiresAfter = json.RawMessage(`"1h"`) },
	} {
		e := endpoint(change)
		code, got := pointers(t, e.Validate())
		if code != NotAvailable || len(got) != 1 || got[0] != pointer {
			t.Errorf("%s: got %s %v, want not_available", pointer, code, got)
		}
	}
	e := endpoint(func(e *Endpoint) { e.Batch, e.Window = json.RawMessage("null"), json.RawMessage("null") })
	if err := e.Validate(); err != nil {
		t.Errorf("null was refused: %v", err)
	}
}

func TestE4_TheBodyChoosesTheMethodUnlessOneIsSet(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		change        func(r *Request)
		payload, verb string
	}{
		"nothing":        {func(r *Request) {}, PayloadStandard, "POST"},
		"own body":       {func(r *Request) { r.Body = text("{}") }, PayloadTemplate, "POST"},
		"no body":        {func(r *Request) { r.Payload = PayloadNone }, PayloadNone, "GET"},
		"GET":            {func(r *Request) { r.Method = "get" }, PayloadNone, "GET"},
		"DELETE":         {func(r *Request) { r.Method, r.Payload = "DELETE", PayloadNone }, PayloadNone, "DELETE"},
		"PUT with body":  {func(r *Request) { r.Method, r.Body = "PUT", text("{}") }, PayloadTemplate, "PUT"},
		"PATCH standard": {func(r *Request) { r.Method = "PATCH" }, PayloadStandard, "PATCH"},
		"POST, no body":  {func(r *Request) { r.Method, r.Payload = "POST", PayloadNone }, PayloadNone, "POST"},
	} {
		e := endpoint(func(e *Endpoint) { c.change(&e.Request) })
		if err := e.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if e.Request.Payload != c.payload || e.Request.Verb() != c.verb {
			t.Errorf("%s: got %s by %s, want %s by %s", name, e.Request.Payload, e.Request.Verb(), c.payload, c.verb)
		}
	}
}

func TestRule20_NoErrorRepeatsASecret(t *testing.T) {
	const secret = "s3cr\x00et-planted"
	e := endpoint(func(e *Endpoint) {
		s := NewSecret(secret)
		e.Request.URL = "https://user:s3cr-planted@x.example/"
		e.Auth = Auth{Type: AuthExchange, Token: s, Password: s, Value: s, ClientSecret: s, Key: s,
			Request: &Exchange{URL: "https://a:s3cr-planted@x/", Body: s, Headers: map[string]Secret{"X-A": s}}}
		e.Signature.Schemes = []string{SchemeHMAC}
		e.Signature.HMAC = []HMAC{{Header: "X-S", Secret: NewSecret("s3cr-planted")}}
	})
	err := e.Validate()
	raw, _ := json.Marshal(err)
	if err == nil || strings.Contains(string(raw), "planted") {
		t.Errorf("got %s", raw)
	}
}

func TestOriginIsSchemeHostAndPort(t *testing.T) {
	for address, want := range map[string]string{
		"https://WMS.example/in/#a#":   "https://wms.example:443",
		"https://wms.example.:443?#a#": "https://wms.example:443",
		"http://wms.example":           "http://wms.example:80",
		"http://[::1]:8080/x":          "http://[::1]:8080",
		"https://wms.example:8443":     "https://wms.example:8443",
		"https://a%2e/":                "",
		"//wms.example":                "",
		"https://":                     "",
		"https://a b/":                 "",
	} {
		got, err := Origin(address)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q %v, want %q", address, got, err, want)
		}
	}
}
