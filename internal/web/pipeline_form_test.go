package web_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"hacek/internal/hub"
)

// wholePipeline has every setting that the API knows of a pipeline and its steps, none as it is by default.
const wholePipeline = `{"name":"Orders","uid":"erp-orders","active":false,"description":"two\nlines","labels":{"team":"a","x=y":"b"},"unverified":true,
	"subscription":{"event_types":["order.created"],"sources":["api"],"channels":["shop-cz","shop-sk"],"condition":"num(data.total) > 5.0"},
	"success":{"status":["2xx","409"],"condition":"response.status != 204","final":[{"status":["400"]},{"status":["409","5xx"],"condition":"response.json.a == 7"}]},
	"retry":{"intervals":["5s","1h30m"],"jitter":0.3},"order":{"by":"all","stuck":{"set_aside_after":4}},"limits":{"rate":"20/m","concurrency":3},"disable_after":"3d",
	"notify":{"failing":["a@example.com"],"disabled":["b@example.com"],"recovered":["c@example.com"],"after_failures":7,"language":"cs"},
	"steps":[
	{"type":"validate","name":"Check","schema":{"type":"object"}},
	{"type":"fetch","name":"Detail","as":"order","request":{"method":"POST","url":"https://shop.example/orders/#event.key#","query":{"q":"#total#"},"headers":{"X-A":"1: 2"},"payload":"template",
		"body":"{\"a\": \"#b#\"}\n","content_type":"application/xml","charset":"iso-8859-2","attributes":{"a":"line one\nline two"},"missing":"null","timeout":"3s","compress":true},
		"auth":{"type":"exchange","request":{"method":"GET","url":"https://id.example/login","headers":{"X-Key":"planted-1"},"body":"planted-2","content_type":"text/plain"},
			"token_path":"token","expires_path":"in","header":"Authorization: Bearer #token#","ca":""},
		"success":{"status":["200"],"condition":"response.json.ok","final":[{"status":["404"]}]},"limits":{"rate":"3/s","concurrency":2},
		"again":{"status":["404","423"],"version":"data.changeTime","every":"5s","for":"1m"}},
	{"type":"map","as":"row","fields":{"state":"#order.status#"},"tables":{"state":"states"}},
	{"type":"upsert","name":"Write","as":"written","connection":"Money","table":"orders","key":["number"],"newer":"state","columns":{"number":"#event.key#","state":"#row.state#","warehouse":"A1"}},
	{"type":"request","as":"sent","request":{"url":"https://wms.example/in","fields":["total","lines[].sku"],"table":"orders"},"auth":{"type":"bearer","token":"planted-3"},"limits":{"concurrency":1}},
	{"type":"confirm","as":"seen","request":{"url":"https://wms.example/seen/#event.key#"},"auth":{"type":"basic","username":"u","password":"planted-4","header":"X-Login"},"until":"response.json.done","every":"10s","for":"10m"},
	{"type":"request","request":{"url":"https://wms.example/bare"}},
	{"type":"mail","to":["#order.email#","b@example.com"],"subject":"S","body":"T","language":"cs","reply_to":"shop@example.com","domains":["example.com"]},
	{"type":"publish","as":"told","event":{"type":"order.booked","key":"#event.key#","data":{"row":"#row#"}}},
	{"type":"wait","for":"30s"}]}`

// asMade is a pipeline from the API's own form.
func (h *house) asMade(text string) hub.Target {
	h.Helper()
	h.erp()
	h.settings.MailReady = true
	h.table(h.tenant, `{"name":"states","entries":{}}`)
	p := hub.DefaultPipeline()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		h.Fatal(err)
	}
	made, err := h.settings.CreatePipeline(h.Context(), h.tenant.No, p, byTest)
	if err != nil {
		h.Fatal(err)
	}
	return made
}

func (h *house) thePipeline(name string) hub.Target {
	h.Helper()
	t, err := h.settings.Pipeline(h.Context(), h.tenant.No, name)
	if err != nil {
		h.Fatal(err)
	}
	return t
}

// Whatever the API can set, the forms of a pipeline and of its steps show without changing it, and keep its secrets.
func TestE8_SavingTheFormsOfAPipelineUntouchedChangesNothing(t *testing.T) {
	h, b := editor(t)
	made := h.asMade(wholePipeline)
	path := pathOf(made)
	pages := []string{"/edit"}
	for n := range made.Pipeline.Steps {
		pages = append(pages, "/steps/"+strconv.Itoa(n+1))
	}
	for _, page := range pages {
		b.get(path + page).want(http.StatusOK).hasNot("planted")
		b.submit(path+page, "do", "save").want(http.StatusSeeOther)
		if after := h.thePipeline("Orders"); after.Version != 1 {
			was, _ := json.Marshal(made.Pipeline)
			is, _ := json.Marshal(after.Pipeline)
			t.Fatalf("%s changed the pipeline:\n %s\n %s", page, was, is)
		}
	}
	for _, page := range pages[1:] {
		b.submit(path+page, "do", "save", "step_name", "Renamed").want(http.StatusSeeOther)
	}
	after := h.thePipeline("Orders")
	for pointer, secret := range made.Pipeline.Secrets() {
		if is := after.Pipeline.Secrets()[pointer]; is == nil || is.Reveal() != secret.Reveal() {
			t.Errorf("the secret at %s was not kept", pointer)
		}
	}
	if after.Version != made.Version+int64(len(pages))-1 || after.Pipeline.Steps[1].Auth.Request.Headers["X-Key"].Reveal() != "planted-1" {
		t.Errorf("version %d, steps %+v", after.Version, after.Pipeline.Steps)
	}
}

// What the API makes in one call, a person makes on the forms.
func TestTheFormsOfAPipelineSetWhatTheAPICan(t *testing.T) {
	h, b := editor(t)
	want := h.asMade(wholePipeline).Pipeline
	if err := h.settings.DeleteTarget(t.Context(), h.tenant.No, hub.KindPipeline, "Orders", "", byTest); err != nil {
		t.Fatal(err)
	}
	b.post("/pipelines/new", "name", "Orders").want(http.StatusSeeOther)
	path := pathOf(h.thePipeline("Orders"))
	b.submit(path+"/edit", "uid", "erp-orders", "description", "two\nlines", "labels", "team=a", "unverified", "on", "events", "order.created", "sources", "api",
		"channels", "shop-cz\nshop-sk", "success", "2xx, 409", "success_condition", "response.status != 204", "final", "400\n409, 5xx: response.json.a == 7",
		"retries", "5s, 1h30m", "jitter", "30", "order_by", "all", "set_aside", "4", "rate", "20/m", "concurrency", "3", "disable_after", "3d",
		"notify_failing", "a@example.com", "notify_disabled", "b@example.com", "notify_recovered", "c@example.com", "after_failures", "7", "notify_language", "cs").want(http.StatusSeeOther)
	add := func(kind string, fields ...string) {
		t.Helper()
		page := path + "/steps/new"
		form := formOf(t, b.get(page+"?type="+kind).want(http.StatusOK).text, page)
		for i := 0; i < len(fields); i += 2 {
			form[fields[i]] = strings.Split(fields[i+1], " | ")
		}
		form.Set("do", "save")
		b.do("POST", page, form).want(http.StatusSeeOther)
	}
	add("validate", "step_name", "Check", "schema", `{"type":"object"}`)
	b.post(path+"/steps/1/remove", "etag", b.get(path).etag()).want(http.StatusSeeOther) // an empty pipeline begins with one
	add("fetch", "step_name", "Detail", "as", "order", "method", "POST", "url", "https://shop.example/orders/#event.key#", "query", "q=#total#", "headers", "X-A: 1: 2",
		"payload", "template", "body", "{\"a\": \"#b#\"}\n", "content_type", "application/xml", "charset", "iso-8859-2", "attributes", `a="line one\nline two"`, "missing", "null", "timeout", "3s", "compress", "on",
		"login_type", "exchange", "login_method", "GET", "login_url", "https://id.example/login", "secret_headers", "X-Key: planted-1", "secret_body", "planted-2", "login_media", "text/plain",
		"answer_path", "token", "answer_expires", "in", "login_header", "Authorization: Bearer #token#", "success", "200", "success_condition", "response.json.ok", "final", "404",
		"rate", "3/s", "concurrency", "2", "again_status", "404, 423", "again_version", "data.changeTime", "again_every", "5s", "again_for", "1m")
	add("map", "as", "row", "field", "state", "value", "#order.status#", "table", "states")
	add("upsert", "step_name", "Write", "as", "written", "connection", "Money", "into", "orders", "shown", "orders", "shown_connection", "Money", "key", "number", "newer", "state",
		"column", "number | state | warehouse", "value", "#event.key# | #row.state# | A1")
	add("request", "as", "sent", "url", "https://wms.example/in", "fields_mode", "some", "fields", "total\nlines[].sku", "table", "orders", "login_type", "bearer", "secret_token", "planted-3", "concurrency", "1")
	add("confirm", "as", "seen", "method", "GET", "url", "https://wms.example/seen/#event.key#", "login_type", "basic", "login_user", "u", "secret_password", "planted-4", "login_header", "X-Login",
		"until", "response.json.done", "every", "10s", "for", "10m")
	add("request", "url", "https://wms.example/bare")
	add("mail", "to", "#order.email#\nb@example.com", "subject", "S", "text", "T", "language", "cs", "reply_to", "shop@example.com", "domains", "example.com")
	add("publish", "as", "told", "event_type", "order.booked", "event_key", "#event.key#", "event_data", `{"row":"#row#"}`)
	add("wait", "for", "30s")
	made := h.thePipeline("Orders").Pipeline
	want.Labels = map[string]string{"team": "a"}              // a name with = in it is for the API
	made.Subscription.Condition = want.Subscription.Condition // which is judged on last week's events first: a test of its own
	is, _ := json.MarshalIndent(made, "", " ")
	should, _ := json.MarshalIndent(want, "", " ")
	if string(is) != string(should) {
		a, b := strings.Split(string(is), "\n"), strings.Split(string(should), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("line %d is %s, want %s, in %s", i+1, a[i], b[i], is)
			}
		}
		t.Fatalf("got %s, want %s", is, should)
	}
	for pointer, secret := range want.Secrets() {
		if is := made.Secrets()[pointer]; is == nil || is.Reveal() != secret.Reveal() {
			t.Errorf("the secret at %s is another", pointer)
		}
	}
}

// A fault opens the view that has its field; what was typed is still there, but for secrets.
func TestWhatIsWrongInAPipelinesExpertViewIsMarkedAndKept(t *testing.T) {
	h, b := editor(t)
	path := pathOf(h.asMade(wholePipeline))
	const expert = `name="view" value="expert" checked`
	b.submit(path+"/edit", "name", "").want(422).has(`href="#f-name"`, `id="view-simple" checked`)
	b.submit(path+"/edit", "retries", "5 minutes", "jitter", "much", "rate", "fast", "labels", "<b>team", "channels", "shop-is", "unverified", "").want(422).
		has(`href="#f-retries"`, `href="#f-jitter"`, `href="#f-rate"`, `href="#f-labels"`, "5 minutes", "&lt;b&gt;team", "shop-is", expert).hasNot("<b>team", `value="on" checked`)
	b.submit(path+"/edit", "after_failures", "-1", "success", "20").want(422).has(`href="#f-after_failures"`, `href="#f-success"`, expert)
	fetch := path + "/steps/2"
	b.submit(fetch, "url", "https://shop.example/#order.id#", "do", "save").want(422).has(`href="#f-url"`, `id="view-simple" checked`, `value="https://shop.example/#order.id#"`)
	b.submit(fetch, "method", "GET", "do", "save").want(422).has(`href="#f-payload"`, `id="payload-template" checked`, expert)
	b.submit(fetch, "headers", "no colon here", "timeout", "soon", "again_for", "a while", "rate", "fast", "do", "save").want(422).
		has(`href="#f-headers"`, `href="#f-timeout"`, `href="#f-again_for"`, `href="#f-rate"`, "no colon here", "a while", expert)
	b.submit(fetch, "again_status", "4", "success", "20", "login_type", "bearer", "secret_token", "planted-5", "secret_headers", "", "concurrency", "-1", "do", "save").want(422).
		has(`href="#f-again_status"`, `href="#f-success"`, `href="#f-concurrency"`, `<option value="bearer" selected>`, expert).hasNot("planted")
	// The secret was given for another server.
	moved := b.submit(fetch, "url", "https://shop2.example/orders", "do", "save").want(422).has(`href="#f-secret_body"`, expert).hasNot("planted")
	form := formOf(t, moved.text, fetch)
	form.Set("secret_body", "planted-6")
	form.Set("secret_headers", "X-Key: planted-7")
	b.do("POST", fetch, form).want(http.StatusSeeOther)
	s := h.thePipeline("Orders").Pipeline.Steps[1]
	if x := s.Auth.Request; x.Body.Reveal() != "planted-6" || x.Headers["X-Key"].Reveal() != "planted-7" || s.Request.URL != "https://shop2.example/orders" {
		t.Errorf("stored is %+v", s)
	}
	b.submit(fetch, "success", "", "success_condition", "", "final", "", "again_status", "", "again_version", "", "again_every", "", "again_for", "", "login_type", "none", "do", "save").want(http.StatusSeeOther)
	s = h.thePipeline("Orders").Pipeline.Steps[1]
	if s.Success != nil || s.Again != nil || s.Auth.Type != hub.AuthNone {
		t.Errorf("what was emptied is still there: %+v", s)
	}
}

// What only some steps have is not asked of the others, and JSON is there for whoever likes it.
func TestAStepAsksOnlyForItsOwn(t *testing.T) {
	h, b := editor(t)
	path := pathOf(h.asMade(wholePipeline))
	b.get(path+"/steps/10").want(http.StatusOK).hasNot(`name="view"`, "f-timeout")
	b.get(path + "/steps/8").want(http.StatusOK).has("Only to these domains").hasNot("f-timeout")
	b.get(path+"/steps/new?type=fetch").want(http.StatusOK).has(`id="payload-none" checked`, `<option value="" selected>POST with a body, GET without`)
	b.get(path + "/steps/new?type=request").want(http.StatusOK).has(`id="payload-standard" checked`)
	b.get(path+"/steps/5").want(http.StatusOK).has("f-timeout", `data-insert="f-url" data-text="#event.key#"`).hasNot("f-again_status")
	asJSON := b.get(path+"/edit?view=json").want(http.StatusOK).has("As a form", "set_aside_after").hasNot("planted", "f-retries")
	form := formOf(t, asJSON.text, path+"/edit")
	if view := (url.Values{"view": form["view"]}).Encode(); view != "view=json" || !slices.Contains(form["view"], "json") {
		t.Errorf("the form goes on with %s", view)
	}
	form.Set("json", strings.Replace(form.Get("json"), `"20/m"`, `"30/m"`, 1))
	b.do("POST", path+"/edit", form).want(http.StatusSeeOther)
	if p := h.thePipeline("Orders").Pipeline; p.Limits.Rate.String() != "30/m" || p.Steps[4].Auth.Token.Reveal() != "planted-3" {
		t.Errorf("stored is %+v", p)
	}
}
