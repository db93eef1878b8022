package receiver

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/settings"
)

// source is a source of the scheme none behind an allowed network.
func source(change func(*hub.Source)) settings.Source {
	s := hub.DefaultSource()
	s.Name, s.Path, s.AllowNetworks = "shop", "shop", []string{"127.0.0.0/8"}
	s.Verify.Scheme = hub.SchemeNone
	if change != nil {
		change(&s)
	}
	return settings.Source{Object: hub.Object{No: 1, Tenant: 1, ID: hub.NewID()}, Source: s}
}

// planned is what a JSON body becomes.
func planned(t *testing.T, s settings.Source, header http.Header, body string) plan {
	t.Helper()
	l := (&Receiver{}).compile(s)
	if l.broken != nil {
		t.Fatal(l.broken)
	}
	a := &arrival{live: l, header: header, query: url.Values{"hub.mode": {"subscribe"}}, body: []byte(body)}
	a.in.Verified = true
	a.roots = roots{header: headerValue(header), query: queryValue(a.query), source: l.allowed}
	if a.decode(); a.unread != nil {
		t.Fatal(a.unread)
	}
	return a.plan(&a.roots, a.doc)
}

// shown is one event on a line: type, vendor's word, key, data.
func shown(in ingest.Input) string {
	key := "-"
	if in.Key != nil {
		key = *in.Key
	}
	return in.Type + " " + in.VendorType + " " + key + " " + string(in.Data)
}

func TestM9_OneRequestManyEvents(t *testing.T) {
	for _, c := range []struct {
		name, split, kind, key, body string
		want                         []string
		ignored                      string
	}{
		{"no split", "", "body.event", "body.id", `{"event":"a","id":7}`, []string{`a a 7 {"event":"a","id":7}`}, ""},
		{"objects", "body", "item.event", "item.sg_event_id", `[{"event":"bounce","sg_event_id":"x"}, {"event":"open","sg_event_id":"y"}]`,
			[]string{`bounce bounce x {"event":"bounce","sg_event_id":"x"}`, `open open y {"event":"open","sg_event_id":"y"}`}, ""},
		{"wrapped objects", "body.notificationItems", "item.NotificationRequestItem.eventCode", "item.NotificationRequestItem.pspReference",
			`{"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"AUTHORISATION","pspReference":"7"}}]}`,
			[]string{`AUTHORISATION AUTHORISATION 7 {"NotificationRequestItem":{"eventCode":"AUTHORISATION","pspReference":"7"}}`}, ""},
		{"mass event, list in a text", "body.eventInstance", "body.event", "body.eventInstance", `{"eshopId":1,"event":"order:massUpdate","eventInstance":"[\"A1\",\"A2\"]"}`,
			[]string{
				`order:massUpdate order:massUpdate A1 {"eshopId":1,"event":"order:massUpdate","eventInstance":"A1"}`,
				`order:massUpdate order:massUpdate A2 {"eshopId":1,"event":"order:massUpdate","eventInstance":"A2"}`}, ""},
		{"mass event, a list", "body.eventInstance", "body.event", "body.eventInstance", `{"event":"x","eventInstance":[1.10,"B"]}`,
			[]string{`x x 1.10 {"event":"x","eventInstance":1.10}`, `x x B {"event":"x","eventInstance":"B"}`}, ""},
		{"single event through the same split", "body.eventInstance", "body.event", "body.eventInstance", `{"event":"order:create","eventInstance":"2018000057"}`,
			[]string{`order:create order:create 2018000057 {"event":"order:create","eventInstance":"2018000057"}`}, ""},
		{"a list inside each item", "body.entry[].changes", "item.field", "item.value.id", `{"entry":[{"changes":[{"field":"a","value":{"id":1}}]},{"changes":[{"field":"b","value":{"id":2}}]},{"other":1}]}`,
			[]string{`a a 1 {"field":"a","value":{"id":1}}`, `b b 2 {"field":"b","value":{"id":2}}`}, ""},
		{"an empty list", "body.events", "item.type", "", `{"events":[]}`, nil, "is empty"},
		{"no such list", "body.events", "body.type", "", `{"type":"x"}`, []string{`x x - {"type":"x"}`}, ""},
		{"nothing is found", "", "body.nothing", "body.nothing.at.all", `{"a":1}`, []string{`unknown  - {"a":1}`}, ""},
		{"a template", "", "#header.X-GitHub-Event#.#body.action#", "#body.a#-#body.b#", `{"action":"opened","a":1}`, []string{`issues.opened issues.opened 1 {"action":"opened","a":1}`}, ""},
		{"half a template", "", "#header.X-GitHub-Event#.#body.action#", "", `{}`, []string{`issues issues - {}`}, ""},
		{"a header in any case, a name with points", "", "header.x-github-EVENT", "query.hub.mode", `{}`, []string{`issues issues subscribe {}`}, ""},
		{"JSON inside a text", "", "body.Message.kind", "", `{"Message":"{\"kind\":\"x\"}"}`, []string{`x x - {"Message":"{\"kind\":\"x\"}"}`}, ""},
		{"an attribute, as the provider's JSON calls it", "", "body.a.@b", "body.a.-b", `{"a":{"-b":"x"}}`, []string{`x x x {"a":{"-b":"x"}}`}, ""},
		{"a word that is ours", "", "body.t", "", `{"t":"hacek.disabled"}`, []string{`unknown  - {"t":"hacek.disabled"}`}, ""},
		{"a key no database takes", "", "body.t", "body.k", `{"t":"x\u0000","k":"` + strings.Repeat("k", 256) + `"}`, []string{`unknown  - {"t":"x\u0000","k":"` + strings.Repeat("k", 256) + `"}`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planned(t, source(func(s *hub.Source) { s.Split, s.EventType, s.Key = c.split, c.kind, c.key }), http.Header{"X-Github-Event": {"issues"}}, c.body)
			if p.err != nil || c.ignored != "" && !strings.Contains(p.why, c.ignored) {
				t.Fatalf("err %v, why %q", p.err, p.why)
			}
			for i := range max(len(p.inputs), len(c.want)) {
				got, want := "", ""
				if i < len(p.inputs) {
					got = shown(p.inputs[i])
				}
				if i < len(c.want) {
					want = c.want[i]
				}
				if got != want {
					t.Errorf("event %d: %s\nwant     %s", i, got, want)
				}
			}
		})
	}
}

// A list that would copy a large body thousands of times ends in quarantine, not in memory.
func TestRule11_SplitHasAnEnd(t *testing.T) {
	p := planned(t, source(func(s *hub.Source) { s.Split = "body.list" }), nil,
		`{"note":"`+strings.Repeat("x", 100_000)+`","list":[1`+strings.Repeat(",1", 5000)+`]}`)
	if p.err == nil || !strings.Contains(p.err.Error(), "64 MiB") {
		t.Errorf("%d events, err %v", len(p.inputs), p.err)
	}
	for split, body := range map[string]string{
		"body.list":          `{"list":[1` + strings.Repeat(",1", 10_000) + `]}`,
		"body.outer[].inner": `{"outer":[{"inner":[1` + strings.Repeat(",1", 6000) + `]},{"inner":[1` + strings.Repeat(",1", 6000) + `]}]}`,
	} {
		p := planned(t, source(func(s *hub.Source) { s.Split = split }), nil, strings.ReplaceAll(body, "1", `{}`))
		if p.err == nil || !strings.Contains(p.err.Error(), "10000 events") {
			t.Errorf("%s: %d events, err %v", split, len(p.inputs), p.err)
		}
	}
}

func TestM6_AcceptingByTypeAndContent(t *testing.T) {
	for _, c := range []struct {
		name      string
		types     []string
		condition string
		accepted  bool
		why, err  string
	}{
		{"everything", nil, "", true, "", ""},
		{"their word", []string{"order:*"}, "", true, "", ""},
		{"another word", []string{"invoice:*", "order"}, "", false, "does not accept the event type order:create", ""},
		{"content", nil, `num(data.total) > 100.0 && headers["X-Shop"] == "1" && event.vendor_type == "order:create" && source.name == "shop"`, true, "", ""},
		{"other content", nil, `num(data.total) > 1000.0`, false, "num(data.total) > 1000.0", ""},
		{"unanswerable", nil, `num(data.nothing) > 1.0`, false, "", "no field nothing"},
		{"unreadable", nil, `num(`, false, "", "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planned(t, source(func(s *hub.Source) {
				s.EventType, s.Accept = "body.event", hub.Accept{EventTypes: c.types, Condition: c.condition}
			}),
				http.Header{"X-Shop": {"1"}}, `{"event":"order:create","total":"250.00"}`)
			switch {
			case c.err != "" && (p.err == nil || !strings.Contains(p.err.Error(), c.err)), c.err == "" && p.err != nil:
				t.Errorf("err %v, want %q", p.err, c.err)
			case (len(p.inputs) == 1) != c.accepted, !strings.Contains(p.why, c.why):
				t.Errorf("%d events, why %q; want accepted %t, why %q", len(p.inputs), p.why, c.accepted, c.why)
			}
		})
	}
}

func TestM6_IdentityOfARequest(t *testing.T) {
	id := func(fields []string, split string, header http.Header, body string) []string {
		p := planned(t, source(func(s *hub.Source) { s.DuplicateOf.Fields, s.Split = fields, split }), header, body)
		var ids []string
		for _, in := range p.inputs {
			ids = append(ids, in.ID)
		}
		return ids
	}
	two := []string{"body.id", "body.at"}
	first := id(two, "", nil, `{"id":1,"at":"x"}`)[0]
	if first == "" || first != id(two, "", nil, `{"at":"x","id":1,"more":true}`)[0] {
		t.Error("the same fields are another identity")
	}
	if first == id(two, "", nil, `{"id":"1","at":"x"}`)[0] || first == id(two, "", nil, `{"id":1,"at":"y"}`)[0] {
		t.Error("other fields are the same identity")
	}
	if ids := id(two, "", nil, `{"id":1}`); ids[0] != "" {
		t.Error("an identity without all its fields")
	}
	if a, b := id(two, "", nil, `{"id":"ab","at":"c"}`)[0], id(two, "", nil, `{"id":"a","at":"bc"}`)[0]; a == b {
		t.Error("fields run into one another")
	}
	items := id([]string{"body.batch"}, "body.list", nil, `{"batch":1,"list":[{"a":1},{"a":2}]}`)
	if items[0] == items[1] {
		t.Error("two items of one list are repeats of each other")
	}
	if a, b := id([]string{"item.a"}, "body", nil, `[{"a":1}]`)[0], id([]string{"item.a"}, "body", nil, `[{"a":2},{"a":1}]`)[1]; a != b {
		t.Error("an item in another batch is no repeat")
	}
	mass := id([]string{"body.at", "body.list"}, "body.list", nil, `{"at":1,"list":[7,8]}`)
	if again := id([]string{"body.at", "body.list"}, "body.list", nil, `{"at":1,"list":[8,7]}`); mass[0] != again[1] || mass[0] == mass[1] {
		t.Error("items of a mass event are not told apart by themselves")
	}
}

// An id that stands in a header which nobody signs proves nothing: with another body it is another event.
func TestRule7_UnsignedIdentityIsNotIdentity(t *testing.T) {
	fields := []string{"header.X-Shopify-Webhook-Id"}
	header := http.Header{"X-Shopify-Webhook-Id": {"b54557e4"}}
	id := func(signed, body string) string {
		p := planned(t, source(func(s *hub.Source) {
			s.DuplicateOf.Fields = fields
			s.Verify = hub.Verify{Scheme: hub.SchemeHMAC, Secrets: []hub.Secret{hub.NewSecret("s")},
				HMAC: &hub.HMAC{Header: "X-Sig", Algorithm: "sha256", Encoding: "hex", Signed: signed}}
		}), header, body)
		return p.inputs[0].ID
	}
	if a := id("#body#", `{"a":1}`); a == id("#body#", `{"a":2}`) || a != id("#body#", `{"a":1}`) {
		t.Error("an unsigned id alone makes a repeat")
	}
	if id("#header.X-Shopify-Webhook-Id#.#body#", `{"a":1}`) != id("#header.X-Shopify-Webhook-Id#.#body#", `{"a":2}`) {
		t.Error("a signed id does not make a repeat")
	}
}

func TestTimesOfSenders(t *testing.T) {
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2018-05-29T09:02:27+0200":      "2018-05-29T07:02:27.000Z",
		"2018-05-29T09:02:27+02:00":     "2018-05-29T07:02:27.000Z",
		"2018-05-29 09:02:27":           "2018-05-29T07:02:27.000Z",
		"2018-12-29T09:02":              "2018-12-29T08:02:00.000Z",
		"2018-12-29":                    "2018-12-28T23:00:00.000Z",
		"2018-05-29T09:02:27.5Z":        "2018-05-29T09:02:27.500Z",
		"1527577347":                    "2018-05-29T07:02:27.000Z",
		"1527577347123":                 "2018-05-29T07:02:27.123Z",
		"1527577347.5":                  "2018-05-29T07:02:27.000Z",
		"Tue, 29 May 2018 07:02:27 GMT": "2018-05-29T07:02:27.000Z",
		"yesterday":                     "",
		"9999-12-31T00:00:00Z":          "",
		"7":                             "",
		"":                              "",
	} {
		got := ""
		if at, ok := readTime(text, prague); ok {
			got = hub.TimeText(at)
		}
		if got != want {
			t.Errorf("readTime(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestPathsDoNoHarm(t *testing.T) {
	doc, err := expr.ParseDoc([]byte(`{"a":[{"b":null}],"c":"{broken"}`))
	if err != nil {
		t.Fatal(err)
	}
	r := &roots{body: doc.Value()}
	for _, text := range []string{"", "body.a[5].b", "body.a.x", "body.a[0].b", "body.c.d", "item.x", "nothing", "body..", "body.[", "[]", "body.a[-1]", "body.a[99999999999999999999]"} {
		if v, found := parsePath(text).find(r); found {
			t.Errorf("%q finds %q", text, v.Text())
		}
	}
}
