package sender

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
)

func TestC3_PostsTheEnvelopeSigned(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	secret := signature.NewSecret()
	c := compile(t, fmt.Sprintf(`{"name":"WMS","request":{"url":"%s/in"},"signature":{"schemes":["standard-webhooks"],"secret":"%s"}}`, r.URL, secret))
	call := newCall(order)
	call.Now = time.Now()
	a := send(t, s, c, call)
	wantResult(t, a, hub.Succeeded)
	got := r.last(t)
	id := call.Event.ID.Text(hub.EventPrefix)
	want := `{"id":"` + id + `","type":"order.created","time":"2026-03-04T05:06:07.000Z","key":"2018000057","data":` + order + `}`
	if got.Method != "POST" || got.URI != "/in" || string(got.Body) != want {
		t.Errorf("got %s %s\n%s\nwant\n%s", got.Method, got.URI, got.Body, want)
	}
	h := got.Header
	if err := signature.VerifyStandard(secret, h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), got.Body, time.Now()); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"Webhook-Id": id, "Hacek-Delivery": "dlv_1", "Hacek-Attempt": "att_1", "Hacek-Hops": "1", "Content-Type": "application/json", "User-Agent": "hacek",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	sent := a.Request
	if shown := string(sent.Body[sent.DataAt : sent.DataAt+sent.DataLen]); shown != order {
		t.Errorf("the evidence finds the data at the wrong place: %s", shown)
	}
	if a.N != 1 || a.Status != 200 || a.SettingsVersion != 7 || a.Took <= 0 || a.Timing.FirstByte <= 0 || !strings.HasPrefix(a.Peer.Address, "127.0.0.1:") {
		t.Errorf("the attempt lacks evidence: %+v", a)
	}
}

func TestC3_P3_N6_ChosenFieldsAttributesAndTheBareFact(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	for _, c := range []struct{ request, want string }{
		{`"fields":["order.id","order.total","lines[].quantity"]`, `,"data":{"order":{"id":12345678901234567890,"total":1234.50},"lines":[{"quantity":2},{"quantity":1}]}}`},
		{`"fields":[]`, `,"key":"2018000057"}`},
		{`"fields":["order.code"],"attributes":{"mandant":"01","café":"\"x\""}`, `,"data":{"order":{"code":"2018000057"}},"attributes":{"café":"\"x\"","mandant":"01"}}`},
	} {
		wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s",%s}}`, r.URL, c.request)), newCall(order)), hub.Succeeded)
		if got := string(r.last(t).Body); !strings.HasSuffix(got, c.want) || !json.Valid([]byte(got)) {
			t.Errorf("%s: got %s, want ...%s", c.request, got, c.want)
		}
	}
}

func TestC3_LargeAndSmallBodiesOnOneConnection(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL))
	for _, size := range []int{10, maxWriteBuffer - 300, maxWriteBuffer, maxWriteBuffer + 1, 1 << 20, 10} {
		data := `"` + strings.Repeat("x", size) + `"`
		wantResult(t, send(t, s, c, newCall(data)), hub.Succeeded)
		if got := string(r.last(t).Body); !strings.HasSuffix(got, `"data":`+data+`}`) {
			t.Errorf("%d bytes: %d arrived", size, len(got))
		}
	}
}

func TestO6_CompressedBodiesAreSignedAsSent(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	secret := signature.NewSecret()
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s","compress":true},"signature":{"secret":"%s"}}`, r.URL, secret))
	wantResult(t, send(t, s, c, newCall(order)), hub.Succeeded)
	got := r.last(t)
	z, err := gzip.NewReader(bytes.NewReader(got.Body))
	if err != nil || got.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, %v", err, got.Header)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !strings.HasSuffix(string(plain), `"data":`+order+`}`) {
		t.Errorf("got %s, %v", plain, err)
	}
	h := got.Header
	if err := signature.VerifyStandard(secret, h.Get("webhook-id"), h.Get("webhook-timestamp"), h.Get("webhook-signature"), got.Body, time.Now()); err != nil {
		t.Error(err)
	}
}

// The call of a joinery's ERP: what happened stands in the address, the record in the body.
func TestP4_TwoPartCall(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"name":"Zeiterfassung & Büro",
		"subscription":{"event_types":["order.*"],"condition":"num(data.order.total) > 100.0"},
		"request":{"url":"%s/hook?fix=1","table":"auftrag","query":{"hook":"#endpoint.name#","ereignis":"#event.type#","tabelle":"#endpoint.table#","bedingung":"#endpoint.condition#","mandant":"#attributes.mandant#"},
		"fields":["order.code","order.total"],"attributes":{"mandant":"01"}}}`, r.URL))
	a := send(t, s, c, newCall(order))
	wantResult(t, a, hub.Succeeded)
	got := r.last(t)
	u, err := url.Parse(got.URI)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"fix": "1", "hook": "Zeiterfassung & Büro", "ereignis": "order.created", "tabelle": "auftrag", "bedingung": "num(data.order.total) > 100.0", "mandant": "01",
	} {
		if got := u.Query().Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if want := "/hook?fix=1&bedingung="; !strings.HasPrefix(got.URI, want) {
		t.Errorf("parameters are not appended in order of their names: %s", got.URI)
	}
	if want := `"data":{"order":{"code":"2018000057","total":1234.50}},"attributes":{"mandant":"01"}}`; !strings.HasSuffix(string(got.Body), want) || got.Method != "POST" {
		t.Errorf("got %s %s, want ...%s", got.Method, got.Body, want)
	}
}

func TestP5_PreviewIsWhatWillBeSent(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"name":"x","request":{"url":"%s/#order.code#","body":"{\"n\":#order.total#}","headers":{"X-Key":"#event.key#"}},"auth":{"type":"bearer","token":"planted-geheim"}}`, r.URL))
	call := newCall(order)
	call.Now = time.Now()
	shown, err := s.Preview(c, call)
	if err != nil {
		t.Fatal(err)
	}
	if r.count() != 0 {
		t.Error("a preview called the receiver")
	}
	sent := send(t, s, c, call).Request
	if shown.URL != sent.URL || !bytes.Equal(shown.Body, sent.Body) || shown.Method != sent.Method || fmt.Sprint(shown.Headers) != fmt.Sprint(sent.Headers) {
		t.Errorf("preview %+v\nsent %+v", shown, sent)
	}
	if text := fmt.Sprint(shown); strings.Contains(text, "geheim") || !strings.Contains(text, "Bearer ***") {
		t.Errorf("the preview shows the token: %s", text)
	}
	if string(shown.Body) != `{"n":1234.50}` {
		t.Errorf("got %s", shown.Body)
	}
}

func TestE3_N6_VariablesInEveryPlace(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s/o/#order.id#/#lines[1].sku#?mail=#customer.email#","query":{"a b":"#customer.name#"},
		"headers":{"X-Shop":"shop-#event.source#","X-None":"#nothing#"},
		"body":"{\"id\":#order.id#,\"who\":\"#customer.name#\",\"note\":\"#order.note#\",\"none\":\"#nothing#\",\"raw\":#nothing#}"}}`, r.URL))
	a := send(t, s, c, newCall(order))
	wantResult(t, a, hub.Succeeded)
	got := r.last(t)
	if want := "/o/12345678901234567890/B%2F2?mail=a%2Bb%40example.cz&a%20b=%C5%BDlu%C5%A5ou%C4%8Dk%C3%BD%20%26%20syn"; got.URI != want {
		t.Errorf("got  %s\nwant %s", got.URI, want)
	}
	if want := `{"id":12345678901234567890,"who":"Žluťoučký & syn","note":"řekl \"ahoj\"\na šel","none":"","raw":""}`; string(got.Body) != want {
		t.Errorf("got  %s\nwant %s", got.Body, want)
	}
	if got.Header.Get("X-Shop") != "shop-Shoptet" || got.Header.Get("X-None") != "" {
		t.Errorf("headers %v", got.Header)
	}
	if n := len(r.last(t).Header["X-None"]); n != 1 {
		t.Errorf("an empty header is sent %d times, want once", n)
	}
}

func TestE3_WhatAMissingVariableBecomes(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	for _, c := range []struct{ missing, uri, body, header string }{
		{"empty", "/?a=&b=1", `{"x":"","y":""}`, `[""]`},
		{"null", "/?a=&b=1", `{"x":null,"y":null}`, `[""]`},
		{"omit", "/?b=1", `{}`, `[]`},
	} {
		settings := fmt.Sprintf(`{"request":{"url":"%s/","query":{"a":"#none#","b":"1"},"headers":{"X-A":"#none#"},"body":"{\"x\":\"#none#\",\"y\":#none#}","missing":"%s"}}`, r.URL, c.missing)
		wantResult(t, send(t, s, compile(t, settings), newCall(order)), hub.Succeeded)
		got := r.last(t)
		header := fmt.Sprintf("%q", got.Header["X-A"])
		if got.URI != c.uri || string(got.Body) != c.body || header != c.header {
			t.Errorf("%s: got %s %s %s, want %s %s %s", c.missing, got.URI, got.Body, header, c.uri, c.body, c.header)
		}
	}
	before := r.count()
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s/","query":{"a":"#order.none#"},"missing":"fail"}}`, r.URL))
	a := send(t, s, c, newCall(order))
	wantResult(t, a, hub.RenderFailed)
	if !strings.Contains(a.Error, "order.none") || r.count() != before {
		t.Errorf("got %q, and %d calls", a.Error, r.count()-before)
	}
	if w := c.Warnings(newCall(order)); len(w) != 1 || w[0].Pointer != "/request/query/a" || !strings.Contains(w[0].Detail, "order.none") {
		t.Errorf("warnings at save: %+v", w)
	}
}

func TestE4_PostWithABodyGetWithout(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	for _, c := range []struct{ request, method, body string }{
		{`"payload":"none"`, "GET", ""},
		{`"body":"{}"`, "POST", "{}"},
		{`"payload":"none","method":"DELETE"`, "DELETE", ""},
		{`"body":"{\"a\":1}","method":"PUT"`, "PUT", `{"a":1}`},
		{`"body":"{\"a\":1}","method":"PATCH"`, "PATCH", `{"a":1}`},
		{`"payload":"none","method":"POST"`, "POST", ""},
		{`"method":"GET"`, "GET", ""},
	} {
		wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s/x",%s}}`, r.URL, c.request)), newCall(order)), hub.Succeeded)
		got := r.last(t)
		if got.Method != c.method || string(got.Body) != c.body {
			t.Errorf("%s: got %s %q", c.request, got.Method, got.Body)
		}
		if c.body == "" && got.Header.Get("Content-Type") != "" {
			t.Errorf("%s: a content type without content", c.request)
		}
	}
}

func TestE5_OtherContentTypesAndCharsets(t *testing.T) {
	r := newReceiver(t)
	s, _ := newSender(t)
	for _, c := range []struct{ request, contentType, body string }{
		{`"content_type":"text/xml","body":"<o n=\"#order.code#\">#customer.name#</o>"`, "text/xml; charset=utf-8", `<o n="2018000057">Žluťoučký &amp; syn</o>`},
		{`"content_type":"application/x-www-form-urlencoded","body":"a=#customer.name#&b=#order.code#"`, "application/x-www-form-urlencoded; charset=utf-8", "a=%C5%BDlu%C5%A5ou%C4%8Dk%C3%BD+%26+syn&b=2018000057"},
		{`"content_type":"text/plain","body":"#customer.name#"`, "text/plain; charset=utf-8", "Žluťoučký & syn"},
		{`"content_type":"text/plain","charset":"windows-1250","body":"#customer.name#"`, "text/plain; charset=windows-1250", "\x8elu\x9dou\xe8k\xfd & syn"},
		{`"content_type":"text/plain; charset=iso-8859-2","body":"#customer.name#"`, "text/plain; charset=iso-8859-2", "\xaelu\xbbou\xe8k\xfd & syn"},
		{`"content_type":"application/x-www-form-urlencoded","charset":"windows-1250","body":"a=#customer.name#"`, "application/x-www-form-urlencoded; charset=windows-1250", "a=%8Elu%9Dou%E8k%FD+%26+syn"},
		{`"content_type":"application/vnd.api+json","body":"{\"a\":\"#customer.name#\"}"`, "application/vnd.api+json", `{"a":"Žluťoučký & syn"}`},
	} {
		wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s/x",%s}}`, r.URL, c.request)), newCall(order)), hub.Succeeded)
		got := r.last(t)
		if got.Header.Get("Content-Type") != c.contentType || strings.ReplaceAll(string(got.Body), "%20", "+") != c.body {
			t.Errorf("%s:\ngot  %s %q\nwant %s %q", c.request, got.Header.Get("Content-Type"), got.Body, c.contentType, c.body)
		}
	}
	a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s/x","content_type":"text/plain","charset":"windows-1250","body":"#name#"}}`, r.URL)), newCall(`{"name":"日本"}`))
	wantResult(t, a, hub.RenderFailed)
	if !strings.Contains(a.Error, "日") || !strings.Contains(a.Error, "windows-1250") {
		t.Errorf("the character is not named: %s", a.Error)
	}
}

func TestO6_EveryMistakeIsPointedAt(t *testing.T) {
	bad := endpoint(t, `{"request":{"method":"FETCH","url":"http://#order.host#/","query":{"a":"#each x#"},"headers":{"Host":"a","webhook-id":"x","X Y":"1","X-Ok":"a"},"body":"{\"a\":","charset":"klingon","missing":"perhaps","timeout":"10m"},
		"auth":{"type":"basic","header":"X-ok"},"signature":{"schemes":["standard-webhooks","rot13"],"secret":"whsec_c2hvcnQ="},"success":{"status":["2xx","999"],"condition":"response.status ="}}`)
	_, err := Compile(bad, 1)
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != hub.Invalid {
		t.Fatalf("got %v", err)
	}
	got := map[string]string{}
	for _, f := range e.Fields {
		got[f.Pointer] = f.Detail
	}
	for _, pointer := range []string{
		"/request/method", "/request/url", "/request/query/a", "/request/headers/Host", "/request/headers/webhook-id", "/request/headers/X Y", "/request/headers/X-Ok",
		"/request/body", "/request/charset", "/request/missing", "/request/timeout", "/auth/username", "/signature/secret", "/signature/schemes/1", "/success/status/1", "/success/condition",
	} {
		if got[pointer] == "" {
			t.Errorf("nothing points at %s", pointer)
		}
		delete(got, pointer)
	}
	for pointer, detail := range got {
		t.Errorf("unexpected: %s %s", pointer, detail)
	}
}

func TestN5_SuccessRule(t *testing.T) {
	s, _ := newSender(t)
	for _, c := range []struct {
		name, success string
		status        int
		body          string
		want          hub.Result
		final         bool
		says          string
	}{
		{"default", `{}`, 204, "", hub.Succeeded, false, ""},
		{"default refuses 404", `{}`, 404, "", hub.Refused, false, "404 Not Found"},
		{"409 is a success", `{"status":["2xx","409"]}`, 409, "", hub.Succeeded, false, ""},
		{"only 200", `{"status":["200"]}`, 201, "", hub.Refused, false, "201"},
		{"200 with ERROR inside", `{"condition":"response.json.state == 'ok'"}`, 200, `{"state":"ERROR"}`, hub.Refused, false, "ERROR"},
		{"200 with ok inside", `{"condition":"response.json.state == 'ok'"}`, 200, `{"state":"ok"}`, hub.Succeeded, false, ""},
		{"a page instead of JSON", `{"condition":"response.json.state == 'ok'"}`, 200, `<html>`, hub.Refused, false, "could not be judged"},
		{"XML", `{"condition":"response.xml.result.state == 'done' && response.xml.result['@code'] == '0'"}`, 200, `<?xml version="1.0"?><r:result xmlns:r="u" code="0"><r:state>done</r:state></r:result>`, hub.Succeeded, false, ""},
		{"text", `{"condition":"response.body.startsWith('OK')"}`, 200, "OK 17", hub.Succeeded, false, ""},
		{"header", `{"condition":"response.headers['x-state'] == 'fine'"}`, 200, "", hub.Succeeded, false, ""},
		{"final by status", `{"final":[{"status":["422"]}]}`, 422, "", hub.Refused, true, ""},
		{"final by content", `{"final":[{"status":["4xx"],"condition":"response.json.code == 17"}]}`, 400, `{"code":17}`, hub.Refused, true, ""},
		{"not final by content", `{"final":[{"status":["4xx"],"condition":"response.json.code == 17"}]}`, 400, `{"code":18}`, hub.Refused, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-State", "fine")
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			})
			a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"success":%s}`, r.URL, c.success)), newCall(order))
			wantResult(t, a, c.want)
			if a.Final != c.final || !strings.Contains(a.Error, c.says) {
				t.Errorf("final %v, %q; want %v, %q", a.Final, a.Error, c.final, c.says)
			}
		})
	}
}

func TestO4_RetryAfterInBothForms(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, " 5 ": 5 * time.Second, "-3": 0, "99999999": hub.LongestWait, "": 0, "soon": 0,
		"Wed, 04 Mar 2026 05:16:07 GMT": 10 * time.Minute, "Wed, 04 Mar 2020 05:16:07 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(503)
	})
	s, _ := newSender(t)
	if a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL)), newCall(order)); a.RetryAfter != 7*time.Second {
		t.Errorf("got %s", a.RetryAfter)
	}
}

func TestStoppingInterrupts(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	r := newReceiver(t, func(http.ResponseWriter, *http.Request) { close(arrived); <-release })
	s, _ := newSender(t)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-arrived; cancel() }()
	a := s.Send(ctx, compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL)), newCall(order))
	wantResult(t, a, hub.Interrupted)
	if a.Took > 5*time.Second {
		t.Errorf("stopping waited %s for the receiver", a.Took)
	}
}

// A connection stays registered with a context that outlives its calls; the end of that one interrupts the call under
// way, and whoever comes with another context is not disturbed by it.
func TestStoppingInterruptsAConnectionUsedBefore(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	hang := func(http.ResponseWriter, *http.Request) { close(arrived); <-release }
	r := newReceiver(t, answers(200, "ok"), answers(200, "ok"), hang, answers(200, "ok"), answers(200, "ok"))
	s, _ := newSender(t)
	compiled := compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL))
	call := newCall(order)
	call.Lasting = true
	ctx, cancel := context.WithCancel(context.Background())
	for range 2 {
		wantResult(t, s.Send(ctx, compiled, call), hub.Succeeded)
	}
	go func() { <-arrived; cancel() }()
	a := s.Send(ctx, compiled, call)
	wantResult(t, a, hub.Interrupted)
	if a.Took > 5*time.Second {
		t.Errorf("stopping waited %s for the receiver", a.Took)
	}
	wantResult(t, s.Send(ctx, compiled, call), hub.Interrupted)
	another, end := context.WithCancel(context.Background())
	wantResult(t, s.Send(another, compiled, call), hub.Succeeded)
	end()
	wantResult(t, send(t, s, compiled, call), hub.Succeeded)
}
