package settings_test

import (
	"encoding/json"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

const plain = `{"request":{"url":"https://wms.example/in"}}`

func TestC1_AnEndpointIsAnAddressAndEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"name":"Sklad","request":{"url":"https://wms.example/in"},"subscription":{"event_types":["order.*"]}}`)
		if !strings.HasPrefix(made.Endpoint.Signature.Secret.Reveal(), "whsec_") {
			t.Error("no signing secret was made")
		}
		got := o.read(made)
		if got.Name != "Sklad" || got.State != hub.Active || got.Version != 1 || got.Endpoint.Subscription.EventTypes[0] != "order.*" {
			t.Errorf("got %+v", got)
		}
		if got.Endpoint.Signature.Secret != made.Endpoint.Signature.Secret {
			t.Error("the stored secret is another one")
		}
		list, _, err := o.Endpoints(o.ctx, o.tenant, store.Page{Limit: 10})
		o.ok(err)
		if len(list) != 1 || list[0].ID != made.ID {
			t.Errorf("list: got %v", list)
		}
		o.ok(o.DeleteEndpoint(o.ctx, o.tenant, "Sklad", o.ETag(got), jana))
		_, err = o.Endpoint(o.ctx, o.tenant, id(made))
		o.refused(err, hub.NotFound, "")
		if last := o.changes[len(o.changes)-1]; !last.Deleted {
			t.Error("nobody was told of the deletion")
		}
	})
}

func TestEveryChangeIsLiveInOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		o.patch(made, `{"retry":{"intervals":["1s"]}}`)
		o.patch(made, `{"name":"Second"}`)
		if len(o.changes) != 3 || o.changes[2].Version != 3 || o.changes[2].Name != "Second" {
			t.Fatalf("got %+v", o.changes)
		}
		if !(o.revs[0] < o.revs[1] && o.revs[1] < o.revs[2]) {
			t.Errorf("revisions %v do not rise", o.revs)
		}
		if got := o.read(made); len(got.Endpoint.Retry.Intervals) != 1 || got.Endpoint.Retry.Jitter != 0.1 {
			t.Errorf("got %+v: a patch changes what it names and nothing else", got.Endpoint.Retry)
		}
		o.patch(made, `{"retry":null}`)
		if got := o.read(made); len(got.Endpoint.Retry.Intervals) != 9 {
			t.Errorf("got %+v: null brings the default back", got.Endpoint.Retry)
		}
		before := len(o.changes)
		o.patch(made, `{"name":"Second"}`)
		if len(o.changes) != before {
			t.Error("a change that changes nothing made a version")
		}
	})
}

func TestWhatWasReadCanBePutBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"uid":"wms","request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"t0ken"}}`)
		text := asText(t, o.read(made).Endpoint)
		wantNo(t, text, "t0ken", made.Endpoint.Signature.Secret.Reveal())
		put, created, err := o.ReplaceEndpoint(o.ctx, o.tenant, "wms", o.endpoint(text), o.ETag(made), jana)
		o.ok(err)
		if created || put.Version != 1 || put.Endpoint.Auth.Token.Reveal() != "t0ken" {
			t.Errorf("got %+v", put)
		}
		put, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, "wms", o.endpoint(plain), "", jana)
		o.ok(err)
		if put.UID != "wms" || put.Endpoint.Auth.Type != "none" || put.Endpoint.Signature.Secret != made.Endpoint.Signature.Secret {
			t.Errorf("got %+v: a PUT replaces all but the uid it was put at and the signing secret", put.Endpoint)
		}
	})
}

func TestPutCreatesAtAUIDOrName(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		a, created, err := o.ReplaceEndpoint(o.ctx, o.tenant, "wms-1", o.endpoint(plain), "", jana)
		o.ok(err)
		b, again, err := o.ReplaceEndpoint(o.ctx, o.tenant, "wms-1", o.endpoint(plain), "", jana)
		o.ok(err)
		if !created || again || a.UID != "wms-1" || b.ID != a.ID {
			t.Errorf("got %v %v %+v", created, again, a)
		}
		c, _, err := o.ReplaceEndpoint(o.ctx, o.tenant, "Sklad 2", o.endpoint(`{"name":"Sklad 2","request":{"url":"https://x.example"}}`), "", jana)
		o.ok(err)
		if c.UID != "" || c.Name != "Sklad 2" {
			t.Errorf("got %+v", c)
		}
		d, _, err := o.ReplaceEndpoint(o.ctx, o.tenant, "Sklad 3", o.endpoint(plain), "", jana)
		o.ok(err)
		e, again, err := o.ReplaceEndpoint(o.ctx, o.tenant, "Sklad 3", o.endpoint(plain), "", jana)
		o.ok(err)
		if d.Name != "Sklad 3" || d.UID != "" || again || e.ID != d.ID || e.Name != "Sklad 3" {
			t.Errorf("got %+v, then %+v", d, e)
		}
		_, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, "Sklad 4", o.endpoint(`{"name":"Other","request":{"url":"https://x.example"}}`), "", jana)
		o.refused(err, hub.Invalid, "/name")
		_, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, "wms-4", o.endpoint(`{"uid":"wms-5","request":{"url":"https://x.example"}}`), "", jana)
		o.refused(err, hub.Invalid, "/uid")
		_, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, "ep_01h", o.endpoint(plain), "", jana)
		o.refused(err, hub.NotFound, "")
		_, _, err = o.ReplaceEndpoint(o.ctx, o.tenant, "new", o.endpoint(plain), `"1"`, jana)
		o.refused(err, hub.PreconditionFailed, "")
		_, err = o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(`{"uid":"wms-1","request":{"url":"https://x.example"}}`), jana)
		o.refused(err, hub.Conflict, "")
	})
}

func TestANameOfTwoIsNoReference(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		a, b := o.create(plain), o.create(plain)
		_, err := o.Endpoint(o.ctx, o.tenant, "wms.example")
		o.refused(err, hub.Conflict, "")
		if !strings.Contains(err.Error(), id(a)) || !strings.Contains(err.Error(), id(b)) {
			t.Errorf("%v does not list both ids", err)
		}
	})
}

func TestTwoEditorsDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		seen := o.ETag(made)
		o.patch(made, `{"name":"Petr"}`)
		_, err := o.PatchEndpoint(o.ctx, o.tenant, id(made), json.RawMessage(`{"name":"Jana"}`), seen, jana)
		o.refused(err, hub.PreconditionFailed, "")
		o.refused(o.DeleteEndpoint(o.ctx, o.tenant, id(made), seen, jana), hub.PreconditionFailed, "")
		_, err = o.PatchEndpoint(o.ctx, o.tenant, id(made), json.RawMessage(`{"name":"Jana"}`), `"1", "2"`, jana)
		o.ok(err)
	})
}

func TestBadSettingsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		_, err := o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(`{
			"subscription":{"condition":"data.total >"},
			"request":{"url":"https://#host#/","timeout":"2m"},
			"signature":{"secret":"whsec_c2hvcnQ="},
			"limits":{"concurrency":0}}`), jana)
		for _, pointer := range []string{"/subscription/condition", "/request/url", "/request/timeout", "/signature/secret", "/limits/concurrency"} {
			o.refused(err, hub.Invalid, pointer)
		}
		wantNo(t, err.Error(), "c2hvcnQ")
		_, err = o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(`{"request":{"url":"https://x.example/","body":"{\"a\":#"}}`), jana)
		o.refused(err, hub.Invalid, "/request/body")
		_, err = o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(`{"batch":{"size":10},"request":{"url":"https://x.example/"}}`), jana)
		o.refused(err, hub.NotAvailable, "/batch")
		made := o.create(plain)
		_, err = o.tryPatch(made, `{"retries":3}`)
		o.refused(err, hub.Invalid, "/retries")
		_, err = o.tryPatch(made, `{"request":{"timeout":15}}`)
		o.refused(err, hub.Invalid, "")
		_, err = o.tryPatch(made, `[]`)
		o.refused(err, hub.Invalid, "")
		if len(o.changes) != 1 {
			t.Errorf("something refused was stored: %v", o.changes)
		}
	})
}

func TestE5_ABodyTakesThePayloadWithIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		got := o.patch(made, `{"request":{"body":"{\"eshop\":\"#account.eshopId#\"}"}}`)
		if got.Endpoint.Request.Payload != hub.PayloadTemplate {
			t.Errorf("got %s", got.Endpoint.Request.Payload)
		}
		got = o.patch(made, `{"request":{"body":null}}`)
		if got.Endpoint.Request.Payload != hub.PayloadStandard || got.Endpoint.Request.Body != nil {
			t.Errorf("got %+v", got.Endpoint.Request)
		}
	})
}

func TestP2_EverythingAWebhookIsMadeOfIsKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"name":"Zeiterfassung","active":true,"description":"für die Monteure","labels":{"team":"montage"},
			"subscription":{"event_types":["project.created","project.*"],"channels":["cz"],"condition":"num(data.total) > 100.0"},
			"request":{"url":"https://zeit.example/in?n=#endpoint.name#","table":"projekte","attributes":{"mandant":"01","größe":"ř"},"fields":["nummer","kunde.name"]},
			"retry":{"intervals":["30s","1m","2m"],"jitter":0},"order":{"by":"key","stuck":{"set_aside_after":5}},
			"limits":{"rate":"5/s","concurrency":2},"success":{"status":["200"],"condition":"response.json.ok == true","final":[{"status":["422"]}]}}`)
		if got, want := asText(t, o.read(made).Endpoint), asText(t, made.Endpoint); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
		got := o.read(made).Endpoint
		if got.Request.Attributes["größe"] != "ř" || got.Order.Stuck.SetAsideAfter != 5 || got.Limits.Rate.Count != 5 || (*got.Request.Fields)[1] != "kunde.name" {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAMoveWithABacklogIsConfirmed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(plain)
		o.owe(made, 3)
		_, err := o.tryPatch(made, `{"request":{"url":"https://other.example/in"}}`)
		o.refused(err, hub.Conflict, "")
		if !strings.Contains(err.Error(), "3 deliveries") {
			t.Errorf("%v does not say how many wait", err)
		}
		o.patch(made, `{"request":{"url":"https://wms.example/elsewhere"}}`)
		_, err = o.PatchEndpoint(o.ctx, o.tenant, id(made), json.RawMessage(`{"request":{"url":"https://other.example/in"}}`), "",
			settings.By{Name: "Jana", Backlog: true})
		o.ok(err)
	})
}

func TestRule14_AnotherTenantsEndpointIsUnknown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		made := o.create(`{"uid":"wms","request":{"url":"https://wms.example/in"},"auth":{"type":"bearer","token":"t0ken"}}`)
		uid := "customer-2"
		other, _, err := o.CreateTenant(o.ctx, settings.Tenant{UID: &uid, Name: "Two"}, jana)
		o.ok(err)
		for _, ref := range []string{id(made), "wms", "wms.example"} {
			_, err := o.Endpoint(o.ctx, other.No, ref)
			o.refused(err, hub.NotFound, "")
			_, err = o.PatchEndpoint(o.ctx, other.No, ref, json.RawMessage(`{"name":"x"}`), "", jana)
			o.refused(err, hub.NotFound, "")
			_, err = o.Pause(o.ctx, other.No, ref, jana, "")
			o.refused(err, hub.NotFound, "")
			_, err = o.Secret(o.ctx, other.No, ref, jana)
			o.refused(err, hub.NotFound, "")
			_, err = o.Preview(o.ctx, other.No, ref, nil, settings.TryInput{})
			o.refused(err, hub.NotFound, "")
			o.refused(o.DeleteEndpoint(o.ctx, other.No, ref, "", jana), hub.NotFound, "")
		}
		list, _, err := o.Endpoints(o.ctx, other.No, store.Page{Limit: 10})
		o.ok(err)
		if len(list) != 0 {
			t.Errorf("got %v", list)
		}
	})
}
