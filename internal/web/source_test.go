package web_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/marked"
	"hacek/internal/pipeline"
	"hacek/internal/receiver"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/packs"
)

// gate is a house whose receiver runs.
type gate struct {
	*house
	receiver *receiver.Receiver
	in       *httptest.Server
}

func newGate(t *testing.T) *gate {
	t.Helper()
	h := newHouse(t)
	g := &gate{house: h, receiver: &receiver.Receiver{
		Ingest: h.ingest, Store: h.store, Log: marked.Logger(t, slog.LevelInfo), Now: h.clock.Now,
		Provider: func(name string) *packs.Provider {
			p, err := packs.OpenProvider(name)
			if err != nil {
				return nil
			}
			return p
		},
		PublicURL: func(string) string { return "https://hub.example" },
	}}
	h.settings.SourceChanged = g.receiver.SetSource
	h.console.PublicURL = func(string) string { return "https://hub.example" }
	h.console.Release, h.console.Trigger = g.receiver.Release, g.receiver.Trigger
	h.console.PreviewSource, h.console.PreviewSince = g.receiver.Preview, g.receiver.PreviewSince
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.receiver.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the receiver ended: %v", err)
		}
	})
	g.in = httptest.NewServer(g.receiver)
	t.Cleanup(g.in.Close)
	return g
}

const hmacSecret = "the secret of both sides"

// hmacSource is made through the page, as a person does; its page's address comes back.
func (g *gate) hmacSource(b *browser, name string) (page, path string) {
	g.Helper()
	made := b.post("/sources/new/from/hmac", "name", name, "secret", hmacSecret, "header", "X-Signature", "algorithm", "sha256",
		"encoding", "hex", "signed", "#body#", "event_type", "body.event", "key", "body.code").want(http.StatusSeeOther)
	page = strings.TrimSuffix(made.header.Get("Location"), "/connect")
	shown := b.get(page + "/connect").want(http.StatusOK)
	found := regexp.MustCompile(`https://hub\.example(/in/[^"]+)"`).FindStringSubmatch(shown.text)
	if found == nil {
		g.Fatalf("no address on %s", shown.text)
	}
	return page, found[1]
}

func (g *gate) send(path, secret, body string) int {
	g.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	request, err := http.NewRequestWithContext(g.Context(), "POST", g.in.URL+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	request.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		g.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// until asks for a page until it has a text: the quarantine is written a moment after the answer.
func (b *browser) until(path, text string) page {
	b.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		p := b.get(path).want(http.StatusOK)
		if strings.Contains(p.text, text) || time.Now().After(deadline) {
			return p.has(text)
		}
	}
}

func TestASourceFromTheFirstClickToTheFirstEvent(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	b := g.as("editor@example.com")
	b.get("/sources").want(200).has("No source yet", "/sources/new")
	b.get("/sources/new").want(200).has("Shoptet", "Stripe", "Another system that signs (HMAC)")
	b.get("/sources/new?provider=wooc").want(200).has("WooCommerce").hasNot("/sources/new/from/stripe")
	b.get("/sources/new?provider=nothing-like-it").want(200).has("No system of that name")
	b.get("/sources/new/from/shoptett").want(404)
	b.post("/sources/new/from/shoptet", "name", "<b>My shop</b>", "secret", "").want(422).
		has("Something here does not fit", `value="&lt;b&gt;My shop&lt;/b&gt;"`, `href="#f-secret"`)

	page, path := g.hmacSource(b, "Our shop")
	b.get(page+"/connect").want(200).has("Waiting for the first request", `hx-trigger="every 2s"`).hasNot(hmacSecret, "Only this machine")
	if status := g.send(path, "another", `{"event":"order:create","code":"1"}`); status != 401 {
		t.Fatal(status)
	}
	b.until(page+"/connect", "The signature does not match").has("A request came, but no event yet", "Waiting for the first request")
	if status := g.send(path, hmacSecret, `{"event":"order:create","code":"2018000057","note":"<script>alert(1)</script>\u202e"}`); status != 200 {
		t.Fatal(status)
	}
	b.get(page+"/connect").want(200).has("It works: the first event is here", "2018000057", "order:create").hasNot("every 2s", "Waiting for")
	b.get("/sources").want(200).has("Our shop", "Accepted")
	found := regexp.MustCompile(`href="(` + page + `/requests/req_[^"]+)"`).FindStringSubmatch(b.get(page + "/requests?outcome=accepted").want(200).text)
	if found == nil {
		t.Fatal("the request is not on the list")
	}
	b.get(found[1]).want(200).has("The sender is proven", "2018000057", "&lt;script&gt;", "X-Signature").hasNot("<script>alert")
}

func TestAMadeSecretIsShownInItsSessionOnly(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	g.user(g.tenant, hub.Administrator, nil)
	b := g.as("editor@example.com")
	made := b.post("/sources/new/from/github", "name", "GitHub").want(303)
	connect := made.header.Get("Location")
	s, err := g.settings.Source(t.Context(), g.tenant.No, "GitHub")
	if err != nil || len(s.Verify.Secrets) != 1 {
		t.Fatal(err, len(s.Verify.Secrets))
	}
	secret := s.Verify.Secrets[0].Reveal()
	b.get(connect).want(200).has(secret, "15 minutes")
	g.as("administrator@example.com").get(connect).want(200).hasNot(secret)
	b.get(strings.TrimSuffix(connect, "/connect") + "/edit").want(200).hasNot(secret)
	g.clock.Advance(16 * time.Minute)
	b.get(connect).want(200).hasNot(secret)
}

func TestASourcesSettingsAreTriedBeforeTheyAreSaved(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	b := g.as("editor@example.com")
	page, path := g.hmacSource(b, "Our shop")
	for _, body := range []string{`{"event":"a","code":"1","id":1}`, `{"event":"a","code":"1","id":2}`, `{"event":"b","code":"2","id":3}`} {
		if status := g.send(path, hmacSecret, body); status != 200 {
			t.Fatal(status)
		}
	}
	typed := []string{
		"view", "expert", "name", "Our shop", "types", "a", "event_type", "body.event", "key", "body.code", "zone", "Europe/Prague",
		"duplicate", "body.event\nbody.code", "window", "48h", "status", "200", "answer_type", "text/plain", "max_body", "1MiB",
		"path", strings.TrimPrefix(path, "/in/"), "header", "X-Signature", "algorithm", "sha256", "encoding", "hex", "signed", "#body#",
		"judged", `as:{"event_types":["a"],"condition":""}`,
	}
	b.post(page+"/edit", append(typed, "do", "preview", "etag", `"1"`)...).want(200).
		has("The last 3 requests would become one event.", "One would be a repeat.", "One would not be accepted.", "body.event\nbody.code")
	b.get(page).want(200).has("all events") // nothing was saved
	b.post(page+"/edit", append(typed, "do", "save", "etag", `"7"`)...).want(412).has("Somebody has changed this meanwhile", "body.event\nbody.code", `value="&#34;1&#34;"`)
	b.post(page+"/edit", append(typed, "do", "save", "etag", `"1"`, "networks", "not a network")...).want(422).has(`href="#f-networks"`, "not a network", `value="expert" checked`)
	b.post(page+"/edit", append(typed, "do", "save", "etag", `"1"`)...).want(303)
	b.get(page).want(200).has("is saved.", "Europe/Prague").hasNot("all events")

	// A new secret beside the old one, and then alone.
	b.post(page+"/edit", append(typed, "do", "save", "etag", `"2"`, "secret", "the next secret", "keep_old", "on")...).want(303)
	for _, secret := range []string{hmacSecret, "the next secret"} {
		if status := g.send(path, secret, `{"event":"a","code":"`+secret+`"}`); status != 200 {
			t.Errorf("%q was answered %d", secret, status)
		}
	}
	b.get(page+"/edit").want(200).has("Old secret ends now").hasNot(hmacSecret, "the next secret")
	b.post(page+"/forget", "etag", `"3"`).want(303)
	if status := g.send(path, hmacSecret, `{"event":"a","code":"9"}`); status != 401 {
		t.Errorf("the old secret was answered %d", status)
	}
	if status := g.send(path, "the next secret", `{"event":"a","code":"9"}`); status != 200 {
		t.Errorf("the new secret was answered %d", status)
	}
}

func TestRule13_ReleaseWantsARightAndAReason(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	g.user(g.tenant, hub.Operator, nil)
	b, operator := g.as("editor@example.com"), g.as("operator@example.com")
	page, path := g.hmacSource(b, "Our shop")
	for _, code := range []string{"1", "2", "3"} {
		if status := g.send(path, "another", `{"event":"order:create","code":"`+code+`"}`); status != 401 {
			t.Fatal(status)
		}
	}
	list := page + "/requests?outcome=quarantined"
	deadline := time.Now().Add(10 * time.Second)
	var ids []string
	for len(ids) < 3 && time.Now().Before(deadline) {
		ids = regexp.MustCompile(`name="request" value="(req_[^"]+)"`).FindAllString(b.get(list).want(200).text, -1)
	}
	if len(ids) != 3 {
		t.Fatalf("%d requests are in quarantine", len(ids))
	}
	for i := range ids {
		ids[i] = strings.TrimSuffix(strings.TrimPrefix(ids[i], `name="request" value="`), `"`)
	}
	b.get("/quarantine").want(200).has("Our shop", "The signature does not match")
	one := page + "/requests/" + ids[0]
	operator.get(one).want(200).hasNot("/release")
	operator.post(one+"/release", "reason", "I say so").want(403)
	b.post(one+"/release", "reason", " ").want(422).has("Say why this request can be believed", `href="#f-reason"`)
	b.post(one+"/release", "reason", "the shop confirmed it by phone").want(303)
	b.get(one).want(200).has("Released", `released by The editor: &#34;the shop confirmed it by phone&#34;`, "/events/evt_")
	b.post(page+"/release", "outcome", "quarantined", "reason", "all of them").want(422).has("Tick at least one request")
	b.post(page+"/release", "outcome", "quarantined", "reason", "all of them", "request", ids[1], "request", ids[2]).want(303)
	b.get(list).want(200).has("2 requests are released.", "No request has this fate")
	revisions, _, err := g.store.Revisions(t.Context(), store.RevisionFilter{Tenant: g.tenant.No, Kind: "request"}, store.Page{})
	if err != nil || len(revisions) != 3 {
		t.Errorf("%d releases are in the audit, %v", len(revisions), err)
	}
}

func TestASampleGoesTheWholeWay(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Operator, nil)
	g.user(g.tenant, hub.Editor, nil)
	editor := g.as("editor@example.com")
	page := strings.TrimSuffix(editor.post("/sources/new/from/shoptet", "name", "Shoptet", "secret", "4d1a7c3e9b5f8062").want(303).header.Get("Location"), "/connect")
	b := g.as("operator@example.com")
	b.get(page).want(200).has("Send a sample", "order:create")
	b.post(page+"/trigger", "event_type", "no:such").want(422).has("no sample")
	sent := b.post(page+"/trigger", "event_type", "order:create").want(303)
	b.get(sent.header.Get("Location")).want(200).has("The sample has been taken in", "The sender is proven")
	b.post(page+"/switch", "active", "false").want(403)
	editor.post(page+"/switch", "active", "false").want(303)
	editor.get(page).want(200).has("is off.", "Switch on")
	editor.post(page + "/delete").want(303)
	editor.get(page).want(404)
}

func TestRule14_ForeignSourcesAreNotThere(t *testing.T) {
	g := newGate(t)
	uid := "customer"
	other, _, err := g.settings.CreateTenant(t.Context(), settings.Tenant{UID: &uid}, settings.By{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	g.user(g.tenant, hub.Editor, nil)
	g.user(other, hub.Administrator, nil)
	page, path := g.hmacSource(g.as("editor@example.com"), "Our shop")
	if status := g.send(path, hmacSecret, `{"event":"a","code":"2018000057"}`); status != 200 {
		t.Fatal(status)
	}
	ours := g.as("editor@example.com").get(page + "/requests").want(200)
	request := regexp.MustCompile(`/requests/req_[0-9a-z]+`).FindString(ours.text)
	b := g.as("administrator@example.com")
	for _, at := range []string{page, page + "/connect", page + "/edit", page + "/requests", page + request} {
		b.get(at).want(404).hasNot("Our shop", "2018000057")
	}
	for _, at := range []string{"/edit", "/forget", "/switch", "/delete", "/trigger", "/release", request + "/release"} {
		b.post(page+at, "reason", "x").want(404)
	}
	b.get("/sources/Our%20shop").want(404).hasNot("2018000057")
	b.get("/sources").want(200).hasNot("Our shop")
	b.get("/quarantine").want(200).hasNot("Our shop")
}

func TestN11_ASourcesRuleIsSeenOnLastWeeksRequestsFirst(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	b := g.as("editor@example.com")
	page, path := g.hmacSource(b, "Shop")
	for _, code := range []string{"A1", "B2", "C3"} {
		g.send(path, hmacSecret, `{"event":"order.created","code":"`+code+`","total":`+code[1:]+`00}`)
	}
	g.send(path, "another secret", `{"event":"order.created","code":"forged","total":900}`)
	stored := func() settings.Source {
		s, err := g.settings.Source(t.Context(), g.tenant.No, "Shop")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	edit := page + "/edit"
	form := formOf(t, b.get(edit).want(200).text, edit)
	form.Set("condition", "num(data.total) > 100.0")
	form.Set("labels", "team=a")
	form.Set("secret", "planted-new-secret")
	form.Set("do", "save")
	asked := b.do("POST", edit, form).want(200).
		has("Of 3 requests of the last 7 days, 2 events would come; it was 3.", "0 more, 1 fewer. Nothing is saved yet.", "would no longer become an event", "Save the rule",
			"num(data.total) &gt; 100.0", "team=a", "what you typed here is not shown again. Type it once more.").
		hasNot("planted-new-secret")
	if s := stored(); s.Accept.Condition != "" || len(s.Labels) != 0 {
		t.Fatalf("stored unasked: %+v", s)
	}
	form = formOf(t, asked.text, edit)
	form.Set("condition", "num(data.total) > 200.0") // not what was judged
	form.Set("do", "save")
	form = formOf(t, b.do("POST", edit, form).want(200).has("1 event would come; it was 3.").text, edit)
	form.Set("do", "save")
	b.do("POST", edit, form).want(http.StatusSeeOther)
	if s := stored(); s.Accept.Condition != "num(data.total) > 200.0" || s.Labels["team"] != "a" {
		t.Fatalf("stored is %+v", s)
	}
	form = formOf(t, b.get(edit).want(200).text, edit)
	form.Set("types", "order.paid")
	form.Set("do", "save")
	b.do("POST", edit, form).want(200).has("0 events would come; it was 1.")
	form.Set("condition", "num(")
	b.do("POST", edit, form).want(422).has(`id="f-condition-error"`)
	form = formOf(t, b.get(edit).want(200).text, edit)
	form.Set("labels", "")
	form.Set("do", "save")
	b.do("POST", edit, form).want(http.StatusSeeOther) // the rule is as it was: nothing to ask
	if s := stored(); len(s.Labels) != 0 {
		t.Errorf("left are %v", s.Labels)
	}
	g.clock.Advance(8 * 24 * time.Hour)
	form.Set("condition", "")
	form.Set("do", "save")
	g.as("editor@example.com").do("POST", edit, form).want(200).has("Of 0 requests of the last 7 days")
}

// Looking around shows a hub at work: several kinds of events, and each end that a delivery can take; and it goes again.
func TestWhoOnlyLooksAroundSeesAHubAtWork(t *testing.T) {
	g := newGate(t)
	g.user(g.tenant, hub.Editor, nil)
	g.user(g.tenant, hub.Viewer, nil)
	g.settings.Runner = &pipeline.Runner{}
	b := g.as("editor@example.com")
	own := g.endpoint(g.tenant, "Their own")
	b.get("/start/look").want(200).has("Make the sample shop").hasNot("Remove the sample data")
	b.post("/start/look").want(http.StatusSeeOther)
	b.get("/start/look").want(200).has("See the event", "Delivered, failed, waiting", "Remove the sample data").hasNot("Make the sample shop")
	g.as("viewer@example.com").get("/start/look").want(200).hasNot("Remove the sample data")
	b.get("/events").want(200).has("order.created", "order.updated", "invoice.created", "customer.created").hasNot("customer.updated")
	shop, err := g.settings.Source(t.Context(), g.tenant.No, "Sample shop")
	if err != nil {
		t.Fatal(err)
	}
	ignored, _, err := g.store.Requests(t.Context(), store.RequestFilter{Tenant: g.tenant.No, Source: shop.No, Outcomes: []string{hub.RequestIgnored}}, onePage)
	if err != nil || len(ignored) != 1 {
		t.Errorf("ignored are %v %v", ignored, err)
	}
	owed := func(name string, kind hub.Kind) []store.DeliveryRow {
		target, err := g.settings.Target(t.Context(), g.tenant.No, kind, name)
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := g.store.Deliveries(t.Context(), store.DeliveryFilter{Tenant: g.tenant.No, Targets: []int64{target.No}}, onePage)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	if orders, invoices, warehouse := owed("Sample: orders and customers", hub.KindPipeline), owed("Sample: invoices", hub.KindPipeline), owed("Sample: warehouse", hub.KindEndpoint); len(orders) != 3 || len(invoices) != 1 || len(warehouse) != 4 {
		t.Errorf("owed are %d, %d and %d", len(orders), len(invoices), len(warehouse))
	}
	g.publish("order.created", "2018000099", `{"event":"order:create"}`) // their own shop's
	if paused := g.one("Sample: warehouse"); paused.State != hub.Paused || len(owed("Sample: warehouse", hub.KindEndpoint)) != 4 {
		t.Errorf("the sample's webhook is %s and hears of what is no sample", paused.State)
	}
	g.attempt(owed("Sample: orders and customers", hub.KindPipeline)[0], hub.Attempt{Result: hub.Succeeded})
	b.get("/start/look").want(200).hasNot("The sample events have arrived")
	b.post("/start/look").want(http.StatusSeeOther) // again makes nothing
	if n := len(owed("Sample: invoices", hub.KindPipeline)); n != 1 {
		t.Errorf("looking twice made %d", n)
	}
	g.as("viewer@example.com").post("/start/look/remove").want(http.StatusForbidden)
	b.post("/start/look/remove").want(http.StatusSeeOther)
	b.get("/start/look").want(200).has("The sample data are removed.", "Make the sample shop").hasNot("Remove the sample data")
	b.get("/webhooks").want(200).has("Their own").hasNot("Sample")
	b.get("/pipelines").want(200).hasNot("Sample")
	b.get("/sources").want(200).hasNot("Sample")
	if got := g.one("Their own"); got.ID != own.ID || got.Deleted {
		t.Error("what is not a sample is gone")
	}
}
