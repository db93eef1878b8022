package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/clock"
	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// office is a settings service on a real store, with everything it told others.
type office struct {
	*settings.Service
	t       *testing.T
	ctx     context.Context
	clock   *clock.Hand
	tenant  int64
	changes []hub.Target
	revs    []int64
	types   []settings.EventType
	keys    int
}

var jana = settings.By{Name: "Jana"}

func newOffice(t *testing.T, s *store.Store) *office {
	t.Helper()
	o := &office{t: t, ctx: t.Context(), clock: clock.NewHand(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	log := slog.New(slog.DiscardHandler)
	o.Service = &settings.Service{
		Store: s, Sender: &sender.Sender{Log: log}, Log: log, Now: o.clock.Now,
		Changed: func(t hub.Target, rev int64) {
			o.changes, o.revs = append(o.changes, t), append(o.revs, rev)
		},
		TypesChanged: func(all []settings.EventType) { o.types = all },
		KeysChanged:  func() { o.keys++ },
	}
	o.ok(o.Ensure(o.ctx))
	tenant, err := o.Tenant(o.ctx, "default")
	o.ok(err)
	o.tenant = tenant.No
	return o
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		var e *hub.Error
		if errors.As(err, &e) {
			o.t.Fatalf("%s: %v (hint: %s) %v", e.Code, err, e.Hint, e.Fields)
		}
		o.t.Fatal(err)
	}
}

// refused wants an error with a code that names a place, "" = any.
func (o *office) refused(err error, code hub.Code, pointer string) {
	o.t.Helper()
	var e *hub.Error
	if !errors.As(err, &e) || e.Code != code {
		o.t.Fatalf("got %v, want %s", err, code)
	}
	if pointer != "" && !slices.ContainsFunc(e.Fields, func(f hub.FieldError) bool { return f.Pointer == pointer }) {
		o.t.Fatalf("got %v, want %s", e.Fields, pointer)
	}
}

// endpoint reads settings as the API does: JSON over the defaults.
func (o *office) endpoint(text string) hub.Endpoint {
	o.t.Helper()
	e := hub.DefaultEndpoint()
	o.ok(json.Unmarshal([]byte(text), &e))
	return e
}

func (o *office) create(text string) hub.Target {
	o.t.Helper()
	t, err := o.CreateEndpoint(o.ctx, o.tenant, o.endpoint(text), jana)
	o.ok(err)
	return t
}

func (o *office) patch(t hub.Target, text string) hub.Target {
	o.t.Helper()
	t, err := o.tryPatch(t, text)
	o.ok(err)
	return t
}

func (o *office) tryPatch(t hub.Target, text string) (hub.Target, error) {
	return o.PatchEndpoint(o.ctx, o.tenant, id(t), json.RawMessage(text), "", jana)
}

func (o *office) read(t hub.Target) hub.Target {
	o.t.Helper()
	got, err := o.Endpoint(o.ctx, o.tenant, id(t))
	o.ok(err)
	return got
}

// owe accepts n events for a target.
func (o *office) owe(t hub.Target, n int) {
	o.t.Helper()
	for range n {
		a := &store.Accept{
			Event: &hub.Event{
				ID: hub.NewID(), Tenant: o.tenant, Type: "order.created", Source: "api", Time: o.clock.Now(),
				ReceivedAt: o.clock.Now(), Data: []byte(`{"order":{"id":7}}`), ContentType: "application/json",
			},
			Owed: []store.Owed{{Target: t.No}},
		}
		o.ok(o.Store.Accept(o.ctx, a))
		o.ok(a.Result.Err)
	}
}

func id(t hub.Target) string { return t.ID.Text(hub.EndpointPrefix) }

func asText(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// told is an audit as its reader sees it.
func told(audit []store.Revision) string {
	var b strings.Builder
	for _, r := range audit {
		fmt.Fprintf(&b, "%s %s %s %s %s\n", r.Who, r.Action, r.Object, r.Before, r.After)
	}
	return b.String()
}

func loopback() sender.Policy {
	return sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

func wantNo(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%q is in %s", s, text)
		}
	}
}
