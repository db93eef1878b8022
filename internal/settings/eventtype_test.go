package settings_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func (o *office) eventType(text string) settings.EventType {
	o.t.Helper()
	t := settings.DefaultEventType()
	o.ok(json.Unmarshal([]byte(text), &t))
	return t
}

const credit = `{"name":"customer.credit.changed","title":{"en":"Credit changed","cs":"Změna kreditu"},"group":"customer",
	"schema":{"type":"object","required":["customer"],"properties":{"customer":{"type":"object","properties":{"id":{"type":"string"}}},"credit":{"type":"number"}}},
	"sample":{"customer":{"id":"C-1"},"credit":1234.50},"key":"customer.id","refs":["customer.email"]}`

func TestE2_AnEventTypeOfOnesOwnNeedsNoCode(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		put, created, err := o.PutEventType(o.ctx, o.eventType(credit), "", jana)
		o.ok(err)
		if !created || len(o.types) != 1 || o.types[0].Key != "customer.id" {
			t.Errorf("got %+v, told %+v", put, o.types)
		}
		got, err := o.EventType(o.ctx, put.Name)
		o.ok(err)
		if string(got.Sample) != `{"customer":{"id":"C-1"},"credit":1234.50}` || got.Title["cs"] != "Změna kreditu" || !got.VisibleInPortal {
			t.Errorf("got %+v", got)
		}
		_, err = o.PatchEventType(o.ctx, put.Name, json.RawMessage(`{"deprecated":true}`), `"9"`, jana)
		o.refused(err, hub.PreconditionFailed, "")
		got, err = o.PatchEventType(o.ctx, put.Name, json.RawMessage(`{"deprecated":true,"sample":{"customer":{}}}`), got.ETag(), jana)
		o.ok(err)
		if !got.Deprecated || string(got.Sample) != `{"customer":{}}` || got.Version != 2 {
			t.Errorf("got %+v", got)
		}
		o.ok(o.DeleteEventType(o.ctx, put.Name, "", jana))
		_, err = o.EventType(o.ctx, put.Name)
		o.refused(err, hub.NotFound, "")
		if len(o.types) != 0 {
			t.Errorf("told %+v", o.types)
		}
	})
}

func TestO1_ABadEventTypeIsExplained(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		for text, pointer := range map[string]string{
			`{"name":""}`:                                          "/name",
			`{"name":"a b"}`:                                       "/name",
			`{"name":"order.*"}`:                                   "/name",
			`{"name":"hacek.endpoint.failing"}`:                    "/name",
			`{"name":"a","key":"order code"}`:                      "/key",
			`{"name":"a","key":"a..b"}`:                            "/key",
			`{"name":"a","refs":["a#b"]}`:                          "/refs/0",
			`{"name":"a","schema":{"type":"objekt"}}`:              "/schema/type",
			`{"name":"a","schema":[]}`:                             "/schema",
			`{"name":"a","schema":{"pattern":"("}}`:                "/schema/pattern",
			`{"name":"a","schema":{"$ref":"#/$defs/no"}}`:          "/schema",
			`{"name":"a","schema":{"$ref":"https://x.example/s"}}`: "/schema",
			`{"name":"a","schema":{"$ref":"file:///etc/passwd"}}`:  "/schema",
			`{"name":"a","schema":{"$schema":"http://json-schema.org/draft-04/schema#"}}`:                         "/schema/$schema",
			`{"name":"a","schema":{"properties":{"n":{"type":"number"}}},"sample":{"n":"1"}}`:                     "/sample/n",
			`{"name":"a","schema":{"properties":{"l":{"items":{"required":["x"]}}}},"sample":{"l":[{"x":1},{}]}}`: "/sample/l/1/x",
			`{"name":"a","schema":{"anyOf":[{"type":"string"},{"type":"number"}]},"sample":true}`:                 "/sample",
		} {
			_, _, err := o.PutEventType(o.ctx, o.eventType(text), "", jana)
			o.refused(err, hub.Invalid, pointer)
		}
		// "'anyOf' failed" would tell nobody what to write.
		if _, _, err := o.PutEventType(o.ctx, o.eventType(`{"name":"a","schema":{"type":"objekt"}}`), "", jana); !strings.Contains(fmt.Sprint(err), "number, object") {
			t.Errorf("nothing says which types there are: %v", err)
		}
		// A document that is there and would do is not loaded either.
		other := filepath.Join(t.TempDir(), "schema.json")
		o.ok(os.WriteFile(other, []byte(`{"type":"object"}`), 0o600))
		_, _, err := o.PutEventType(o.ctx, o.eventType(`{"name":"a","schema":{"$ref":"file://`+other+`"}}`), "", jana)
		o.refused(err, hub.Invalid, "/schema")
		if len(o.types) != 0 {
			t.Errorf("something refused was stored: %v", o.types)
		}
	})
}

func TestUndeclaredTypesAreListedAsDiscovered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		told := make(chan []settings.EventType, 4)
		o.TypesChanged = func(all []settings.EventType) { told <- all }
		ctx, stop := context.WithCancel(o.ctx)
		ended := make(chan error)
		go func() { ended <- o.Run(ctx) }()
		o.Discovered("order.created")
		all := <-told
		if len(all) != 1 || all[0].Name != "order.created" || !all[0].Discovered {
			t.Errorf("got %+v", all)
		}
		o.Discovered("order.created", "order.paid")
		all = <-told
		if len(all) != 2 {
			t.Errorf("got %+v", all)
		}
		stop()
		o.ok(<-ended)
		put, created, err := o.PutEventType(o.ctx, o.eventType(`{"name":"order.created"}`), "", jana)
		o.ok(err)
		if created || put.Discovered {
			t.Errorf("got %+v: declared now", put)
		}
	})
}

func TestDiscoveringNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &settings.Service{}
		for range 1000 {
			s.Discovered("a", "b", "c") // nobody runs
		}
	})
}

func TestC2_APackDeclaresItsEventTypesAndLeavesOnesOwnAlone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		all, err := o.Packs()
		o.ok(err)
		if len(all) == 0 {
			t.Fatal("no packs")
		}
		pack := all[0]
		own := pack.Types[0].Name
		_, _, err = o.PutEventType(o.ctx, o.eventType(`{"name":"`+own+`","group":"mine"}`), "", jana)
		o.ok(err)
		installed, err := o.InstallPack(o.ctx, pack.Name, jana)
		o.ok(err)
		if len(installed) != len(pack.Types)-1 {
			t.Errorf("installed %d of %d", len(installed), len(pack.Types))
		}
		if got, err := o.EventType(o.ctx, own); err != nil || got.Group != "mine" {
			t.Errorf("got %+v %v", got, err)
		}
		if len(pack.Types) > 1 {
			got, err := o.EventType(o.ctx, pack.Types[1].Name)
			o.ok(err)
			if got.Pack != pack.Name || got.Sample == nil || got.Schema == nil {
				t.Errorf("got %+v", got)
			}
		}
		again, err := o.InstallPack(o.ctx, pack.Name, jana)
		o.ok(err)
		if len(again) != 0 {
			t.Errorf("installed again: %v", again)
		}
		_, err = o.InstallPack(o.ctx, "no-such", jana)
		o.refused(err, hub.NotFound, "")
	})
}
