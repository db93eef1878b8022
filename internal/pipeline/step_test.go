package pipeline

import (
	"context"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/http"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/mail"
)

// The same order as XML with its lines, as JSON, and as a form; repeats bear the same key.
func TestM5_RequestStep(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[
	 {"type":"request","name":"import","request":{"url":"$URL/import","content_type":"application/xml","body":"<order number=\"#order.code#\">#each order.items#<line sku=\"#code#\">#amount#</line>#end#</order>"},"auth":{"type":"basic","username":"u","password":"planted-geheim"}},
	 {"type":"request","as":"answer","request":{"url":"$URL/json","method":"PUT","body":"{\"number\":\"#order.code#\",\"items\":#order.items#}","headers":{"Idempotency-Key":"#event.key#"}}},
	 {"type":"request","request":{"url":"$URL/form","content_type":"application/x-www-form-urlencoded","body":"number=#order.code#&id=#answer.id#"}}]`)
	r.web.answers("", `{"id":"žž 7"}`, "503 ", "")
	in := call(r.event(`{"order":{"code":"A&B","items":[{"code":"<1>","amount":2.50},{"code":"2","amount":1}]}}`))
	res := r.run(c, in)
	want(t, res, hub.Refused, "step 3 (request)", "503")
	if !res.Attempt.BlamesTarget() {
		t.Error("a 503 says something about the other side")
	}
	in.Progress, in.AttemptID = res.Progress, "att_2"
	want(t, r.run(c, in), hub.Succeeded)
	got := r.web.calls()
	if len(got) != 4 {
		t.Fatalf("%d calls", len(got))
	}
	for i, want := range []string{`<order number="A&amp;B"><line sku="&lt;1&gt;">2.50</line><line sku="2">1</line></order>`,
		`{"number":"A&B","items":[{"code":"<1>","amount":2.50},{"code":"2","amount":1}]}`, "number=A%26B&id=%C5%BE%C5%BE+7", "number=A%26B&id=%C5%BE%C5%BE+7"} {
		if got[i].Body != want {
			t.Errorf("call %d: got %s, want %s", i, got[i].Body, want)
		}
	}
	for i, want := range []string{in.DeliveryID + "-1", "2018000057", in.DeliveryID + "-3", in.DeliveryID + "-3"} {
		if key := got[i].Header["Idempotency-Key"]; len(key) != 1 || key[0] != want {
			t.Errorf("call %d: key %v, want %s", i, key, want)
		}
	}
	if h := got[0].Header; h.Get("Webhook-Id") == "" || h.Get("Hacek-Delivery") != in.DeliveryID || h.Get("Content-Type") != "application/xml; charset=utf-8" || h.Get("Authorization") == "" {
		t.Errorf("headers %v", h)
	}
}

// "Accepted" is not "imported".
func TestM5_ConfirmStep(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"request","as":"job","request":{"url":"$URL/import","body":"{}"}},
	 {"type":"confirm","request":{"url":"$URL/jobs/#job.id#"},"until":"response.json.state == 'imported'","every":"10s","for":"1m"},
	 {"type":"publish","event":{"type":"order.imported"}}]`)
	r.web.answers(`{"id":5}`, "404 ", `{"state":"queued"}`, "503 ", `{"other":1}`, `{"state":"imported"}`)
	in := call(r.event(`{}`))
	for i, why := range []string{"404", "queued", "503", "state"} {
		res := r.run(c, in)
		want(t, res, hub.Waiting, why)
		if res.Attempt.Wait != 10*time.Second || res.Attempt.BlamesTarget() {
			t.Errorf("round %d: %+v", i, res.Attempt)
		}
		in.Progress = res.Progress
		r.advance(res.Attempt.Wait)
	}
	want(t, r.run(c, in), hub.Succeeded)
	if got := r.web.calls(); len(got) != 6 || got[5].URI != "/jobs/5" || len(r.published) != 1 {
		t.Errorf("%d calls, %d events", len(got), len(r.published))
	}

	r.web.answers(`{"id":6}`, `{"state":"queued"}`)
	in = call(r.event(`{}`))
	var res Result
	for range 20 {
		if res = r.run(c, in); res.Attempt.Result != hub.Waiting {
			break
		}
		in.Progress = res.Progress
		r.advance(res.Attempt.Wait)
	}
	want(t, res, hub.StepFailed, "not confirmed within 1m", "queued")
	if res.Attempt.Final || strings.Contains(string(res.Progress), "since") {
		t.Errorf("the next try does not ask anew: %s", res.Progress)
	}
	r.web.answers(`{"id":7}`, "403 ")
	want(t, r.run(c, call(r.event(`{}`))), hub.Refused, "403")
}

func TestM7_WaitStep(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"wait","for":"30s"},{"type":"publish","event":{"type":"x"}}]`)
	in := call(r.event(`{}`))
	for _, left := range []time.Duration{30 * time.Second, 20 * time.Second} {
		res := r.run(c, in)
		want(t, res, hub.Waiting, "step 1 (wait)")
		if res.Attempt.Wait != left || res.Attempt.BlamesTarget() {
			t.Errorf("waits %s, want %s", res.Attempt.Wait, left)
		}
		in.Progress = res.Progress
		r.advance(10 * time.Second)
	}
	r.advance(10 * time.Second)
	want(t, r.run(c, in), hub.Succeeded)
	if len(r.published) != 1 {
		t.Errorf("published %v", r.published)
	}
}

// One address a value, only in allowed domains, nothing slipped into a header.
func TestRule4_MailFromAnEvent(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"mail","to":["#mail#"],"subject":"O #name#","body":"#name#","domains":["example.cz"]}]`)
	for data, words := range map[string]string{
		`{"mail":"a@example.cz, b@example.cz"}`:     "not one mail address",
		`{"mail":"a@example.cz\r\nBcc: x@evil.cz"}`: "control character",
		`{"mail":"a@evil.cz"}`:                      "none of the allowed domains",
		`{"mail":"a@example.cz.evil.cz"}`:           "none of the allowed domains",
		`{"mail":""}`:                               "nobody",
		`{}`:                                        "nobody",
		`{"mail":"a@example.cz","name":"x\r\nBcc: b@evil.cz"}`: "control character",
	} {
		res := r.run(c, call(r.event(data)))
		want(t, res, hub.StepFailed, words)
		if !res.Attempt.Final || res.Attempt.Blame {
			t.Errorf("%s: got %+v", data, res.Attempt)
		}
	}
	if got := r.mail.Mails(); len(got) != 0 {
		t.Errorf("sent %+v", got)
	}
	want(t, r.run(c, call(r.event(`{"mail":"Your bank <a@example.cz>","name":"#mail#"}`))), hub.Succeeded)
	if got := r.mail.Mails(); !strings.Contains(got[0].Data, "Subject: O #mail#") || strings.Contains(got[0].Data, "Your bank") {
		t.Errorf("sent %s", got[0].Data)
	}
}

// What an event brings along stands in a mail as text: it neither turns the line round nor hides in it nor is more than text.
func TestC5_HostileTextInAMailIsOnlyText(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"mail","to":["a@b.cz"],"subject":"O #name#","body":"#name# #note#"}]`)
	want(t, r.run(c, call(r.event(`{"name":"<script>1</script>\u202etxt.exe\u2066\u200b\u00ad","note":"a\u0000\u001b[31m\u2028\r\nBcc: x@evil.cz\n`+strings.Repeat("ž", 400_000)+`"}`))), hub.Succeeded)
	m, err := netmail.ReadMessage(strings.NewReader(r.mail.Mails()[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if want := "O <script>1</script>�txt.exe���"; err != nil || subject != want {
		t.Errorf("the subject is %q %v, want %q", subject, err, want)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	want := "<script>1</script>�txt.exe��� a��[31m�\nBcc: x@evil.cz\n" + strings.Repeat("ž", 400_000)
	if got := strings.TrimSpace(string(text)); err != nil || got != want {
		t.Errorf("the mail says %.200q %v, want %.200q", got, err, want)
	}
	if kind := m.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || m.Header.Get("Bcc") != "" {
		t.Errorf("the mail is %s with the header %v", kind, m.Header)
	}
}

func TestC5_MailServerIsAway(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"mail","to":["a@b.cz"],"subject":"x"}]`)
	r.mail.Answers(func(verb, _ string) string {
		if verb == "RCPT" {
			return "550 no such user"
		}
		return ""
	})
	res := r.run(c, call(r.event(`{}`)))
	want(t, res, hub.StepFailed, "no such user")
	if !res.Attempt.Final || res.Attempt.Blame {
		t.Errorf("got %+v", res.Attempt)
	}
	r.mail.Close()
	res = r.run(c, call(r.event(`{}`)))
	want(t, res, hub.StepFailed)
	if res.Attempt.Final || !res.Attempt.Blame {
		t.Errorf("got %+v", res.Attempt)
	}
	r.runner.Mail = nil
	want(t, r.run(c, call(r.event(`{}`))), hub.StepFailed, "HACEK_MAIL")
	r.runner.Mail = &mail.Mailer{Server: hub.NewSecret("smtp://u:planted-geheim@h")}
	if text := fmt.Sprintf("%+v", r.run(c, call(r.event(`{}`)))); strings.Contains(text, "geheim") {
		t.Errorf("the password is shown: %s", text)
	}
}

// The ERP's database changes, or is away: what helps, and whom it concerns.
func TestM11_DatabaseTrouble(t *testing.T) {
	r := newRig(t)
	r.database(`CREATE TABLE orders (number VARCHAR(10) NOT NULL PRIMARY KEY, total NUMERIC)`)
	c := r.pipeline(`[{"type":"upsert","connection":"erp","table":"orders","key":["number"],"columns":{"number":"#number#","total":"#total#"}}]`)
	try := func(data string, final, blame bool, words ...string) {
		t.Helper()
		res := r.run(c, call(r.event(data)))
		want(t, res, hub.StepFailed, words...)
		if res.Attempt.Final != final || res.Attempt.Blame != blame {
			t.Errorf("%s: final %v, blame %v", data, res.Attempt.Final, res.Attempt.Blame)
		}
	}
	try(`{"number":"12345678901","total":1}`, true, false, "orders.number", "12345678901")
	try(`{"number":"1","total":"two"}`, true, false, "orders.total", "two")
	try(`{"total":1}`, true, false, "orders.number")
	if _, err := r.sql.Exec(`ALTER TABLE orders RENAME TO moved`); err != nil {
		t.Fatal(err)
	}
	try(`{"number":"1","total":1}`, false, true, "orders")
	r.runner.Connection = nil
	r.db.Close()
	unknown := r.pipeline(`[{"type":"upsert","connection":"none","table":"orders","key":["number"],"columns":{"number":"1"}}]`)
	r.database(`CREATE TABLE orders (number TEXT PRIMARY KEY)`)
	res := r.run(unknown, call(r.event(`{}`)))
	want(t, res, hub.StepFailed, "no connection none")
	if res.Attempt.Final || !res.Attempt.Blame {
		t.Errorf("got %+v", res.Attempt)
	}
}

// A list that is not there is no empty list: it must not delete the lines that are.
func TestM9_AbsentListDeletesNothing(t *testing.T) {
	r := newRig(t)
	r.database(shopSchema + `INSERT INTO order_lines VALUES ('1', 1, 'A', 1)`)
	c := r.pipeline(`[{"type":"upsert","connection":"erp","table":"orders","key":["number"],"columns":{"number":"#number#","note":"Order #number#: #nothing#"},
	 "children":[{"table":"order_lines","parent":{"order_number":"number"},"each":"items","key":["line_no"],"replace":true,"columns":{"line_no":"#no#","sku":"#item.sku# of #number#"}}]}]`)
	res := r.run(c, call(r.event(`{"number":"1","item":[]}`)))
	want(t, res, hub.StepFailed, "there is no items")
	want(t, r.run(c, call(r.event(`{"number":"1","items":"x"}`))), hub.StepFailed, "no list")
	if got := r.rows(`SELECT count(*) FROM order_lines`); got != "1" {
		t.Errorf("%s lines are left", got)
	}
	want(t, r.run(c, call(r.event(`{"number":"1","items":[{"no":1,"sku":"A","number":"7"},{"no":2,"sku":null}]}`))), hub.Succeeded)
	if got, want := r.rows(`SELECT line_no, sku FROM order_lines ORDER BY 1`), "1 A of 7\n2  of 1"; got != want {
		t.Errorf("got %q, want %q: an item's own fields come first", got, want)
	}
	want(t, r.run(c, call(r.event(`{"number":"1","items":[]}`))), hub.Succeeded)
	if got := r.rows(`SELECT (SELECT count(*) FROM order_lines), note FROM orders`); got != "0 Order 1:" {
		t.Errorf("got %s", got)
	}
}

func TestM7_DryRunWritesNothing(t *testing.T) {
	r := newRig(t)
	r.database(shopSchema)
	r.tables["states"] = hub.TranslationTable{Entries: map[string]string{"N": "new"}}
	steps := strings.TrimSuffix(shopSteps, "]") + `,{"type":"mail","to":["#order.data.order.email#"],"subject":"O #row.number#"},
	 {"type":"request","request":{"url":"$URL/import","body":"{\"n\":#row.number#}"},"auth":{"type":"bearer","token":"planted-geheim"}},
	 {"type":"confirm","request":{"url":"$URL/done"},"until":"response.status == 200","for":"1m"},{"type":"wait","for":"1h"}]`
	c := r.pipeline(steps)
	r.web.answers(`{"data":{"order":{"code":"7","status":"N","total":"1.50","email":"jana@example.cz","items":[{"itemId":1,"code":"A"}]}},"token":"planted-geheim"}`)
	records := r.runner.DryRun(t.Context(), c, r.event(notice))
	for i, words := range []string{"eventInstance", "/api/orders/2018000057", `"label":"Order 7"`, `"order_lines"`, `"order.imported"`, "jana@example.cz", "/import", "/done", "1h"} {
		if i >= len(records) {
			t.Fatalf("%d records: %+v", len(records), records)
		}
		if got := records[i]; got.Result != hub.StepDone || !strings.Contains(got.Input+got.Output, words) {
			t.Errorf("step %d: %+v lacks %s", i+1, got, words)
		}
	}
	if len(r.web.calls()) != 1 || len(r.published) != 0 || len(r.mail.Mails()) != 0 || r.rows(`SELECT * FROM orders`) != "" {
		t.Errorf("%d calls, %d events, %d mails, rows %s", len(r.web.calls()), len(r.published), len(r.mail.Mails()), r.rows(`SELECT * FROM orders`))
	}
	if text := fmt.Sprint(records); strings.Contains(text, "geheim") {
		t.Errorf("a secret is shown: %s", text)
	}
	// It finds what a run would stumble over.
	r.tables["states"] = hub.TranslationTable{}
	if got := r.runner.DryRun(t.Context(), c, r.event(notice)); len(got) != 3 || got[2].Result != hub.StepBroken || !strings.Contains(got[2].Error, "no word") {
		t.Errorf("got %+v", got)
	}
	wrong := r.pipeline(`[{"type":"upsert","connection":"erp","table":"orders","key":["number"],"columns":{"number":"1","nubmer":"2"}}]`)
	if got := r.runner.DryRun(t.Context(), wrong, r.event(`{}`)); got[0].Result != hub.StepBroken || !strings.Contains(got[0].Error, "nubmer") {
		t.Errorf("got %+v", got)
	}
	if got := r.runner.DryRun(t.Context(), wrong, r.event(`<x/>`)); got[0].Result != hub.StepBroken {
		t.Errorf("got %+v", got)
	}
}

// What is kept between two tries is bounded: a record too large to be kept is fetched again, a mail is not sent again.
func TestM7_ProgressIsBounded(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"fetch","as":"a","request":{"url":"$URL/a"}},{"type":"fetch","as":"b","request":{"url":"$URL/b"}},
	 {"type":"mail","to":["a@b.cz"],"subject":"x"},{"type":"publish","event":{"type":"x","data":{"a":"#a.n#","b":"#b.n#"}}}]`)
	r.web.answer = func(w http.ResponseWriter, q *http.Request, n int) {
		fmt.Fprintf(w, `{"n":"%s%d","fill":"%s"}`, q.URL.Path, n, strings.Repeat("x", 5<<20))
	}
	r.refuse = hub.Errorf(hub.Unavailable, "full")
	in := call(r.event(`{}`))
	res := r.run(c, in)
	want(t, res, hub.StepFailed, "full")
	if len(res.Progress) > MaxProgress || len(res.Progress) < 5<<20 {
		t.Errorf("%d bytes are kept", len(res.Progress))
	}
	r.refuse, in.Progress = nil, res.Progress
	res = r.run(c, in)
	want(t, res, hub.Succeeded)
	if got := stages(res.Attempt); got != "fetch done, fetch kept, mail kept, publish done" && got != "fetch kept, fetch done, mail kept, publish done" {
		t.Errorf("got %s", got)
	}
	if len(r.mail.Mails()) != 1 || !strings.Contains(string(r.published[0].Data), `"/a`) || !strings.Contains(string(r.published[0].Data), `"/b`) {
		t.Errorf("%d mails, published %s", len(r.mail.Mails()), r.published[0].Data)
	}
}

// What was fetched goes on as it came, whether it was kept meanwhile or not.
func TestM7_KeptResultsStayAsTheyCame(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"fetch","as":"a","request":{"url":"$URL/a"}},{"type":"publish","event":{"type":"x","data":"#a#"}}]`)
	const answer = `{"text":"<ž> & \u0041","n":1.50,"big":12345678901234567890,"n":2.0}`
	r.web.answers(answer)
	r.refuse = hub.Errorf(hub.Unavailable, "full")
	in := call(r.event(`{}`))
	in.Progress = r.run(c, in).Progress
	r.refuse = nil
	want(t, r.run(c, in), hub.Succeeded)
	if got := string(r.published[0].Data); got != answer {
		t.Errorf("got %s, want %s", got, answer)
	}
}

// A hub that stops loses no try and does nothing twice.
func TestM7_StoppedRunGoesOn(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"mail","to":["a@b.cz"],"subject":"x"},{"type":"request","request":{"url":"$URL/slow","body":"{}"}}]`)
	ctx, stop := context.WithCancel(t.Context())
	r.web.answer = func(_ http.ResponseWriter, q *http.Request, _ int) {
		stop()
		<-q.Context().Done()
	}
	in := call(r.event(`{}`))
	res := r.runner.Run(ctx, c, in)
	want(t, res, hub.Interrupted)
	r.web.answers("")
	in.Progress = res.Progress
	want(t, r.run(c, in), hub.Succeeded)
	if n := len(r.mail.Mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

// A server that repeats one step's secret must not carry it into the evidence of another.
func TestRule18_SecretsOfOneStepAreHiddenInAll(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"fetch","as":"o","request":{"url":"$URL/o"},"auth":{"type":"bearer","token":"planted-geheim"}},
	 {"type":"map","as":"m","fields":{"echo":"#o.echo#"}},
	 {"type":"request","request":{"url":"$URL/r","body":"{\"echo\":\"#m.echo#\"}"}},
	 {"type":"upsert","connection":"#x","table":"t","key":["a"],"columns":{"a":"#m.echo#"}}]`)
	r.web.answers(`{"echo":"Bearer planted-geheim"}`, "")
	res := r.run(c, call(r.event(`{}`)))
	want(t, res, hub.StepFailed)
	if text := fmt.Sprintf("%+v", res.Attempt); strings.Contains(text, "geheim") {
		t.Errorf("shown: %s", text)
	}
	if got := r.web.calls()[1].Body; got != `{"echo":"Bearer planted-geheim"}` {
		t.Errorf("what is sent is not masked: %s", got)
	}
}

// What no caller should do still ends in an attempt.
func TestM7_OddEvents(t *testing.T) {
	r := newRig(t)
	c := r.pipeline(`[{"type":"publish","event":{"type":"#kind#"}}]`)
	for data, words := range map[string]string{`<xml/>`: "only JSON", ``: "only JSON", `{"kind":"hacek.x"}`: "no type", `{"kind":""}`: "no type", `{}`: "has no kind"} {
		res := r.run(c, call(r.event(data)))
		want(t, res, hub.StepFailed, words)
		if !res.Attempt.Final {
			t.Errorf("%s is tried again", data)
		}
	}
	r.runner.Publish = func(context.Context, *hub.Event, Publish) (hub.ID, error) { panic("geheim") }
	res := r.runner.Run(t.Context(), c, call(r.event(`{"kind":"a"}`)))
	want(t, res, hub.StepFailed, "BUG")
}
