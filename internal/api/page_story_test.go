package api_test

import (
	"fmt"
	"testing"

	"hacek/internal/hub"
)

// Every list of the API is read to its end, in both directions, without gap or repeat.
func TestEveryListHasPages(t *testing.T) {
	each(t, func(h *testHub) {
		for i := range 5 {
			h.endpoint(fmt.Sprintf(`,"name":"E%d"`, i))
			h.post("/v1/keys", fmt.Sprintf(`{"name":"K%d","role":"viewer"}`, i)).want(201)
			h.call("PUT", fmt.Sprintf("/v1/event-types/t%d", i), `{}`).want(201)
			h.post("/v1/pipelines", fmt.Sprintf(`{"name":"P%d","subscription":{"event_types":["none"]},"steps":[{"type":"wait","for":"1s"}]}`, i)).want(201)
			h.post("/v1/tables", fmt.Sprintf(`{"name":"T%d"}`, i)).want(201)
			h.post("/v1/connections", fmt.Sprintf(`{"name":"C%d","driver":"postgres","dsn":"postgres://u:p@erp.example/erp"}`, i)).want(201)
		}
		h.publish(`{"type":"t1","data":1}`)
		h.publish(`{"type":"t1","data":1}`)
		for i := range 4 {
			h.post("/v1/tenants", fmt.Sprintf(`{"uid":"u%d","name":"U"}`, i)).want(201)
		}
		home := h.as(adminKey, "default")
		for list, want := range map[string]int{"/v1/endpoints": 5, "/v1/keys": 5, "/v1/event-types": 5, "/v1/tenants": 5, "/v1/deliveries": 10, "/v1/events": 2,
			"/v1/pipelines": 5, "/v1/tables": 5, "/v1/connections": 5} {
			var ascending []string
			for _, order := range []string{"asc", "desc"} {
				ids := home.readAll(list+"?limit=2&order="+order, want)
				if order == "asc" {
					ascending = ids
					continue
				}
				for i, id := range ids {
					if opposite := ascending[len(ids)-1-i]; id != opposite {
						t.Errorf("%s: desc is not asc backwards: %s and %s at %d", list, id, opposite, i)
						break
					}
				}
			}
			if list != "/v1/event-types" && list != "/v1/tenants" && list != "/v1/keys" {
				home.get(list+"?cursor=nonsense").problem(422, hub.Invalid, "cursor")
			}
		}
	})
}

func (h *testHub) readAll(path string, want int) (ids []string) {
	h.Helper()
	seen, cursor := map[string]bool{}, ""
	for page := 0; page == 0 || cursor != ""; page++ {
		at := path
		if cursor != "" {
			at += "&cursor=" + cursor
		}
		r := h.get(at).want(200)
		for i := range r.count("data") {
			id := r.text(fmt.Sprintf("data.%d.id", i))
			if seen[id] {
				h.Fatalf("%s: %s came twice", path, id)
			}
			seen[id] = true
			ids = append(ids, id)
		}
		if cursor = r.text("next_cursor"); page > want {
			h.Fatalf("%s: the pages do not end", path)
		}
	}
	if len(ids) != want {
		h.Fatalf("%s: got %d, want %d", path, len(ids), want)
	}
	return ids
}
