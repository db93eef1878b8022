package api_test

import (
	"context"
	"database/sql"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
)

// allSteps sets each setting of every type of step.
const allSteps = `[
 {"type":"validate","name":"Is it a notice?","schema":{"type":"object"}},
 {"type":"fetch","as":"order","request":{"url":"SHOP/orders/#event.key#"},"auth":{"type":"bearer","token":"planted-step-token"},
  "success":{"status":["2xx"],"condition":"response.json.ok == true"},"limits":{"concurrency":3},
  "again":{"status":["404"],"version":"changed","every":"1s","for":"10s"}},
 {"type":"map","as":"row","fields":{"number":"#order.code#","state":"#order.state#"},"tables":{"state":"states"}},
 {"type":"upsert","connection":"erp","table":"orders","key":["number"],"newer":"changed_at",
  "columns":{"number":"#row.number#","state":"#row.state#","changed_at":"#order.changed#"},
  "children":[{"table":"order_lines","parent":{"order_number":"number"},"each":"order.items","key":["order_number","line_no"],"replace":true,
   "columns":{"line_no":"#no#","sku":"#sku#"}}]},
 {"type":"request","request":{"url":"SHOP/import","body":"<order>#row.number#</order>","content_type":"application/xml"}},
 {"type":"confirm","request":{"url":"SHOP/import/#row.number#"},"until":"response.json.ok == true","every":"10s","for":"10m"},
 {"type":"mail","to":["#order.mail#"],"subject":"Order #row.number#","body":"Thank you.","language":"cs","reply_to":"shop@shop.example","domains":["shop.example"]},
 {"type":"publish","event":{"type":"order.imported","key":"#row.number#","data":"#row#"}},
 {"type":"wait","for":"30s"}]`

// shop is a shop's API with one order; it counts what is more than a question.
type shop struct {
	url   string
	wrote atomic.Int64
}

func newShop(t *testing.T) *shop {
	s := &shop{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			s.wrote.Add(1)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true,"code":"2018000057","state":"new","changed":"2018-01-02T03:04:05+0100","mail":"a@shop.example","items":[{"no":"1","sku":"A"},{"no":"2","sku":"B"}]}`)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// erp gives the hub's tenant an ERP database, a translation table, and what runs pipelines.
func (h *testHub) erp() *sql.DB {
	h.Helper()
	dir := h.TempDir()
	h.settings.Databases = connection.Options{Dir: dir}
	h.settings.Runner = &pipeline.Runner{
		Sender: &sender.Sender{Log: h.settings.Log, Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},
		Log:    h.settings.Log, Now: h.settings.Now,
		Connection: func(ctx context.Context, tenant int64, name string) (*connection.DB, error) {
			c, err := h.settings.Connection(ctx, tenant, name)
			if err != nil {
				return nil, err
			}
			db, err := connection.Open(ctx, c.Connection, h.settings.Databases)
			if err == nil {
				h.Cleanup(func() { _ = db.Close() })
			}
			return db, err
		},
		Table: func(ctx context.Context, tenant int64, name string) (hub.TranslationTable, error) {
			t, err := h.settings.Table(ctx, tenant, name)
			return t.TranslationTable, err
		},
	}
	db, err := sql.Open("sqlite", filepath.Join(dir, "erp.db"))
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(h.Context(), `
		CREATE TABLE orders (number VARCHAR(20) NOT NULL PRIMARY KEY, state VARCHAR(10), changed_at TEXT);
		CREATE TABLE order_lines (order_number VARCHAR(20) NOT NULL, line_no INTEGER NOT NULL, sku VARCHAR(20), PRIMARY KEY (order_number, line_no))`)
	if err != nil {
		h.Fatal(err)
	}
	h.post("/v1/connections", `{"name":"erp","driver":"sqlite","dsn":"erp.db","description":"Money S5"}`).want(201)
	h.post("/v1/tables", `{"name":"states","entries":{"new":"N"},"default":null,"description":"Of orders"}`).want(201)
	return db
}

// everyPipeline sets each setting of a pipeline.
func everyPipeline(shop string) string {
	return `{"name":"Orders","uid":"orders-1","active":true,
	 "subscription":{"event_types":["order:*"],"sources":["api"],"channels":[],"condition":"data.event != 'x'"},"unverified":false,
	 "steps":` + strings.ReplaceAll(allSteps, "SHOP", shop) + `,
	 "success":{"status":["2xx"],"condition":null,"final":[{"status":["404"]}]},"retry":{"intervals":["5s","5m"],"jitter":0.1},
	 "order":{"by":"key","stuck":{"set_aside_after":3}},"limits":{"rate":"5/s","concurrency":4},
	 "notify":{"failing":[],"disabled":[],"recovered":[],"after_failures":3},"disable_after":"5d","description":"From the shop","labels":{"team":"a"}}`
}

func TestM7_APipelineThroughTheAPI(t *testing.T) {
	each(t, func(h *testHub) {
		shop := newShop(t)
		h.erp()
		made := h.post("/v1/pipelines", everyPipeline(shop.url)).want(201).is("state", "active").is("waiting", "0").is("order.by", "key")
		id, tag := made.text("id"), made.header.Get("ETag")
		for _, ref := range []string{id, "orders-1", "Orders"} {
			r := h.get("/v1/pipelines/"+ref).want(200).is("id", id).is("steps.1.auth.token", hub.Masked).is("steps.1.request.method", "GET").is("steps.1.request.timeout", "15s")
			if strings.Contains(string(r.body), "planted") {
				t.Errorf("a secret is shown: %s", r.body)
			}
		}
		h.get("/v1/pipelines?limit=1").want(200).is("data.0.id", id)

		// What was read can be put back: read-only members are ignored, *** keeps secrets.
		read := h.get("/v1/pipelines/" + id).want(200)
		h.call("PUT", "/v1/pipelines/"+id, string(read.body), "If-Match", tag).want(200)
		h.call("PATCH", "/v1/pipelines/"+id, `{"description":"new","labels":null,"limits":{"rate":null}}`).want(200).is("description", "new").is("limits.rate", "").is("limits.concurrency", "4")
		h.call("PATCH", "/v1/pipelines/"+id, `{"description":"newer"}`, "Content-Type", "application/merge-patch+json").want(200)
		h.call("PATCH", "/v1/pipelines/"+id, `{"description":"late"}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.call("PUT", "/v1/pipelines/fresh", `{"name":"Fresh","steps":[{"type":"wait","for":"1s"}]}`).want(201).is("uid", "fresh")
		h.call("DELETE", "/v1/pipelines/fresh", "").want(204)

		// An event is owed to it like to an endpoint.
		event := h.publish(`{"type":"order:create","key":"2018000057","data":{"event":"order:create"}}`)
		h.get("/v1/events/"+event+"/fates").want(200).is("data.0.target.kind", "pipeline").is("data.0.target.id", id).is("data.0.outcome", "pending")
		h.get("/v1/deliveries?target=Orders").want(200).is("data.0.target.name", "Orders")
		h.post("/v1/pipelines/"+id+"/pause", `{"why":"the ERP is upgraded"}`).want(200).is("state", "paused").is("state_reason.why", "the ERP is upgraded").is("waiting", "1")
		h.get("/v1/deliveries?target="+id).want(200).is("data.0.state", "held").is("data.0.reason", "the pipeline is paused")
		h.post("/v1/pipelines/"+id+"/resume", `{"rate":"5/s"}`).want(200).is("state", "active")
		h.get("/v1/pipelines/"+id+"/stats?since=2020-01-01T00:00:00Z").want(200).is("waiting", "1")
		h.get("/v1/deliveries/"+h.deliver(event, hub.StepFailed, 0)).want(200).is("state", "failed").is("attempts.0.result", "step_failed")
		h.post("/v1/events/"+event+"/replay", `{"target":"Orders"}`).want(202).is("deliveries", "1")
		h.post("/v1/pipelines/"+id+"/replay", `{"since":"2020-01-01T00:00:00Z","outcomes":["failed"],"dry_run":true}`).want(202).is("state", "counted")

		// Where what waits would go is asked before it moves.
		moved := strings.ReplaceAll(string(h.get("/v1/pipelines/"+id).body), shop.url+"/import", "https://elsewhere.example/import")
		h.call("PUT", "/v1/pipelines/"+id, moved).want(409)
		h.call("PUT", "/v1/pipelines/"+id+"?confirm=backlog", moved).want(200)
		h.call("PATCH", "/v1/pipelines/"+id+"?confirm=backlog", `{"steps":[{"type":"request","request":{"url":"https://third.example/"}}]}`).want(200)
		h.call("DELETE", "/v1/pipelines/"+id, "").want(204)
		h.get("/v1/pipelines/"+id).problem(404, hub.NotFound)
	})
}

func TestM7_ADryRunShowsEveryStepAndWritesNothing(t *testing.T) {
	each(t, func(h *testHub) {
		shop := newShop(t)
		db := h.erp()
		id := h.post("/v1/pipelines", everyPipeline(shop.url)).want(201).text("id")
		event := h.publish(`{"type":"order:create","key":"2018000057","data":{"event":"order:create"}}`)
		run := h.post("/v1/pipelines/"+id+"/dry-run", `{"event":"`+event+`"}`).want(200).is("matched", "true")
		for i, step := range []string{"validate", "fetch", "map", "upsert"} {
			at := "steps." + string(rune('0'+i))
			run.is(at+".type", step).is(at+".result", "done")
		}
		if !strings.Contains(run.text("steps.1.output"), "2018000057") || !strings.Contains(run.text("steps.2.output"), `"N"`) || !strings.Contains(run.text("steps.3.input")+run.text("steps.3.output"), "2018000057") {
			t.Errorf("got %s", run.body)
		}
		if strings.Contains(string(run.body), "planted") {
			t.Errorf("a secret is shown: %s", run.body)
		}
		h.post("/v1/pipelines/Orders/dry-run", `{"data":{"event":"x"},"event_type":"order:create","key":"2018000057"}`).want(200).is("matched", "false")
		unsaved := `{"name":"U","steps":[{"type":"map","as":"row","fields":{"n":"#a#"}}]}`
		run = h.post("/v1/pipelines/dry-run", `{"pipeline":`+unsaved+`,"data":{"a":"7"},"event_type":null,"event":null,"key":"2018000057"}`).want(200).is("steps.0.result", "done")
		if !strings.Contains(run.text("steps.0.output"), "7") {
			t.Errorf("got %s", run.body)
		}
		h.post("/v1/pipelines/dry-run", `{"pipeline":{"name":"U","steps":[{"type":"dance"}]}}`).problem(422, hub.Invalid, "/pipeline/steps/0/type")
		rows := 0
		if err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_lines)`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d rows were written (%v)", rows, err)
		}
		if n := shop.wrote.Load(); n != 0 {
			t.Errorf("%d requests were really sent", n)
		}
		if n := h.get("/v1/events").count("data"); n != 1 {
			t.Errorf("%d events are there, one was published", n)
		}
	})
}

func TestM7_WrongStepsAreNamed(t *testing.T) {
	each(t, func(h *testHub) {
		h.erp()
		steps := func(list string) string { return `{"name":"a","steps":[` + list + `]}` }
		for _, c := range []struct {
			body string
			code hub.Code
			want []string
		}{
			{`{}`, hub.Invalid, []string{"/name", "/steps"}},
			{steps(``), hub.Invalid, []string{"/steps"}},
			{steps(`{}`), hub.Invalid, []string{"/steps/0/type"}},
			{steps(`{"type":"wait","four":"1s"}`), hub.Invalid, []string{"/steps/0/four", `did you mean \"for\"`}},
			{steps(`{"type":"wait","for":"soon"}`), hub.Invalid, []string{"/steps/0/for"}},
			{steps(`{"type":"wait","for":"1s","table":"orders"}`), hub.Invalid, []string{"/steps/0/table"}},
			{steps(`{"type":"fetch","as":"o","request":{"url":"ftp://x.example/"}}`), hub.Invalid, []string{"/steps/0/request/url"}},
			{steps(`{"type":"fetch","as":"o","request":{"url":"https://x.example/"},"auth":{"type":"bearer"}}`), hub.Invalid, []string{"/steps/0/auth/token"}},
			{steps(`{"type":"map","as":"row","fields":{"a":"#a#"},"tables":{"a":"nobody"}}`), hub.Invalid, []string{"/steps/0/tables/a"}},
			{steps(`{"type":"upsert","connection":"nobody","table":"t","key":["a"],"columns":{"a":"#a#"}}`), hub.Invalid, []string{"/steps/0/connection"}},
			{steps(`{"type":"confirm","request":{"url":"https://x.example/"},"until":"response.json.","for":"1m"}`), hub.Invalid, []string{"/steps/0/until"}},
			{`{"name":"a","steps":[{"type":"wait","for":"1s"}],"order":{"by":"size"}}`, hub.Invalid, []string{"/order/by"}},
		} {
			h.post("/v1/pipelines", c.body).problem(422, c.code, c.want...)
		}
		if n := h.get("/v1/pipelines").want(200).count("data"); n != 0 {
			t.Errorf("%d refused pipelines were stored", n)
		}
	})
}
