package story

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Two firms on one hub, each with a source, a pipeline, a connection and a table of the same names: neither can read, change,
// try, release or reach anything of the other's, by id or by name, in the address or in a body, in search or stream.
func TestRule14_ReceivingKeepsTenantsApart(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	careless := newShop(t)
	tenants := map[string]string{}
	for _, name := range []string{"acme", "bolt"} {
		s.call("POST", "/v1/tenants", `{"uid":"`+name+`","name":"`+name+`"}`)
		var made struct{ Key string }
		if err := json.Unmarshal([]byte(s.call("POST", "/v1/tenants/"+name+"/keys", `{"name":"editor","role":"editor"}`)), &made); err != nil {
			t.Fatal(err)
		}
		tenants[name] = made.Key
	}
	as := func(tenant, method, path, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+tenants[tenant])
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var text strings.Builder
		_, _ = bufio.NewReader(answer.Body).WriteTo(&text)
		return answer.StatusCode, text.String()
	}
	id := func(text string) string {
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(text), &made); err != nil || made.ID == "" {
			t.Fatalf("no id in %s", text)
		}
		return made.ID
	}
	// What is bolt's, with a mark that acme must never see. The installation's administrator sets it up.
	theirs := map[string]string{
		"source":     id(s.call("POST", "/v1/tenants/bolt/sources", `{"name":"Foreign shop","path":"bolt","preset":"shoptet","verify":{"secrets":["`+shopSecret+`"]}}`)),
		"connection": id(s.call("POST", "/v1/tenants/bolt/connections", `{"name":"foreign-erp","driver":"sqlite","dsn":"erp.db"}`)),
		"table":      id(s.call("POST", "/v1/tenants/bolt/tables", `{"name":"foreign-states","entries":{"a":"b"}}`)),
	}
	theirs["pipeline"] = id(s.call("POST", "/v1/tenants/bolt/pipelines", `{"name":"Foreign orders","uid":"foreign-orders","steps":[{"type":"fetch","as":"o","request":{"url":"`+careless.URL+`/#event.key#"}}]}`))
	s.call("POST", "/v1/tenants/acme/sources", `{"name":"Our shop","path":"acme","preset":"shoptet","verify":{"secrets":["`+shopSecret+`"]}}`)
	s.call("POST", "/v1/tenants/acme/pipelines", `{"name":"Our orders","steps":[{"type":"wait","for":"1s"}]}`)
	ours := id(s.call("POST", "/v1/tenants/acme/events", `{"type":"a","data":{}}`))

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	stream, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.address+"/v1/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header.Set("Authorization", "Bearer "+tenants["acme"])
	flowing, err := http.DefaultClient.Do(stream)
	if err != nil || flowing.StatusCode != 200 {
		t.Fatalf("the stream was answered %v, %v", flowing, err)
	}
	defer flowing.Body.Close()

	body := shopNotice("order:create", "FOREIGN-1", "2026-11-22T10:00:00+0100")
	if status, text := s.arrives("bolt", body, shoptet(body)); status != 200 {
		t.Fatalf("answered %d %s", status, text)
	}
	if status, _ := s.arrives("bolt", body, http.Header{"Shoptet-Webhook-Signature": {"00"}}); status != 401 {
		t.Fatalf("a wrong one was answered %d", status)
	}
	var list struct{ Data []kept }
	waitFor(t, "the refused request", func() bool {
		list.Data = nil
		s.read("/v1/tenants/bolt/sources/bolt/requests", &list)
		return len(list.Data) == 2
	})
	own := shopNotice("order:create", "OURS-1", "2026-11-22T10:00:00+0100")
	if status, text := s.arrives("acme", own, shoptet(own)); status != 200 {
		t.Fatalf("answered %d %s", status, text)
	}
	for lines := bufio.NewScanner(flowing.Body); ; {
		if !lines.Scan() {
			t.Fatal("the stream ended before our own event")
		}
		if strings.Contains(lines.Text(), "FOREIGN") || strings.Contains(lines.Text(), theirs["source"]) {
			t.Fatalf("the stream shows what is foreign: %s", lines.Text())
		}
		if strings.Contains(lines.Text(), "OURS-1") {
			break
		}
	}

	refs := map[string][]string{
		"source": {theirs["source"], "bolt", "Foreign shop"}, "pipeline": {theirs["pipeline"], "foreign-orders", "Foreign orders"},
		"connection": {theirs["connection"], "foreign-erp"}, "table": {theirs["table"], "foreign-states"},
		"event": {list.Data[0].event(), list.Data[1].event()},
	}
	tried := 0
	for _, op := range s.operations() {
		for kind, all := range refs {
			if !strings.Contains(op.path, "{"+kind+"}") {
				continue
			}
			for _, ref := range all {
				if ref == "" || op.method == "PUT" && !strings.Contains(ref, "_") {
					continue // at a free name of one's own a PUT creates
				}
				path := strings.NewReplacer("{"+kind+"}", strings.ReplaceAll(ref, " ", "%20"), "{request}", list.Data[0].ID, "{table}", "orders").Replace(op.path)
				status, text := as("acme", op.method, path, map[string]string{"POST": `{"reason":"x"}`, "PATCH": `{"description":"stolen"}`, "PUT": `{"name":"stolen"}`}[op.method])
				tried++
				// 403: a role that may not at all. 422: the body is judged first; it names nothing foreign.
				if status != 404 && !(status == 403 && strings.HasPrefix(op.path, "/v1/connections")) && status != 422 || strings.Contains(text, "FOREIGN") {
					t.Errorf("%s %s was answered %d %s", op.method, path, status, text)
				}
			}
		}
	}
	if tried < 60 {
		t.Errorf("only %d calls were tried", tried)
	}
	// In bodies.
	for _, c := range []struct{ path, body string }{
		{"/v1/pipelines", `{"name":"x","steps":[{"type":"upsert","connection":"foreign-erp","table":"orders","key":["number"],"columns":{"number":"1"}}]}`},
		{"/v1/pipelines", `{"name":"x","steps":[{"type":"map","as":"r","fields":{"a":"#a#"},"tables":{"a":"foreign-states"}}]}`},
		{"/v1/sources/preview", `{"of":"bolt","source":{"preset":"shoptet","verify":{"secrets":["x-x-x-x-x"]}}}`},
		{"/v1/sources/acme/requests/" + list.Data[0].ID + "/release", `{"reason":"x"}`},
		{"/v1/pipelines/Our%20orders/dry-run", `{"event":"` + list.Data[1].event() + list.Data[0].event() + `"}`},
		{"/v1/events/" + ours + "/replay", `{"target":"` + theirs["pipeline"] + `"}`},
	} {
		if status, text := as("acme", "POST", c.path, c.body); status != 404 && status != 422 || strings.Contains(text, "FOREIGN") {
			t.Errorf("%s %s was answered %d %s", c.path, c.body, status, text)
		}
	}
	for _, path := range []string{"/v1/search?q=FOREIGN", "/v1/search?q=Foreign", "/v1/search?q=foreign", "/v1/search?q=" + theirs["source"], "/v1/search?q=" + list.Data[0].ID,
		"/v1/sources", "/v1/pipelines", "/v1/tables", "/v1/events", "/v1/deliveries"} {
		if status, text := as("acme", "GET", path, ""); status != 200 || strings.Contains(strings.ToLower(text), "foreign") || strings.Contains(text, theirs["source"]) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	// A listener is the installation's, and a path is taken for everybody, without a word about whose it is.
	if status, text := as("acme", "POST", "/v1/listeners", `{"address":"127.0.0.1:0"}`); status != 403 {
		t.Errorf("a tenant's editor opened a listener: %d %s", status, text)
	}
	if status, text := as("acme", "POST", "/v1/sources", `{"path":"bolt","preset":"shoptet","verify":{"secrets":["x-x-x-x-x"]}}`); status != 409 || strings.Contains(strings.ToLower(text), "foreign") {
		t.Errorf("a taken path: %d %s", status, text)
	}
	// Nothing of it has changed, and each firm's event went to its own pipeline only.
	var fates struct {
		Data []struct{ Target struct{ Name string } }
	}
	s.read("/v1/tenants/bolt/events/"+list.Data[1].event()+list.Data[0].event()+"/fates", &fates)
	if len(fates.Data) != 1 || fates.Data[0].Target.Name != "Foreign orders" {
		t.Errorf("fates of the foreign event: %+v", fates)
	}
}

// event is the event that a request became, "" for none.
func (k kept) event() string {
	if len(k.Events) == 0 {
		return ""
	}
	return k.Events[0]
}

// operations are the hub's own list of what it can do.
func (s *session) operations() (all []struct{ method, path string }) {
	s.t.Helper()
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	s.read("/openapi.json", &doc)
	for path, item := range doc.Paths {
		for method := range item {
			if method != "parameters" {
				all = append(all, struct{ method, path string }{strings.ToUpper(method), path})
			}
		}
	}
	return all
}
