package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

const shopSchema = `
CREATE TABLE orders (number TEXT NOT NULL PRIMARY KEY, status TEXT, total NUMERIC, note TEXT, email VARCHAR(20), changed_at TEXT);
CREATE TABLE order_lines (order_number TEXT NOT NULL, line_no INTEGER NOT NULL, sku TEXT, quantity NUMERIC, PRIMARY KEY (order_number, line_no));`

const shopSteps = `[
 {"type":"validate","schema":{"type":"object","required":["event","eventInstance"]}},
 {"type":"fetch","as":"order","request":{"url":"$URL/api/orders/#event.key#"},"auth":{"type":"api_key","in":"header","name":"Shoptet-Access-Token","value":"planted-geheim"},"limits":{"concurrency":3}},
 {"type":"map","as":"row","fields":{"number":"#order.data.order.code#","status":"#order.data.order.status#","label":"Order #order.data.order.code#","total":"#order.data.order.total#"},"tables":{"status":"states"}},
 {"type":"upsert","as":"written","connection":"erp","table":"orders","key":["number"],"newer":"changed_at",
  "columns":{"number":"#row.number#","status":"#row.status#","total":"#row.total#","note":"#order.data.order.note#","changed_at":"#order.data.order.changeTime#"},
  "children":[{"table":"order_lines","parent":{"order_number":"number"},"each":"order.data.order.items","key":["order_number","line_no"],"replace":true,
   "columns":{"line_no":"#itemId#","sku":"#code#","quantity":"#amount#"}}]},
 {"type":"publish","event":{"type":"order.imported","key":"#row.number#","data":{"number":"#row.number#","total":"#row.total#","outcome":"#written.outcome#","label":"#row.label#"}}}]`

func shopOrder(code, status, changed string, items ...string) string {
	return fmt.Sprintf(`{"data":{"order":{"code":"%s","status":"%s","total":"1234.50","note":null,"changeTime":"%s","items":[%s]}},"errors":null}`, code, status, changed, strings.Join(items, ","))
}

const notice = `{"eshopId":111111,"event":"order:create","eventCreated":"2018-12-13T10:08:03+0100","eventInstance":"2018000057"}`

// The Money example: a thin notice, the detail from the shop's API, the status translated, header and lines written.
func TestM9_ThinNoticeBecomesARow(t *testing.T) {
	r := newRig(t)
	r.database(shopSchema)
	r.tables["states"] = hub.TranslationTable{Name: "states", Entries: map[string]string{"Vyřizuje se": "open", "Vyřízena": "done"}}
	c := r.pipeline(shopSteps)
	r.web.answers(shopOrder("2018000057", "Vyřizuje se", "2018-12-13T10:08:03+0100", `{"itemId":1,"code":"A 1","amount":"2.000"}`, `{"itemId":2,"code":null,"amount":"1.000"}`))
	res := r.run(c, call(r.event(notice)))
	want(t, res, hub.Succeeded)
	if got, want := r.rows(`SELECT number, status, total, note, changed_at FROM orders`), "2018000057 open 1234.5 <nil> 2018-12-13T10:08:03+0100"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := r.rows(`SELECT order_number, line_no, sku, quantity FROM order_lines ORDER BY line_no`), "2018000057 1 A 1 2\n2018000057 2 <nil> 1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	asked := r.web.calls()[0]
	if asked.URI != "/api/orders/2018000057" || asked.Method != "GET" || asked.Header.Get("Shoptet-Access-Token") != "planted-geheim" || asked.Header.Get("Webhook-Id") != "" {
		t.Errorf("asked %+v", asked)
	}
	if len(r.published) != 1 || r.published[0].Type != "order.imported" || r.published[0].Key != "2018000057" ||
		string(r.published[0].Data) != `{"number":"2018000057","total":"1234.50","outcome":"inserted","label":"Order 2018000057"}` {
		t.Errorf("published %+v %s", r.published, r.published[0].Data)
	}
	for _, s := range res.Attempt.Steps {
		if s.Result != hub.StepDone || s.Input == "" {
			t.Errorf("step %+v", s)
		}
		if strings.Contains(fmt.Sprint(s), "geheim") {
			t.Errorf("the token is shown: %+v", s)
		}
	}

	// A newer state wins, an older one that comes late does not; the lines stay with their header.
	r.advance(time.Minute)
	r.web.answers(shopOrder("2018000057", "Vyřízena", "2018-12-13T10:09:00+0100", `{"itemId":2,"code":"B","amount":"5.000"}`))
	want(t, r.run(c, call(r.event(notice))), hub.Succeeded)
	r.advance(time.Minute)
	r.web.answers(shopOrder("2018000057", "Vyřizuje se", "2018-12-13T10:08:59+0100", `{"itemId":9,"code":"Z","amount":"9.000"}`))
	want(t, r.run(c, call(r.event(notice))), hub.Succeeded)
	if got, want := r.rows(`SELECT status FROM orders`)+"|"+r.rows(`SELECT line_no, sku, quantity FROM order_lines`), "done|2 B 5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(r.published[2].Data); !strings.Contains(got, `"outcome":"refused"`) {
		t.Errorf("published %s", got)
	}
}

// "First validate, then write": nothing after a failed step happens, and the next try begins there.
func TestM7_FailedStepStopsTheRest(t *testing.T) {
	r := newRig(t)
	r.database(shopSchema)
	r.tables["states"] = hub.TranslationTable{Entries: map[string]string{}}
	c := r.pipeline(shopSteps)
	res := r.run(c, call(r.event(`{"event":7}`)))
	want(t, res, hub.StepFailed, "step 1 (validate)", "eventInstance")
	if !res.Attempt.Final || res.Attempt.Blame || len(r.web.calls()) != 0 || stages(res.Attempt) != "validate failed" {
		t.Errorf("got %+v after %d calls", res.Attempt, len(r.web.calls()))
	}

	// An unknown word stops and asks; what was fetched is kept, and the next try does not fetch again.
	r.web.answers(shopOrder("2018000057", "Nová", "2018-12-13T10:08:03+0100"))
	first := call(r.event(notice))
	res = r.run(c, first)
	want(t, res, hub.StepFailed, "step 3 (map)", `"states"`, `"Nová"`, "retry")
	if res.Attempt.Final || res.Attempt.Blame || stages(res.Attempt) != "validate done, fetch done, map failed" {
		t.Errorf("got %+v", res.Attempt)
	}
	if r.rows(`SELECT * FROM orders`) != "" {
		t.Error("something was written")
	}
	r.tables["states"] = hub.TranslationTable{Entries: map[string]string{"Nová": "new"}}
	first.Progress, first.Number = res.Progress, 2
	res = r.run(c, first)
	want(t, res, hub.Succeeded)
	if got := stages(res.Attempt); got != "validate kept, fetch kept, map done, upsert done, publish done" || len(r.web.calls()) != 1 {
		t.Errorf("%s after %d calls", got, len(r.web.calls()))
	}
	if got := r.rows(`SELECT status FROM orders`); got != "new" {
		t.Errorf("status %s", got)
	}

	// A default takes what nobody knows.
	other := "other"
	r.tables["states"] = hub.TranslationTable{Entries: map[string]string{}, Default: &other}
	r.advance(time.Minute)
	want(t, r.run(c, call(r.event(notice))), hub.Succeeded)
}

// The payment example: stored, mailed to the customer, published for stock and delivery.
func TestC5_N6_PaymentIsStoredMailedAndPublished(t *testing.T) {
	r := newRig(t)
	r.database(`CREATE TABLE payments (id TEXT PRIMARY KEY, amount NUMERIC, currency TEXT)`)
	c := r.pipeline(`[
	 {"type":"upsert","connection":"erp","table":"payments","key":["id"],"columns":{"id":"#object.id#","amount":"#object.amount#","currency":"#object.currency#"}},
	 {"type":"mail","to":["#object.receipt_email#","Účtárna <ucto@example.cz>"],"subject":"Platba #object.id# přijata","body":"Děkujeme za #object.amount# #object.currency#.","language":"cs","domains":["example.com"]},
	 {"type":"publish","event":{"type":"payment.stored","data":"#object#"}}]`)
	e := r.event(`{"object":{"id":"pi_1","amount":150.50,"ref":12345678901234567890,"currency":"czk","receipt_email":"jana@example.com"}}`)
	in := call(e)
	saves := 0
	in.Save = func(_ context.Context, progress []byte) error {
		saves++
		if len(r.mail.Mails()) != 1 || len(r.published) != 0 || !strings.Contains(string(progress), `"done":true`) {
			t.Errorf("saved out of turn: %s", progress)
		}
		return nil
	}
	want(t, r.run(c, in), hub.Succeeded)
	if saves != 1 {
		t.Errorf("saved %d times, want once: after the mail, before the event", saves)
	}
	got := r.mail.Mails()
	if len(got) != 1 || fmt.Sprint(got[0].To) != "[jana@example.com ucto@example.cz]" || !strings.Contains(got[0].Data, "Message-ID: <"+in.DeliveryID+"-2@example.cz>") {
		t.Fatalf("mails %+v", got)
	}
	if string(r.published[0].Data) != `{"id":"pi_1","amount":150.50,"ref":12345678901234567890,"currency":"czk","receipt_email":"jana@example.com"}` || r.published[0].ID != in.DeliveryID+"-3" {
		t.Errorf("published %+v", r.published)
	}
	if got := r.rows(`SELECT id, currency FROM payments`); got != "pi_1 czk" {
		t.Errorf("got %s", got)
	}
}

// The mail went out, the event could not be published: the next try must not mail again.
func TestC5_NothingIsSentTwiceAfterAFailure(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"mail","to":["#mail#"],"subject":"x"},{"type":"publish","event":{"type":"a.b"}}]`)
	r.refuse = hub.Errorf(hub.Unavailable, "the disk is full")
	in := call(r.event(`{"mail":"a@b.cz"}`))
	res := r.run(c, in)
	want(t, res, hub.StepFailed, "step 2 (publish)", "the disk is full")
	if !res.Attempt.Blame || res.Attempt.Final {
		t.Errorf("got %+v", res.Attempt)
	}
	r.refuse, in.Progress = nil, res.Progress
	res = r.run(c, in)
	want(t, res, hub.Succeeded)
	if n := len(r.mail.Mails()); n != 1 || len(r.published) != 1 {
		t.Errorf("%d mails, %d events", n, len(r.published))
	}

	// When the record of the mail cannot be kept, the next step does not begin.
	in = call(r.event(`{"mail":"a@b.cz"}`))
	in.Save = func(context.Context, []byte) error { return fmt.Errorf("no disk") }
	res = r.run(c, in)
	want(t, res, hub.StepFailed, "no disk")
	if len(r.published) != 1 || res.Attempt.Final || len(res.Progress) == 0 {
		t.Errorf("%d events, progress %s", len(r.published), res.Progress)
	}
}

// Changed settings undo only what they concern.
func TestM7_ChangedStepsAreDoneAgain(t *testing.T) {
	r := newRig(t)
	steps := func(subject, kind string) *Compiled {
		return r.pipeline(`[{"type":"fetch","as":"o","request":{"url":"$URL/o"},"auth":{"type":"bearer","token":"` + subject + `-token"}},
		 {"type":"mail","to":["a@b.cz"],"subject":"` + subject + `"},{"type":"publish","event":{"type":"` + kind + `"}}]`)
	}
	r.web.answers(`{"x":1}`)
	r.refuse = hub.Errorf(hub.Unavailable, "full")
	in := call(r.event(`{}`))
	in.Progress = r.run(steps("one", "a.b"), in).Progress
	in.Progress = r.run(steps("one", "c.d"), in).Progress
	if len(r.web.calls()) != 1 || len(r.mail.Mails()) != 1 {
		t.Errorf("a later step's change undid earlier ones: %d calls, %d mails", len(r.web.calls()), len(r.mail.Mails()))
	}
	res := r.run(steps("two", "c.d"), in)
	if got := stages(res.Attempt); got != "fetch kept, mail done, publish failed" {
		t.Errorf("a new token undid the fetch, or a new text did not mail: %s", got)
	}
	in.Progress = []byte(`{"steps":[{"hash":"?`)
	if got := stages(r.run(steps("two", "c.d"), in).Attempt); got != "fetch done, mail done, publish failed" {
		t.Errorf("with unreadable progress: %s", got)
	}
}
