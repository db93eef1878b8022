package web_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
	"hacek/internal/store"
)

var (
	formPart   = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	formField  = regexp.MustCompile(`(?s)<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)</textarea>|<select\b([^>]*)>(.*?)</select>`)
	formOption = regexp.MustCompile(`<option\b([^>]*)>`)
	formWord   = regexp.MustCompile(`([a-z-]+)(?:="([^"]*)")?`)
)

func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, found := range formWord.FindAllStringSubmatch(tag, -1) {
		all[found[1]] = html.UnescapeString(found[2])
	}
	return all
}

// formOf reads what a browser would send of the page's form with an action.
func formOf(t *testing.T, page, action string) url.Values {
	t.Helper()
	for _, form := range formPart.FindAllStringSubmatch(page, -1) {
		if attributes(form[1])["action"] != action {
			continue
		}
		values := url.Values{}
		for _, field := range formField.FindAllStringSubmatch(form[2], -1) {
			a := attributes(field[1] + field[2] + field[4])
			value := a["value"]
			_, checked := a["checked"]
			switch {
			case a["name"] == "" || (a["type"] == "radio" || a["type"] == "checkbox") && !checked:
				continue
			case a["type"] == "checkbox" && value == "":
				value = "on"
			case strings.HasPrefix(field[0], "<textarea"):
				value = strings.ReplaceAll(html.UnescapeString(strings.TrimPrefix(field[3], "\n")), "\n", "\r\n")
			case strings.HasPrefix(field[0], "<select"):
				options := formOption.FindAllStringSubmatch(field[5], -1)
				for i, o := range options {
					if _, chosen := attributes(o[1])["selected"]; i == 0 || chosen {
						value = attributes(o[1])["value"]
					}
				}
			}
			values.Add(a["name"], value)
		}
		return values
	}
	t.Fatalf("no form %s on %.3000s", action, page)
	return nil
}

// editor is the house with somebody who may edit.
func editor(t *testing.T) (*house, *browser) {
	h := newHouse(t)
	h.user(h.tenant, hub.Editor, nil)
	return h, h.as("editor@example.com")
}

func (h *house) publish(kind, key, data string) {
	h.Helper()
	for _, o := range h.ingest.Publish(h.Context(), h.tenant.No, ingest.Input{Type: kind, Key: &key, Data: []byte(data)}) {
		if o.Err != nil {
			h.Fatal(o.Err)
		}
	}
}

func refOf(t hub.Target) string { return t.ID.Text(hub.EndpointPrefix) }

func (h *house) one(name string) hub.Target {
	h.Helper()
	t, err := h.settings.Endpoint(h.Context(), h.tenant.No, name)
	if err != nil {
		h.Fatal(err)
	}
	return t
}

func TestAWebhookIsMadeAndTestedOnOnePage(t *testing.T) {
	h, b := editor(t)
	got := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.URL.Path + " " + string(body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"queue":"<b>HK-1</b>"}`)
	}))
	defer receiver.Close()
	h.publish("order.created", "2018000057", `{"order":{"code":"2018000057","price":"1999.30"}}`)
	b.get("/webhooks/new").want(200).has("Any other system", "/webhooks/new/own")
	form := formOf(t, b.get("/webhooks/new/own").want(200).text, "/webhooks/new/own")
	form.Set("name", "Sklad - WMS")
	form.Set("own_types", "order.created")
	form.Set("url", receiver.URL+"/in/#order.code#")
	form.Set("payload", "template")
	form.Set("body", "{\"code\": \"#order.code#\"}")
	form.Set("do", "preview")
	b.do("POST", "/webhooks/new/own", form).want(200).has("/in/2018000057", "&#34;code&#34;: &#34;2018000057&#34;", "#order.price#", "1999.30")
	form.Set("do", "test")
	p := b.do("POST", "/webhooks/new/own", form).want(http.StatusSeeOther)
	path := p.header.Get("Location")
	tested := b.get(path).want(200).has("Worked", "Answered 202", "By the success rule (2xx) that is delivered", "&lt;b&gt;HK-1", "127.0.0.1", "their answer")
	if sent := <-got; !strings.HasPrefix(sent, "/in/2018000057 {\"code\": \"2018000057\"}") {
		t.Errorf("the test sent %q", sent)
	}
	tested.has(`value="&#34;1&#34;"`)                    // nothing was stored a second time
	b.get(path).want(200).has("Worked", "&lt;b&gt;HK-1") // a reload shows it again, and sends nothing
	b.get(strings.Replace(path, "tested=1", "", 1)).want(200).hasNot("HK-1")
	other := h.as("editor@example.com")
	other.get(path).want(200).has("its result is not kept any longer").hasNot("HK-1")
	h.clock.Advance(16 * time.Minute)
	b.get(path).want(200).has("its result is not kept any longer").hasNot("HK-1")
	select {
	case again := <-got:
		t.Errorf("a reload sent %q", again)
	default:
	}
	if e := h.one("Sklad - WMS").Endpoint; e.Request.Payload != hub.PayloadTemplate || !e.Active {
		t.Errorf("stored is %+v", e.Request)
	}
}

// Whatever the API can set, the form shows without changing it.
func TestE8_SavingTheFormUntouchedChangesNothing(t *testing.T) {
	h, b := editor(t)
	for name, text := range map[string]string{
		"rich": `{"name":"rich","uid":"erp-7","description":"two\nlines","subscription":{"event_types":["b.*","a.x","order.*"],"sources":["api"],"channels":["shop-cz","shop-sk"],"condition":"data.a == \"x\" // the shop\n && num(data.b) > 5.0"},
			"request":{"method":"PUT","url":"https://wms.example/in/#order.id#?a=1","query":{"q":"#order.id#"},"headers":{"X-A":"1: 2"},"body":"{\"a\": \"#b#\"}\n","content_type":"application/xml","charset":"utf-8","missing":"null","timeout":"3s","compress":true,"attributes":{"a":"line one\nline two","b":"x=y"}},
			"auth":{"type":"exchange","request":{"method":"POST","url":"https://id.example/login","headers":{"X-Key":"planted-1"},"body":"planted-2"},"token_path":"token","expires_path":"in","header":"Authorization: Bearer #token#"},
			"signature":{"schemes":["standard-webhooks","hmac"],"hmac":[{"header":"X-Sign","secret":"planted-3-long-enough"},{"header":"X-Two","secret":"planted-4-long-enough"}]},
			"retry":{"intervals":["5s","1h30m"],"jitter":0.3},"success":{"status":["2xx","409"],"condition":"response.status !=\n 204","final":[{"status":["400"]},{"condition":"response.status ==\n 422"},{"status":["409","5xx"],"condition":"response.json.a == 7"}]},
			"order":{"by":"key","stuck":{"set_aside_after":4}},"limits":{"rate":"20/m","concurrency":3},"disable_after":"3d","notify":{"after_failures":7,"language":"cs"},"labels":{"team":"a","x=y":"b"}}`,
		"thin":  `{"name":"thin","description":"two\nlines","request":{"url":"https://wms.example/in","fields":["order.code","lines[].sku"],"table":"orders"},"signature":{"schemes":[]}}`,
		"bare":  `{"name":"bare","active":false,"request":{"url":"https://wms.example/in","fields":[]},"auth":{"type":"oauth2","token_url":"https://id.example/t","client_id":"c","client_secret":"planted-5","scopes":["a","b"]}}`,
		"none":  `{"name":"none","request":{"url":"https://wms.example/in","payload":"none"},"auth":{"type":"api_key","in":"query","name":"k","value":"planted-6"}}`,
		"basic": `{"name":"basic","subscription":{"condition":"data.lines.exists(l, l.sku == \"A\")"},"request":{"url":"https://wms.example/in"},"auth":{"type":"basic","username":"u","password":"planted-7"}}`,
	} {
		e := hub.DefaultEndpoint()
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		made, err := h.settings.CreateEndpoint(t.Context(), h.tenant.No, e, settings.By{Name: "test"})
		if err != nil {
			t.Fatal(name, err)
		}
		path := "/webhooks/" + made.ID.Text(hub.EndpointPrefix) + "/edit"
		form := formOf(t, b.get(path).want(200).hasNot("planted").text, path)
		form.Set("do", "save")
		b.do("POST", path, form).want(http.StatusSeeOther)
		if after := h.one(name); after.Version != 1 {
			was, _ := json.Marshal(made.Endpoint)
			is, _ := json.Marshal(after.Endpoint)
			t.Errorf("%s was changed:\n %s\n %s", name, was, is)
		}
		form.Set("name", name+" renamed")
		b.do("POST", path, form).want(http.StatusSeeOther)
		after := h.one(name + " renamed")
		for pointer, secret := range after.Endpoint.Secrets() {
			if was := made.Endpoint.Secrets()[pointer]; was == nil || was.Reveal() != secret.Reveal() {
				t.Errorf("%s: the secret at %s was not kept", name, pointer)
			}
		}
	}
}

// Everything that the API knows of a webhook can be set on its form: none of these has a field in the simple view.
func TestTheExpertViewSetsWhatTheAPICan(t *testing.T) {
	h, b := editor(t)
	const own = "/webhooks/new/own"
	form := formOf(t, b.get(own).want(200).text, own)
	for name, value := range map[string]string{"do": "add_hmac", "name": "WMS", "url": "https://wms.example/in", "uid": "erp-7", "labels": "team=a",
		"sources": "Shop CZ", "channels": "shop-cz\nshop-sk", "jitter": "20", "final": "400, 404\n422: response.json.code == 7\nresponse.json.gone",
		"hmac.0.header": "X-One", "hmac.0.secret": "planted-one-long-enough"} {
		form.Set(name, value)
	}
	form.Set("schemes", hub.SchemeHMAC)
	form = formOf(t, b.do("POST", own, form).want(200).has("HMAC 2", "Remove HMAC 2", `value="X-One"`).hasNot("planted").text, own)
	form.Set("hmac.0.secret", "planted-one-long-enough")
	form.Set("hmac.new1.header", "X-Two")
	form.Set("hmac.new1.algorithm", "sha512")
	form.Set("hmac.new1.secret", "planted-two-long-enough")
	form.Set("do", "save")
	b.do("POST", own, form).want(http.StatusSeeOther)
	made := h.one("WMS")
	e := made.Endpoint
	want := []hub.Final{{Status: []string{"400", "404"}}, {Status: []string{"422"}, Condition: "response.json.code == 7"}, {Condition: "response.json.gone"}}
	if *e.UID != "erp-7" || e.Labels["team"] != "a" || !slices.Equal(e.Subscription.Sources, []string{"Shop CZ"}) || !slices.Equal(e.Subscription.Channels, []string{"shop-cz", "shop-sk"}) ||
		e.Retry.Jitter != 0.2 || !reflect.DeepEqual(e.Success.Final, want) {
		t.Errorf("stored is %+v", e)
	}
	b.get("/webhooks/"+refOf(made)).want(200).has("erp-7", "team=a", "shop-cz, shop-sk", "Shop CZ")
	path := "/webhooks/" + refOf(made) + "/edit"
	form = formOf(t, b.get(path).want(200).text, path)
	form.Set("do_remove_hmac", "0")
	form.Del("do")
	form = formOf(t, b.do("POST", path, form).want(200).has(`value="X-Two"`).hasNot("X-One", "Remove HMAC", "planted").text, path)
	form.Set("jitter", "much")
	form.Set("do", "save")
	form = formOf(t, b.do("POST", path, form).want(422).has("A number of percent is needed", `value="X-Two"`).text, path)
	form.Set("jitter", "5 %")
	form.Set("do", "save")
	b.do("POST", path, form).want(http.StatusSeeOther)
	left := h.one("WMS").Endpoint
	if s := left.Signature.HMAC; len(s) != 1 || s[0].Header != "X-Two" || s[0].Algorithm != "sha512" || s[0].Secret.Reveal() != "planted-two-long-enough" || left.Retry.Jitter != 0.05 {
		t.Errorf("left are %+v", left)
	}
}

func TestWhatIsWrongIsMarkedAndKept(t *testing.T) {
	h, b := editor(t)
	form := formOf(t, b.get("/webhooks/new/own").want(200).text, "/webhooks/new/own")
	for name, value := range map[string]string{"do": "save", "name": "<i>Sklad</i>", "url": "ftp://x", "retries": "5 minutes", "headers": "no colon here", "rate": "fast", "login_type": "bearer", "secret_token": "planted-token"} {
		form.Set(name, value)
	}
	b.do("POST", "/webhooks/new/own", form).want(422).
		has("Something here does not fit", `href="#f-url"`, `href="#f-retries"`, `href="#f-headers"`, `href="#f-rate"`, "&lt;i&gt;Sklad", "5 minutes", "no colon here", `id="view-expert" checked`).
		hasNot("planted-token", "<i>Sklad")
	made := h.endpoint(h.tenant, "WMS")
	path := "/webhooks/" + made.ID.Text(hub.EndpointPrefix) + "/edit"
	form = formOf(t, b.get(path).want(200).text, path)
	if _, err := h.settings.PatchEndpoint(t.Context(), h.tenant.No, "WMS", []byte(`{"request":{"timeout":"7s"},"name":"WMS two"}`), "", settings.By{Name: "Óskar"}); err != nil {
		t.Fatal(err)
	}
	form.Set("do", "save")
	form.Set("name", "WMS mine")
	late := b.do("POST", path, form).want(http.StatusPreconditionFailed).has("Somebody has changed this meanwhile", `value="WMS mine"`, "Somebody else saved other values meanwhile", "WMS two", "7s", `value="&#34;2&#34;"`)
	again := formOf(t, late.text, path)
	again.Set("do", "save")
	b.do("POST", path, again).want(http.StatusSeeOther)
	h.one("WMS mine")
}

func TestN11_AConditionIsSeenOnLastWeeksEventsFirst(t *testing.T) {
	h, b := editor(t)
	made := h.endpoint(h.tenant, "WMS")
	for i, total := range []string{"50.00", "150.00", "250.00"} {
		h.publish("order.created", fmt.Sprintf("201800005%d", i), `{"total":"`+total+`"}`)
	}
	path := "/webhooks/" + made.ID.Text(hub.EndpointPrefix) + "/edit"
	form := formOf(t, b.get(path).want(200).text, path)
	form["rule_field"], form["rule_op"], form["rule_value"] = []string{"total", ""}, []string{"gt", "is"}, []string{"100", ""}
	form.Set("do", "preview")
	b.do("POST", path, form).want(200).has("2 of the last 3 events match", "2018000050", "is not &gt; 100")
	form.Set("do", "save")
	asked := b.do("POST", path, form).want(200).has("Of 3 events of the last 7 days, 2 would be sent; it was 3.", "0 more, 1 fewer. Nothing is saved yet.", "would no longer be sent")
	if c := h.one("WMS").Endpoint.Subscription.Condition; c != "" {
		t.Fatalf("%q was stored unasked", c)
	}
	form = formOf(t, asked.text, path)
	form.Set("do", "save")
	b.do("POST", path, form).want(http.StatusSeeOther)
	if c := h.one("WMS").Endpoint.Subscription.Condition; c != "num(data.total) > 100.0" {
		t.Fatalf("stored is %q", c)
	}
	b.get(path).want(200).has(`value="total"`, `value="gt" selected`, `value="100"`)
	form.Set("rule_value", "much")
	form.Set("do", "save")
	b.do("POST", path, form).want(422).has("Line 1 compares numbers", `value="much"`)
}

func TestRule20_SecretsAreForAdministratorsAndAudited(t *testing.T) {
	h, b := editor(t)
	h.user(h.tenant, hub.Administrator, nil)
	made := h.endpoint(h.tenant, "WMS")
	secret := made.Endpoint.Signature.Secret.Reveal()
	shown := strings.ReplaceAll(secret, "+", "&#43;") // as a page writes it
	path := "/webhooks/" + made.ID.Text(hub.EndpointPrefix)
	b.get(path + "/secret").want(http.StatusForbidden)
	b.post(path + "/secret").want(http.StatusForbidden)
	b.post(path+"/rotate", "overlap", "1d").want(http.StatusForbidden)
	b.get(path).want(200).hasNot(shown, path+"/secret")
	admin := h.as("administrator@example.com")
	admin.get(path + "/secret").want(200).hasNot(shown)
	admin.post(path + "/secret").want(200).has(shown)
	log, _, err := h.settings.Audit(t.Context(), h.tenant.No, store.Page{})
	if err != nil || len(log) == 0 || log[0].Action != "secret read" || log[0].Who != "The administrator" {
		t.Fatalf("the audit says %+v %v", log, err)
	}
	admin.post(path+"/rotate", "overlap", "a while").want(422).has(`href="#f-overlap"`)
	admin.post(path+"/rotate", "overlap", "1d").want(http.StatusSeeOther)
	admin.get(path + "/secret").want(200).has("An old secret still signs until")
	if now := h.one("WMS").Endpoint.Signature.Secret.Reveal(); now == secret {
		t.Error("the secret is the old one")
	}
}

func TestRule14_FormsOfForeignWebhooksAreNotThere(t *testing.T) {
	h, b := editor(t)
	uid := "customer"
	other, _, err := h.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	theirs := "/webhooks/" + h.endpoint(other, "Their CRM").ID.Text(hub.EndpointPrefix)
	for _, page := range []string{"/edit", "/delete"} {
		b.get(theirs + page).want(http.StatusNotFound).hasNot("Their CRM")
	}
	for _, action := range []string{"/edit", "/delete", "/switch"} {
		b.post(theirs+action, "do", "save", "url", "https://evil.example/").want(http.StatusNotFound)
	}
}

func TestAWebhookIsSwitchedOffMovedAndDeleted(t *testing.T) {
	h, b := editor(t)
	made := h.endpoint(h.tenant, "WMS")
	path := "/webhooks/" + made.ID.Text(hub.EndpointPrefix)
	h.publish("order.created", "1", `{}`)
	form := formOf(t, b.get(path+"/edit").want(200).text, path+"/edit")
	form.Set("url", "https://other.example/in")
	form.Set("do", "save")
	b.do("POST", path+"/edit", form).want(http.StatusConflict).has("Send what waits to the new address", `value="https://other.example/in"`)
	form.Set("backlog", "on")
	b.do("POST", path+"/edit", form).want(http.StatusSeeOther)
	b.post(path+"/switch", "to", "off").want(http.StatusSeeOther)
	b.get(path).want(200).
		has("Switched off by The editor", "Switch on</button>", "Switch it on at the top of this page", "Standard Webhooks (HMAC-SHA256)").
		hasNot("<p>switched off</p>", "standard-webhooks")
	h.user(h.tenant, hub.Viewer, nil)
	h.as("viewer@example.com").get(path).want(200).has("Somebody who may change settings can switch it on").hasNot("Switch it on at the top", "Switch on</button>")
	b.post(path+"/switch", "to", "on").want(http.StatusSeeOther)
	form = formOf(t, b.get(path+"/delete").want(200).has("One waiting delivery will be cancelled.").text, path+"/delete")
	b.do("POST", path+"/delete", form).want(http.StatusSeeOther)
	b.get(path).want(http.StatusNotFound)
}

func TestThePresetsOfTheGalleryAskForWhatTheyNeed(t *testing.T) {
	_, b := editor(t)
	gallery := b.get("/webhooks/new").want(200)
	links := regexp.MustCompile(`href="(/webhooks/new/[a-z0-9-]+/[a-z0-9-]+)"`).FindAllStringSubmatch(gallery.text, -1)
	if len(links) == 0 {
		t.Fatal("the gallery has no system")
	}
	for _, link := range links {
		form := formOf(t, b.get(link[1]).want(200).text, link[1])
		b.do("POST", link[1], form).want(422)
		for name := range form {
			switch {
			case strings.Contains(name, "url") || strings.Contains(name, "api"):
				form.Set(name, "https://wms.example/in")
			case form.Get(name) == "":
				form.Set(name, "a-value-of-some-length")
			}
		}
		made := b.do("POST", link[1], form)
		if made.status != http.StatusSeeOther {
			t.Errorf("%s: %d %.2000s", link[1], made.status, made.text)
			continue
		}
		b.get(made.header.Get("Location")).want(200)
	}
	b.get("/webhooks/new/nobody/nothing").want(http.StatusNotFound)
}
