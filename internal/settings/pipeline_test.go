package settings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// orders is a pipeline that fetches the order of a notice and writes it to the ERP.
const orders = `{"name":"Orders","subscription":{"sources":["Shoptet"],"event_types":["order:create"]},"steps":[
 {"type":"fetch","as":"order","request":{"url":"https://api.shop.example/orders/#event.key#"},"auth":{"type":"bearer","token":"planted-1"}},
 {"type":"map","as":"row","fields":{"number":"#order.code#","state":"#order.status#"},"tables":{"state":"states"}},
 {"type":"upsert","connection":"erp","table":"orders","key":["number"],"columns":{"number":"#row.number#","state":"#row.state#"}}]}`

// newERP is an office whose tenant has the connection and the table that orders names.
func newERP(t *testing.T, s *store.Store) *office {
	o := newOffice(t, s)
	o.Databases = connection.Options{Dir: t.TempDir()}
	o.connection(o.tenant, `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`)
	o.table(o.tenant, `{"name":"states","entries":{"new":"N"}}`)
	return o
}

func (o *office) pipeline(text string) hub.Pipeline {
	o.t.Helper()
	p := hub.DefaultPipeline()
	o.ok(json.Unmarshal([]byte(text), &p))
	return p
}

func (o *office) makePipeline(text string) hub.Target {
	o.t.Helper()
	t, err := o.CreatePipeline(o.ctx, o.tenant, o.pipeline(text), jana)
	o.ok(err)
	return t
}

func (o *office) connection(tenant int64, text string) settings.Connection {
	o.t.Helper()
	c, err := o.CreateConnection(o.ctx, tenant, json.RawMessage(text), jana)
	o.ok(err)
	return c
}

func (o *office) table(tenant int64, text string) settings.Table {
	o.t.Helper()
	t, err := o.CreateTable(o.ctx, tenant, json.RawMessage(text), jana)
	o.ok(err)
	return t
}

func pip(t hub.Target) string { return t.ID.Text(hub.PipelinePrefix) }

func TestM7_APipelineFromCreationToRemoval(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		made := o.makePipeline(orders)
		if made.Kind != hub.KindPipeline || made.State != hub.Active || made.Pipeline.Order.By != hub.OrderKey {
			t.Errorf("got %+v", made)
		}
		if r := made.Pipeline.Steps[0].Request; r.Method != "GET" || r.Payload != hub.PayloadNone || r.Timeout.String() != "15s" {
			t.Errorf("a fetch asks and sends nothing: got %+v", r)
		}
		for _, ref := range []string{pip(made), "Orders"} {
			got, err := o.Pipeline(o.ctx, o.tenant, ref)
			o.ok(err)
			if got.ID != made.ID || got.Pipeline.Steps[0].Auth.Token.Reveal() != "planted-1" {
				t.Errorf("%s: got %+v", ref, got)
			}
		}
		list, _, err := o.Pipelines(o.ctx, o.tenant, store.Page{Limit: 10})
		o.ok(err)
		if len(list) != 1 || list[0].ID != made.ID {
			t.Errorf("list: got %v", list)
		}
		got, err := o.PauseTarget(o.ctx, o.tenant, hub.KindPipeline, "Orders", jana, "the ERP is upgraded")
		o.ok(err)
		if got.State != hub.Paused || o.changes[len(o.changes)-1].Pipeline.Name != "Orders" {
			t.Errorf("got %+v", got)
		}
		got, err = o.ResumeTarget(o.ctx, o.tenant, hub.KindPipeline, "Orders", hub.Rate{}, jana)
		o.ok(err)
		if got.State != hub.Active {
			t.Errorf("got %+v", got)
		}
		o.ok(o.DeleteTarget(o.ctx, o.tenant, hub.KindPipeline, "Orders", o.ETag(got), jana))
		_, err = o.Pipeline(o.ctx, o.tenant, pip(made))
		o.refused(err, hub.NotFound, "")
		if last := o.changes[len(o.changes)-1]; !last.Deleted || last.Kind != hub.KindPipeline {
			t.Error("nobody was told of the deletion")
		}
		audit, _, err := o.Audit(o.ctx, o.tenant, store.Page{Limit: 100})
		o.ok(err)
		if !strings.Contains(told(audit), "Jana deleted "+pip(made)) {
			t.Errorf("got %s", told(audit))
		}
		wantNo(t, told(audit), "planted")
	})
}

func TestM7_APipelineIsReplacedAndPatched(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		made, created, err := o.ReplacePipeline(o.ctx, o.tenant, "orders-1", o.pipeline(orders), "", jana)
		o.ok(err)
		if !created || made.UID != "orders-1" {
			t.Errorf("got %v %+v", created, made)
		}
		// What was read can be put back and is no change.
		text := asText(t, made.Pipeline)
		wantNo(t, text, "planted")
		put, created, err := o.ReplacePipeline(o.ctx, o.tenant, "orders-1", o.pipeline(text), o.ETag(made), jana)
		o.ok(err)
		if created || put.Version != 1 || put.Pipeline.Steps[0].Auth.Token.Reveal() != "planted-1" {
			t.Errorf("got %+v", put)
		}
		patched, err := o.PatchPipeline(o.ctx, o.tenant, "orders-1", json.RawMessage(`{"description":"d","limits":{"concurrency":2},"unverified":true}`), "", jana)
		o.ok(err)
		if p := patched.Pipeline; p.Description != "d" || p.Limits.Concurrency != 2 || !p.Unverified || len(p.Steps) != 3 || p.Steps[0].Auth.Token.Reveal() != "planted-1" {
			t.Errorf("got %+v", p)
		}
		_, err = o.PatchPipeline(o.ctx, o.tenant, "orders-1", json.RawMessage(`{"description":"e"}`), o.ETag(made), jana)
		o.refused(err, hub.PreconditionFailed, "")
		off, err := o.PatchPipeline(o.ctx, o.tenant, "orders-1", json.RawMessage(`{"active":false,"steps":[{"type":"wait","for":"1s"}]}`), "", jana)
		o.ok(err)
		if off.State != hub.Off || len(off.Pipeline.Steps) != 1 {
			t.Errorf("got %+v", off)
		}
		_, err = o.PauseTarget(o.ctx, o.tenant, hub.KindPipeline, "orders-1", jana, "")
		o.refused(err, hub.Conflict, "")
		_, err = o.CreatePipeline(o.ctx, o.tenant, o.pipeline(strings.Replace(orders, `{"name"`, `{"uid":"orders-1","name"`, 1)), jana)
		o.refused(err, hub.Conflict, "")
	})
}

func TestM7_WrongSettingsOfAPipelineAreNamed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		for text, pointer := range map[string]string{
			`{"steps":[{"type":"wait","for":"1s"}]}`: "/name",
			`{"name":"a"}`:                           "/steps",
			`{"name":"a","steps":[]}`:                "/steps",
			`{"name":"a","steps":[` + strings.Repeat(`{"type":"wait","for":"1s"},`, 50) + `{"type":"wait","for":"1s"}]}`: "/steps",
			`{"name":"a","steps":[{"type":"dance"}]}`:                                                   "/steps/0/type",
			`{"name":"a","steps":[{"type":"wait","for":"1s","table":"t"}]}`:                             "/steps/0/table",
			`{"name":"a","uid":"pip_1","steps":[{"type":"wait","for":"1s"}]}`:                           "/uid",
			`{"name":"a","uid":"dry-run","steps":[{"type":"wait","for":"1s"}]}`:                         "/uid",
			`{"name":"a","retry":{"intervals":["1ms"]},"steps":[{"type":"wait","for":"1s"}]}`:           "/retry/intervals/0",
			`{"name":"a","order":{"by":"size"},"steps":[{"type":"wait","for":"1s"}]}`:                   "/order/by",
			`{"name":"a","limits":{"concurrency":0},"steps":[{"type":"wait","for":"1s"}]}`:              "/limits/concurrency",
			`{"name":"a","disable_after":"10ms","steps":[{"type":"wait","for":"1s"}]}`:                  "/disable_after",
			`{"name":"a","success":{"status":["9xx"]},"steps":[{"type":"wait","for":"1s"}]}`:            "/success/status/0",
			`{"name":"a","subscription":{"condition":"data.x >"},"steps":[{"type":"wait","for":"1s"}]}`: "/subscription/condition",
			`{"name":"a","subscription":{"event_types":["*.x"]},"steps":[{"type":"wait","for":"1s"}]}`:  "/subscription/event_types/0",
		} {
			_, err := o.CreatePipeline(o.ctx, o.tenant, o.pipeline(text), jana)
			o.refused(err, hub.Invalid, pointer)
		}
		if list, _, _ := o.Pipelines(o.ctx, o.tenant, store.Page{Limit: 10}); len(list) != 0 {
			t.Errorf("%d refused pipelines were stored", len(list))
		}
	})
}

func TestM5_AStepNamesConnectionsAndTablesThatExist(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		o.Databases = connection.Options{Dir: t.TempDir()}
		_, err := o.CreatePipeline(o.ctx, o.tenant, o.pipeline(orders), jana)
		o.refused(err, hub.Invalid, "/steps/2/connection")
		o.refused(err, hub.Invalid, "/steps/1/tables/state")

		// Another tenant's are none.
		other, _, err := o.CreateTenant(o.ctx, settings.Tenant{Name: "Acme"}, jana)
		o.ok(err)
		o.connection(other.No, `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`)
		o.table(other.No, `{"name":"states"}`)
		_, err = o.CreatePipeline(o.ctx, o.tenant, o.pipeline(orders), jana)
		o.refused(err, hub.Invalid, "/steps/2/connection")
		o.refused(err, hub.Invalid, "/steps/1/tables/state")

		o.connection(o.tenant, `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`)
		o.table(o.tenant, `{"name":"states"}`)
		o.makePipeline(orders)
		// What is in use neither goes nor changes its name.
		o.refused(o.DeleteConnection(o.ctx, o.tenant, "erp", "", jana), hub.Conflict, "")
		o.refused(o.DeleteTable(o.ctx, o.tenant, "states", "", jana), hub.Conflict, "")
		_, err = o.PatchConnection(o.ctx, o.tenant, "erp", json.RawMessage(`{"name":"erp2"}`), "", jana)
		o.refused(err, hub.Conflict, "")
		_, err = o.PatchTable(o.ctx, o.tenant, "states", json.RawMessage(`{"name":"states2"}`), "", jana)
		o.refused(err, hub.Conflict, "")
		o.ok(o.DeleteTarget(o.ctx, o.tenant, hub.KindPipeline, "Orders", "", jana))
		o.ok(o.DeleteConnection(o.ctx, o.tenant, "erp", "", jana))
		o.ok(o.DeleteTable(o.ctx, o.tenant, "states", "", jana))
	})
}

func TestRule3_StarsKeepAStepsSecretOnlyWhileItsAddressStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		const wait = `{"type":"wait","for":"1s"}`
		step := func(url, auth string) string {
			return `{"type":"request","request":{"url":"` + url + `"},"auth":` + auth + `}`
		}
		const oauth = `{"type":"oauth2","token_url":"https://id.example/t","client_id":"c","client_secret":"SECRET"}`
		const exchange = `{"type":"exchange","token_path":"t","header":"X-Token: #token#","request":{"method":"POST","url":"https://id.example/login","headers":{"X-Key":"SECRET"}}}`
		bearer := step("https://erp.example/in", `{"type":"bearer","token":"SECRET"}`)
		for name, c := range map[string]struct {
			made, kept, moved []string
			pointer           string
		}{
			"another host": {
				[]string{bearer}, []string{step("https://ERP.example:443/other", `{"type":"bearer","token":"SECRET"}`)},
				[]string{step("https://evil.example/in", `{"type":"bearer","token":"SECRET"}`)}, "/steps/0/auth/token",
			},
			"another scheme": {
				[]string{bearer}, []string{bearer, wait},
				[]string{step("http://erp.example/in", `{"type":"bearer","token":"SECRET"}`)}, "/steps/0/auth/token",
			},
			"another place": {[]string{bearer}, []string{bearer}, []string{wait, bearer}, "/steps/1/auth/token"},
			"another step": {
				[]string{bearer}, []string{bearer},
				[]string{strings.Replace(bearer, `"request"`, `"fetch","as":"x"`, 1)}, "/steps/0/auth/token",
			},
			"token url": {
				[]string{step("https://erp.example/in", oauth)}, []string{step("https://erp.example/in", strings.Replace(oauth, "/t", "/token", 1))},
				[]string{step("https://erp.example/in", strings.Replace(oauth, "id.example", "evil.example", 1))}, "/steps/0/auth/client_secret",
			},
			"exchange": {
				[]string{step("https://erp.example/in", exchange)}, []string{step("https://erp.example/in", strings.Replace(exchange, "login", "v2", 1))},
				[]string{step("https://erp.example/in", strings.Replace(exchange, "id.example", "evil.example", 1))}, "/steps/0/auth/request/headers/X-Key",
			},
		} {
			pipeline := func(secret string, steps []string) hub.Pipeline {
				return o.pipeline(`{"name":"p","steps":[` + strings.ReplaceAll(strings.Join(steps, ","), "SECRET", secret) + `]}`)
			}
			made, err := o.CreatePipeline(o.ctx, o.tenant, pipeline("planted", c.made), jana)
			o.ok(err)
			kept, _, err := o.ReplacePipeline(o.ctx, o.tenant, pip(made), pipeline(hub.Masked, c.kept), "", jana)
			o.ok(err)
			if !strings.Contains(revealed(&kept.Pipeline), "planted") {
				t.Errorf("%s: the secret was not kept", name)
			}
			_, _, err = o.ReplacePipeline(o.ctx, o.tenant, pip(made), pipeline(hub.Masked, c.moved), "", jana)
			o.refused(err, hub.SecretRequired, c.pointer)
			raw := asText(t, map[string]any{"steps": pipeline(hub.Masked, c.moved).Steps})
			_, err = o.PatchPipeline(o.ctx, o.tenant, pip(made), json.RawMessage(raw), "", jana)
			o.refused(err, hub.SecretRequired, c.pointer)
			moved := pipeline(hub.Masked, c.moved)
			_, err = o.DryRun(o.ctx, o.tenant, pip(made), &moved, settings.TryInput{}, jana)
			o.refused(err, hub.SecretRequired, c.pointer)
			_, err = o.DryRun(o.ctx, o.tenant, "", &moved, settings.TryInput{}, jana)
			o.refused(err, hub.SecretRequired, c.pointer)
			wantNo(t, asText(t, err), "planted")
			o.ok(o.DeleteTarget(o.ctx, o.tenant, hub.KindPipeline, pip(made), "", jana))
		}
	})
}

func revealed(of hub.Secretive) string {
	var b strings.Builder
	for _, secret := range of.Secrets() {
		b.WriteString(secret.Reveal() + "\n")
	}
	for _, headers := range of.HeaderSecrets() {
		for _, secret := range headers {
			b.WriteString(secret.Reveal() + "\n")
		}
	}
	return b.String()
}

func TestRule14_AForeignPipelineIsNotFound(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		made := o.makePipeline(orders)
		other, _, err := o.CreateTenant(o.ctx, settings.Tenant{Name: "Acme"}, jana)
		o.ok(err)
		for _, ref := range []string{pip(made), "Orders"} {
			_, err := o.Pipeline(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.AnyTarget(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.PatchPipeline(o.ctx, other.No, ref, json.RawMessage(`{"name":"x"}`), "", jana)
			o.refused(err, hub.NotFound, "")
			_, err = o.PauseTarget(o.ctx, other.No, hub.KindPipeline, ref, jana, "")
			o.refused(err, hub.NotFound, "")
			_, err = o.DryRun(o.ctx, other.No, ref, nil, settings.TryInput{}, jana)
			o.refused(err, hub.NotFound, "")
			o.refused(o.DeleteTarget(o.ctx, other.No, hub.KindPipeline, ref, "", jana), hub.NotFound, "")
		}
		// Nor is one kind the other.
		_, err = o.Endpoint(o.ctx, o.tenant, pip(made))
		o.refused(err, hub.NotFound, "")
		_, err = o.Endpoint(o.ctx, o.tenant, made.ID.Text(hub.EndpointPrefix))
		o.refused(err, hub.NotFound, "")
	})
}

func TestOneNameForTwoTargetsIsNoReference(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		made := o.makePipeline(orders)
		got, err := o.AnyTarget(o.ctx, o.tenant, "Orders")
		o.ok(err)
		if got.ID != made.ID {
			t.Errorf("got %+v", got)
		}
		endpoint := o.create(`{"name":"Orders","request":{"url":"https://wms.example/in"}}`)
		_, err = o.AnyTarget(o.ctx, o.tenant, "Orders")
		o.refused(err, hub.Conflict, "")
		got, err = o.AnyTarget(o.ctx, o.tenant, id(endpoint))
		o.ok(err)
		if got.ID != endpoint.ID {
			t.Errorf("got %+v", got)
		}
		_, err = o.AnyTarget(o.ctx, o.tenant, "nobody")
		o.refused(err, hub.NotFound, "")
	})
}

func TestAPipelinesBacklogGoesNowhereElseUnasked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		o.connection(o.tenant, `{"name":"erp-2","driver":"sqlite","dsn":"erp2.db"}`)
		made := o.makePipeline(orders)
		o.owe(made, 2)
		for _, moved := range []string{
			strings.Replace(strings.Replace(orders, "api.shop.example", "api.other.example", 1), `"planted-1"`, `"given again"`, 1),
			strings.Replace(orders, `"erp"`, `"erp-2"`, 1),
		} {
			_, _, err := o.ReplacePipeline(o.ctx, o.tenant, "Orders", o.pipeline(moved), "", jana)
			o.refused(err, hub.Conflict, "")
			_, _, err = o.ReplacePipeline(o.ctx, o.tenant, "Orders", o.pipeline(moved), "", settings.By{Name: "Jana", Backlog: true})
			o.ok(err)
			_, _, err = o.ReplacePipeline(o.ctx, o.tenant, "Orders", o.pipeline(orders), "", settings.By{Name: "Jana", Backlog: true})
			o.ok(err)
		}
		// A step that is mended is what people change while something waits.
		_, _, err := o.ReplacePipeline(o.ctx, o.tenant, "Orders", o.pipeline(strings.Replace(orders, "#order.code#", "#order.number#", 1)), "", jana)
		o.ok(err)
	})
}

func TestATenantGoesOnlyWhenNothingOfItWorks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newERP(t, s)
		uid := "acme"
		acme, _, err := o.CreateTenant(o.ctx, settings.Tenant{UID: &uid}, jana)
		o.ok(err)
		_, err = o.CreatePipeline(o.ctx, acme.No, o.pipeline(`{"name":"p","steps":[{"type":"wait","for":"1s"}]}`), jana)
		o.ok(err)
		o.connection(acme.No, `{"name":"erp","driver":"sqlite","dsn":"erp.db"}`)
		o.refused(o.DeleteTenant(o.ctx, uid, "", jana), hub.Conflict, "")
		o.ok(o.DeleteTarget(o.ctx, acme.No, hub.KindPipeline, "p", "", jana))
		o.refused(o.DeleteTenant(o.ctx, uid, "", jana), hub.Conflict, "")
		o.ok(o.DeleteConnection(o.ctx, acme.No, "erp", "", jana))
		o.ok(o.DeleteTenant(o.ctx, uid, "", jana))
	})
}

func TestO5_MailIsNotPromisedWithoutAServer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		const mail = `{"name":"p","steps":[{"type":"wait","for":"1s"},{"type":"mail","to":["a@b.cz"],"subject":"x"}]}`
		const told = `{"request":{"url":"https://wms.example/in"},"notify":{"failing":["jana@shop.example"],"language":"cs"}}`
		_, err := o.CreatePipeline(o.ctx, o.tenant, o.pipeline(mail), jana)
		o.refused(err, hub.NotAvailable, "/steps/1")
		_, err = o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(told), jana)
		o.refused(err, hub.NotAvailable, "/notify/failing")
		o.MailReady = true
		o.makePipeline(mail)
		if made := o.create(told); made.Endpoint.Notify.Language != "cs" {
			t.Errorf("got %+v", made.Endpoint.Notify)
		}
	})
}
