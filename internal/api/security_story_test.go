package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/api"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// operations lists what the document offers: id, method, path, whether a key is needed.
func operations(t *testing.T) (all []struct {
	id, method, path string
	open             bool
}) {
	t.Helper()
	text, err := api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths {
		for method, raw := range item {
			if method == "parameters" {
				continue
			}
			var op struct {
				OperationID string `json:"operationId"`
				Security    *[]any
			}
			if err := json.Unmarshal(raw, &op); err != nil {
				t.Fatal(err)
			}
			all = append(all, struct {
				id, method, path string
				open             bool
			}{op.OperationID, strings.ToUpper(method), path, op.Security != nil})
		}
	}
	return all
}

// bodies make each operation's request valid but for the id in its path.
func bodies(h *testHub) map[string]string {
	return map[string]string{
		"patchEndpoint": `{"name":"stolen"}`, "putEndpoint": `{"name":"stolen","request":{"url":"` + h.receiver.url + `"}}`,
		"replayEndpoint": `{"since":"2020-01-01T00:00:00Z"}`, "resendDelivery": `{"data":1}`,
		"patchPipeline": `{"name":"stolen"}`, "putPipeline": `{"name":"stolen","steps":[{"type":"wait","for":"1s"}]}`,
		"replayPipeline": `{"since":"2020-01-01T00:00:00Z"}`, "patchConnection": `{"name":"stolen"}`,
		"putConnection": `{"driver":"sqlite","dsn":"stolen.db"}`, "patchTable": `{"name":"stolen"}`, "putTable": `{"name":"stolen"}`,
	}
}

// Another tenant's id is not found: in every path of the document, and at every place of a body.
func TestRule14_ForeignIDsAreNotFound(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		theirs, ours := h.as(adminKey, "acme"), h.as(adminKey, "default")
		endpoint := theirs.endpoint(`,"name":"Theirs","uid":"theirs"`)
		event := theirs.publish(`{"type":"a","key":"FOREIGN","data":{"a":1}}`)
		delivery := theirs.deliver(event, hub.Refused, 500)
		replay := theirs.post("/v1/endpoints/"+endpoint+"/replay", `{"since":"2020-01-01T00:00:00Z"}`).want(202).text("id")
		key := theirs.post("/v1/keys", `{"name":"k","role":"viewer"}`).want(201).text("id")
		own := ours.endpoint(`,"name":"Ours"`)
		theirs.erp()
		pipeline := theirs.post("/v1/pipelines", `{"name":"Theirs","uid":"their-orders","steps":[{"type":"map","as":"row","fields":{"a":"#a#"},"tables":{"a":"states"}}]}`).want(201).text("id")
		connection, table := theirs.get("/v1/connections/erp").want(200).text("id"), theirs.get("/v1/tables/states").want(200).text("id")
		ours.post("/v1/connections", `{"name":"own","driver":"sqlite","dsn":"erp.db"}`).want(201)
		before := theirs.get("/v1/endpoints/" + endpoint).want(200).body

		tried := 0
		for _, op := range operations(t) {
			for name, id := range map[string]string{"endpoint": endpoint, "event": event, "delivery": delivery, "replay": replay, "key": key,
				"pipeline": pipeline, "connection": connection, "table": table} {
				if !strings.Contains(op.path, "{"+name+"}") {
					continue
				}
				tried++
				path := strings.ReplaceAll(op.path, "{"+name+"}", id)
				path = strings.ReplaceAll(path, "{connection}", "own") // of the table that is looked for in it
				r := ours.call(op.method, path, bodies(h)[op.id])
				if r.status != 404 {
					t.Errorf("%s with a foreign %s was answered %d: %s", op.id, name, r.status, r.body)
				}
			}
		}
		if tried < 20 {
			t.Errorf("only %d operations were tried", tried)
		}
		for _, c := range []struct{ method, path, body string }{
			{"GET", "/v1/endpoints/theirs", ""},
			{"GET", "/v1/endpoints/Theirs", ""},
			{"GET", "/v1/deliveries?target=" + endpoint, ""},
			{"GET", "/v1/deliveries?event=" + event, ""},
			{"GET", "/v1/pipelines/their-orders", ""},
			{"GET", "/v1/pipelines/Theirs", ""},
			{"GET", "/v1/connections/erp", ""},
			{"GET", "/v1/connections/erp/tables/orders", ""},
			{"GET", "/v1/tables/states", ""},
			{"GET", "/v1/deliveries?target=" + pipeline, ""},
			{"POST", "/v1/pipelines/dry-run", `{"pipeline":{"name":"a","steps":[{"type":"wait","for":"1s"}]},"event":"` + event + `"}`},
			{"POST", "/v1/endpoints/" + own + "/test", `{"event":"` + event + `"}`},
			{"POST", "/v1/endpoints/" + own + "/preview", `{"event":"` + event + `"}`},
			{"POST", "/v1/endpoints/preview", `{"endpoint":{"request":{"url":"https://x.example"}},"event":"` + event + `"}`},
			{"POST", "/v1/endpoints/test", `{"endpoint":{"request":{"url":"` + h.receiver.url + `"}},"event":"` + event + `"}`},
			{"POST", "/v1/endpoints/test", `{"endpoint":{"request":{"url":"` + h.receiver.url + `"}},"of":"` + endpoint + `","data":{}}`},
			{"POST", "/v1/endpoints/" + own + "/replay", `{"since":"2020-01-01T00:00:00Z","to":"` + endpoint + `"}`},
			{"POST", "/v1/events/" + ours.publish(`{"type":"a","data":1}`) + "/replay", `{"target":"` + endpoint + `"}`},
			{"POST", "/v1/events/" + ours.publish(`{"type":"a","data":1}`) + "/replay", `{"target":"` + pipeline + `"}`},
		} {
			if r := ours.call(c.method, c.path, c.body); r.status != 404 {
				t.Errorf("%s %s %s was answered %d: %s", c.method, c.path, c.body, r.status, r.body)
			}
		}
		for _, path := range []string{"/v1/search?q=FOREIGN", "/v1/search?q=" + event, "/v1/search?q=Theirs", "/v1/search?q=" + delivery, "/v1/events?q=FOREIGN", "/v1/events?key=FOREIGN", "/v1/deliveries?key=FOREIGN"} {
			if n := ours.get(path).want(200).count("data"); n != 0 {
				t.Errorf("%s shows what belongs to another tenant", path)
			}
		}
		for _, path := range []string{"/v1/audit?limit=250", "/v1/keys", "/v1/endpoints", "/v1/events", "/v1/pipelines", "/v1/connections", "/v1/tables"} {
			body := string(ours.get(path).want(200).body)
			for _, foreign := range []string{endpoint, key, event, pipeline, connection, table} {
				if strings.Contains(body, foreign) {
					t.Errorf("%s shows what belongs to another tenant: %s", path, body)
				}
			}
		}
		// What a body names must be the caller's own, too: another tenant's is as if it were not there.
		for pointer, step := range map[string]string{
			"/steps/0/connection": `{"type":"upsert","connection":"erp","table":"orders","key":["number"],"columns":{"number":"#a#"}}`,
			"/steps/0/tables/a":   `{"type":"map","as":"row","fields":{"a":"#a#"},"tables":{"a":"states"}}`,
		} {
			ours.post("/v1/pipelines", `{"name":"a","steps":[`+step+`]}`).problem(422, hub.Invalid, pointer)
			ours.post("/v1/pipelines/dry-run", `{"pipeline":{"name":"a","steps":[`+step+`]},"data":{"a":"new"}}`).problem(422, hub.Invalid, "/pipeline"+pointer)
		}
		if after := theirs.get("/v1/endpoints/" + endpoint).want(200).body; string(after) != string(before) {
			t.Errorf("the foreign endpoint was changed:\n%s\n%s", before, after)
		}
		theirs.get("/v1/deliveries/"+delivery).want(200).is("state", "failed")
	})
}

func TestNoOperationWithoutAKeyAndRole(t *testing.T) {
	each(t, func(h *testHub) {
		viewer := h.as(h.post("/v1/keys", `{"name":"v","role":"viewer"}`).want(201).text("key"), "")
		expired := h.as("hk_nobody_has_this_key", "")
		reads := 0
		for _, op := range operations(t) {
			if op.open {
				continue
			}
			path := strings.NewReplacer("{event}", "evt_x", "{delivery}", "dlv_x", "{endpoint}", "ep_x", "{key}", "key_x", "{name}", "n", "{pack}", "p", "{replay}", "rpl_x", "{tenant}", "t", "{pipeline}", "pip_x", "{connection}", "con_x", "{table}", "tbl_x").Replace(op.path)
			h.as("", "").call(op.method, path, "").problem(401, hub.Unauthorized)
			expired.call(op.method, path, "").problem(401, hub.Unauthorized)
			if op.method == "GET" {
				reads++
				continue
			}
			if op.id == "previewEndpoint" || op.id == "checkCondition" {
				continue // these change nothing: a viewer may
			}
			viewer.call(op.method, path, "{}").problem(403, hub.Forbidden)
		}
		if reads < 10 {
			t.Errorf("only %d reading operations were seen", reads)
		}
		h.as("", "").get("/v1/endpoints", "Authorization", "Basic x").problem(401, hub.Unauthorized)
	})
}

func TestATenantsAdministratorIsNotTheInstallations(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		key := h.as(adminKey, "acme").post("/v1/keys", `{"name":"boss","role":"administrator"}`).want(201).text("key")
		boss := h.as(key, "")
		boss.get("/v1/event-types").want(200)
		boss.get("/v1/keys").want(200)
		boss.call("PUT", "/v1/event-types/a", `{}`).problem(403, hub.Forbidden)
		boss.get("/v1/tenants").problem(403, hub.Forbidden)
		boss.get("/metrics").problem(403, hub.Forbidden)
		boss.post("/v1/tenants", `{"name":"Mine"}`).problem(403, hub.Forbidden)
		if r := h.as(key, "default").get("/v1/endpoints"); r.status/100 != 4 {
			t.Errorf("acting for another tenant was answered %d", r.status)
		}
	})
}

// A body that does not say how long it is, is counted while it comes.
func TestALongBodyInPiecesIsRefused(t *testing.T) {
	each(t, func(h *testHub) {
		request, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/v1/endpoints", io.MultiReader(strings.NewReader(`{"description":"`), strings.NewReader(strings.Repeat("x", 2<<20)+`"}`)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+h.key)
		response, err := h.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode != 413 {
			t.Errorf("answered %d, want 413", response.StatusCode)
		}
	})
}

func TestRule16_AnIdempotencyKeyBringsTheFirstAnswer(t *testing.T) {
	each(t, func(h *testHub) {
		h.endpoint("")
		key := []string{"Idempotency-Key", "k-1"}
		body := `{"type":"a","data":1.50}`
		first := h.post("/v1/events", body, key...).want(202)
		again := h.post("/v1/events", body, key...).want(202)
		if string(first.body) != string(again.body) {
			t.Errorf("first %s, then %s", first.body, again.body)
		}
		if n := h.get("/v1/events").count("data"); n != 1 {
			t.Errorf("%d events were made", n)
		}
		h.post("/v1/events", `{"type":"a","data":2}`, key...).problem(422, hub.KeyReused)
		h.post("/v1/events/batch", `[`+body+`]`, key...).want(202) // another path is another request
		h.post("/v1/events/batch", `[`+body+`]`, key...).want(202)
		if n := h.get("/v1/events").count("data"); n != 2 {
			t.Errorf("%d events were made, want 2", n)
		}
		// By another name the tenant is the same, and so is the request.
		again = h.post("/v1/tenants/default/events", body, key...).want(202)
		if string(first.body) != string(again.body) {
			t.Errorf("first %s, then %s below the tenant's path", first.body, again.body)
		}
		// A failure is not kept.
		h.post("/v1/events", `{"type":"a"}`, "Idempotency-Key", "k-2").want(422)
		h.post("/v1/events", body, "Idempotency-Key", "k-2").want(202)
		h.post("/v1/events", body, "Idempotency-Key", strings.Repeat("k", 256)).problem(422, hub.Invalid)
	})
}

func TestRule16_SecretsAreNotReplayedInClear(t *testing.T) {
	each(t, func(h *testHub) {
		body := `{"name":"A","request":{"url":"https://x.example/"}}`
		first := h.post("/v1/endpoints", body, "Idempotency-Key", "e").want(201)
		if !strings.HasPrefix(first.text("signature.secret"), "whsec_") {
			t.Fatalf("the first answer shows no secret: %s", first.body)
		}
		h.post("/v1/endpoints", body, "Idempotency-Key", "e").want(201).is("id", first.text("id")).is("signature.secret", hub.Masked)
		made := h.post("/v1/keys", `{"name":"k","role":"viewer"}`, "Idempotency-Key", "e").want(201)
		h.post("/v1/keys", `{"name":"k","role":"viewer"}`, "Idempotency-Key", "e").want(201).is("id", made.text("id")).is("key", hub.Masked)
		rotated := h.post("/v1/endpoints/"+first.text("id")+"/rotate-secret", "", "Idempotency-Key", "e").want(200).text("signature.secret")
		h.post("/v1/endpoints/"+first.text("id")+"/rotate-secret", "", "Idempotency-Key", "e").want(200).is("signature.secret", hub.Masked)
		h.get("/v1/endpoints/"+first.text("id")+"/secret").want(200).is("secret", rotated)
	})
}

func TestRule16_OneOfManyAtOnceIsDone(t *testing.T) {
	each(t, func(h *testHub) {
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if r := h.post("/v1/events", `{"type":"a","data":1}`, "Idempotency-Key", "same"); r.status != http.StatusAccepted && r.status != http.StatusConflict {
					t.Errorf("answered %d: %s", r.status, r.body)
				}
			})
		}
		wg.Wait()
		if n := h.get("/v1/events").want(200).count("data"); n != 1 {
			t.Errorf("%d events were made by one Idempotency-Key", n)
		}
	})
}

func TestRule16_ARepeatDuringTheFirstIsRefused(t *testing.T) {
	each(t, func(h *testHub) {
		// While somebody else writes, the first request waits for its commit.
		release, held := make(chan struct{}), make(chan struct{})
		go func() {
			_ = h.store.Write(context.Background(), func(*store.Tx) error {
				close(held)
				<-release
				return nil
			})
		}()
		<-held
		answers := make(chan reply, 2)
		for range 2 {
			go func() { answers <- h.post("/v1/events", `{"type":"a","data":1}`, "Idempotency-Key", "same") }()
		}
		select {
		case r := <-answers:
			r.problem(409, hub.InFlight)
			if r.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		case <-time.After(20 * time.Second):
			t.Error("neither request was refused")
		}
		close(release)
		(<-answers).want(202)
	})
}

func TestRule16_TenantsShareNoIdempotencyKeys(t *testing.T) {
	each(t, func(h *testHub) {
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		first := h.as(adminKey, "default").post("/v1/events", `{"type":"a","data":1}`, "Idempotency-Key", "same").want(202)
		second := h.as(adminKey, "acme").post("/v1/events", `{"type":"a","data":1}`, "Idempotency-Key", "same").want(202)
		if first.text("id") == second.text("id") {
			t.Error("one tenant got the answer of another")
		}
	})
}

// Whatever is sent, the answer says what is wrong, and nothing is stored.
func TestBadInput(t *testing.T) {
	each(t, func(h *testHub) {
		for _, c := range []struct {
			name, body string
			header     []string
			status     int
			code       hub.Code
			want       string
		}{
			{"not JSON", `{"type":"a","data":nope}`, nil, 400, hub.NotJSON, "byte 19"},
			{"empty", ``, nil, 400, hub.NotJSON, "empty"},
			{"huge", `{"type":"a","data":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, hub.TooLarge, "bytes"},
			{"far too huge", strings.Repeat("x", 3<<20), nil, 413, hub.TooLarge, "bytes"},
			{"binary", "\x00\x01\x02\xff", nil, 400, hub.NotJSON, "byte"},
			{"wrong charset", `{"type":"a","data":1}`, []string{"Content-Type", "application/json; charset=windows-1250"}, 415, hub.UnsupportedType, "windows-1250"},
			{"bytes of another charset", "{\"type\":\"a\",\"data\":\"\xf8\"}", nil, 400, hub.NotJSON, "UTF-8"},
			{"a form", `a=b`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, hub.UnsupportedType, "application/json"},
			{"hostile content type", `{}`, []string{"Content-Type", strings.Repeat("a;", 2000)}, 415, hub.UnsupportedType, ""},
			{"unknown field", `{"type":"a","data":1,"key2":1}`, nil, 422, hub.Invalid, "/key2"},
			{"deep", `{"type":"a","data":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, nil, 400, hub.NotJSON, "256"},
			{"key with NUL", `{"type":"a","key":"a\u0000b","data":1}`, nil, 422, hub.Invalid, "/key"},
			{"id with NUL", `{"type":"a","id":"\u0000","data":1}`, nil, 422, hub.Invalid, "/id"},
			{"long key", `{"type":"a","key":"` + strings.Repeat("ř", 200) + `","data":1}`, nil, 422, hub.Invalid, "/key"},
			{"long type", `{"type":"` + strings.Repeat("a", 300) + `","data":1}`, nil, 422, hub.Invalid, "/type"},
			{"the hub's own type", `{"type":"hacek.failing","data":1}`, nil, 422, hub.Invalid, "/type"},
			{"array", `[]`, nil, 422, hub.Invalid, "object"},
		} {
			r := h.post("/v1/events", c.body, c.header...)
			if r.status != c.status || r.text("code") != string(c.code) || !strings.Contains(string(r.body), c.want) {
				t.Errorf("%s: got %d %.300s, want %d %s with %q", c.name, r.status, r.body, c.status, c.code, c.want)
			}
		}
		if n := h.get("/v1/events").want(200).count("data"); n != 0 {
			t.Errorf("%d refused events were stored", n)
		}
		for _, data := range []string{`12345678901234567890`, `1234.50`, `"ř ß þ 🎣 ` + "\u2028" + `"`, `{"":null}`, `1e400`, `-0`} {
			id := h.publish(fmt.Sprintf(`{"type":"ř","data":%s}`, data))
			if r := h.get("/v1/events/" + id).want(200); !strings.Contains(string(r.body), `"data":`+data) {
				t.Errorf("%s came back as %s", data, r.body)
			}
		}
	})
}
