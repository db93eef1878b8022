package settings_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestP5_PreviewShowsTheCallWithoutMakingIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		server, calls := receiver(t, http.StatusOK)
		_, _, err := o.PutEventType(o.ctx, o.eventType(credit), "", jana)
		o.ok(err)
		made := o.create(`{"name":"Sklad","subscription":{"event_types":["customer.*"]},"auth":{"type":"bearer","token":"planted-token"},
			"request":{"url":"` + server.URL + `/in/#customer.id#?mail=#customer.email#","body":"{\"credit\":#credit#}"}}`)
		got, err := o.Preview(o.ctx, o.tenant, id(made), nil, settings.TryInput{})
		o.ok(err)
		if got.URL != server.URL+"/in/C-1?mail=" || string(got.Body) != `{"credit":1234.50}` || got.Method != "POST" {
			t.Errorf("got %s %s %s", got.Method, got.URL, got.Body)
		}
		if len(got.Warnings) != 1 || !strings.Contains(got.Warnings[0], "customer.email") {
			t.Errorf("warnings: got %q", got.Warnings)
		}
		wantNo(t, asText(t, got), "planted-token")
		unsaved := o.endpoint(asText(t, o.read(made).Endpoint))
		unsaved.Request.URL = server.URL + "/other"
		got, err = o.Preview(o.ctx, o.tenant, id(made), &unsaved, settings.TryInput{EventType: "x", Data: json.RawMessage(`{"credit":1e3}`)})
		o.ok(err)
		if got.URL != server.URL+"/other" || string(got.Body) != `{"credit":1e3}` {
			t.Errorf("got %s %s", got.URL, got.Body)
		}
		chosen := o.endpoint(`{"name":"F","request":{"url":"https://f.example/","fields":["customer.id","customer.nmae"]}}`)
		got, err = o.Preview(o.ctx, o.tenant, "", &chosen, settings.TryInput{EventType: "customer.credit.changed"})
		o.ok(err)
		if len(got.Warnings) != 1 || got.Warnings[0] != "/request/fields/1 the sample has no customer.nmae" {
			t.Errorf("warnings: got %q", got.Warnings)
		}
		if *calls != 0 {
			t.Errorf("a preview called the receiver %d times", *calls)
		}
		if strings.Contains(o.read(made).Endpoint.Request.URL, "other") {
			t.Error("a preview saved")
		}
	})
}

func TestPreviewAsksWhetherTheEventMatches(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		o.Matches = func(_ context.Context, tenant int64, sub hub.Subscription, e *hub.Event) (bool, string) {
			return false, "total 80 is not > 100"
		}
		e := o.endpoint(plain)
		got, err := o.Preview(o.ctx, o.tenant, "", &e, settings.TryInput{Data: json.RawMessage(`{"total":80}`)})
		o.ok(err)
		if got.Matched || got.Reason != "total 80 is not > 100" {
			t.Errorf("got %+v", got)
		}
		e = o.endpoint(plain)
		_, err = o.Preview(o.ctx, o.tenant, "", &e, settings.TryInput{Data: json.RawMessage(`{"total":`)})
		o.refused(err, hub.Invalid, "/data")
	})
}

func TestC4_ATestIsReallySentAndJudged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		o.Sender.Policy = loopback()
		server, calls := receiver(t, http.StatusConflict)
		made := o.create(`{"request":{"url":"` + server.URL + `/in"}}`)
		got, err := o.Test(o.ctx, o.tenant, id(made), settings.TryInput{Data: json.RawMessage(`{"a":1}`)}, jana)
		o.ok(err)
		if *calls != 1 || got.Result != hub.Refused || got.Status != http.StatusConflict || !got.Test {
			t.Errorf("calls %d, got %+v", *calls, got)
		}
		o.patch(made, `{"success":{"status":["2xx","409"]}}`)
		o.owe(made, 1)
		page, _, err := s.Events(o.ctx, store.EventFilter{Tenant: o.tenant}, store.Page{Limit: 1})
		o.ok(err)
		got, err = o.Test(o.ctx, o.tenant, id(made), settings.TryInput{Event: page[0].ID.Text(hub.EventPrefix)}, jana)
		o.ok(err)
		if got.Result != hub.Succeeded || !strings.Contains(string(got.Request.Body), `{"order":{"id":7}}`) {
			t.Errorf("got %+v", got)
		}
		if o.read(made).Health != (hub.Health{}) {
			t.Error("a test touched the endpoint's health")
		}
		_, err = o.Test(o.ctx, o.tenant, id(made), settings.TryInput{Event: hub.NewID().Text(hub.EventPrefix)}, jana)
		o.refused(err, hub.NotFound, "")
	})
}

// Rule 3 holds for a test of what is not saved: a stored secret goes where it went before, and nowhere else.
func TestRule3_AnUnsavedTestTakesNoSecretElsewhere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		o.Sender.Policy = loopback()
		server, calls := receiver(t, http.StatusNoContent)
		other, stolen := receiver(t, http.StatusNoContent)
		made := o.create(`{"auth":{"type":"bearer","token":"planted-token"},"request":{"url":"` + server.URL + `/in"}}`)
		typed := func(url, token string) hub.Endpoint {
			return o.endpoint(`{"auth":{"type":"bearer","token":"` + token + `"},"request":{"url":"` + url + `/typed"}}`)
		}
		try := func(ref string, e hub.Endpoint) (hub.Attempt, error) {
			return o.TestUnsaved(o.ctx, o.tenant, ref, e, settings.TryInput{Data: json.RawMessage(`{"a":1}`)}, jana)
		}
		got, err := try(id(made), typed(server.URL, "***"))
		o.ok(err)
		if *calls != 1 || got.Result != hub.Succeeded || !got.Test || !strings.HasSuffix(got.Request.URL, "/typed") {
			t.Errorf("calls %d, got %+v", *calls, got)
		}
		wantNo(t, asText(t, got), "planted-token")
		_, err = try(id(made), typed(other.URL, "***"))
		o.refused(err, hub.SecretRequired, "/auth/token")
		_, err = try("", typed(server.URL, "***"))
		o.refused(err, hub.SecretRequired, "/auth/token")
		if *stolen != 0 || *calls != 1 {
			t.Errorf("called %d and %d times", *stolen, *calls)
		}
		_, err = try(id(made), typed(other.URL, "typed-again"))
		o.ok(err)
		if now := o.read(made); *stolen != 1 || now.Endpoint.Request.URL != server.URL+"/in" || now.Health != (hub.Health{}) {
			t.Errorf("called %d times; stored is %+v", *stolen, now.Endpoint.Request)
		}
	})
}
