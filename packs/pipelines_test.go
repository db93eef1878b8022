package packs

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/mail"
	"hacek/internal/mail/mailtest"
	"hacek/internal/pipeline"
	"hacek/internal/sender"
)

// shopAPI answers as the systems of the packs do, to whoever has got a token as they want it got.
func shopAPI(t *testing.T) *httptest.Server {
	answers := map[string]string{
		"GET /api/orders/2018000057?include=notes": string(Sample("shoptet-order-detail")),
		"GET /api/customers/1b02cb8e-d7b5-11e0-9a5c-feab5ed617ed": `{"data":{"customer":{"guid":"1b02cb8e-d7b5-11e0-9a5c-feab5ed617ed","changeTime":"2019-01-08T15:13:38+0100",
			"billingAddress":{"company":"Kůň & syn","fullName":"Žofie Černá","street":"Příčná","houseNumber":"12","city":"Hradec Králové","zip":"500 02","countryCode":"CZ","companyId":"01234567","vatId":null},
			"customerGroup":{"id":1,"name":"VIP"},"accounts":[{"email":"zofie.cerna@example.cz","phone":"+420601234567","mainAccount":true}]}},"errors":null}`,
		"GET /api/stocks/1/supplies?include=changeTime&itemsPerPage=1000": `{"data":{"supplies":[{"code":"40/ZEL","amount":"18.000","claim":"2","changeTime":"2019-01-08T15:13:40+0100"},
			{"code":"26/BIL","amount":"1.505","claim":null,"changeTime":null}],"paginator":{"totalCount":2,"page":1,"pageCount":1}},"errors":null}`,
		"GET /api/stocks/2/supplies?include=changeTime&itemsPerPage=1000": `{"data":{"supplies":[{"code":"A","amount":"1.000","claim":"0"}],"paginator":{"totalCount":1001,"page":1,"pageCount":2}},"errors":null}`,
		"GET /v1/customers/cus_1Example":                                  `{"id":"cus_1Example","name":"Žofie Černá","email":"zofie.cerna@example.cz"}`,
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/action/ApiOAuthServer/getAccessToken" && r.Header.Get("Authorization") == "Bearer planted" {
			_, _ = io.WriteString(w, `{"access_token":"222651-token","expires_in":1800}`)
			return
		}
		known := r.Header.Get("Shoptet-Access-Token") == "222651-token" || r.Header.Get("Authorization") == "Bearer planted"
		body, there := answers[r.Method+" "+r.URL.RequestURI()]
		switch {
		case !known:
			w.WriteHeader(http.StatusUnauthorized)
		case !there:
			t.Errorf("the pretend API was asked for %s %s", r.Method, r.URL.RequestURI())
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = io.WriteString(w, body)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// erp is an empty database of one kind, seen through a connection and from beside.
type erp struct {
	driver string
	db     *connection.DB
	raw    *sql.DB
}

// eachERP runs a test on a database of its own of every kind.
func eachERP(t *testing.T, test func(t *testing.T, e *erp)) {
	for _, driver := range []string{hub.DriverSQLite, hub.DriverPostgres, hub.DriverMySQL} {
		t.Run(driver, func(t *testing.T) {
			dsn, beside, dir := "erp.db", "sqlite", t.TempDir()
			place := filepath.Join(dir, dsn)
			switch driver {
			case hub.DriverPostgres:
				dsn = makeDatabase(t, "pgx", "HACEK_TEST_POSTGRES")
				beside, place = "pgx", dsn
			case hub.DriverMySQL:
				dsn = makeDatabase(t, "mysql", "HACEK_TEST_MARIADB")
				beside, place = "mysql", dsn+"?parseTime=true"
			}
			raw, err := sql.Open(beside, place)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = raw.Close() })
			if err := raw.PingContext(t.Context()); err != nil { // makes the file of SQLite
				t.Fatal(err)
			}
			if driver == hub.DriverSQLite {
				if _, err := raw.ExecContext(t.Context(), `PRAGMA user_version = 1`); err != nil {
					t.Fatal(err)
				}
			}
			db, err := connection.Open(t.Context(), hub.Connection{Name: "erp", Driver: driver, DSN: hub.NewSecret(dsn)}, connection.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			test(t, &erp{driver: driver, db: db, raw: raw})
		})
	}
}

// makeDatabase makes a database on the server of the environment and drops it after the test.
func makeDatabase(t *testing.T, driver, variable string) string {
	t.Helper()
	server := os.Getenv(variable)
	if server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not set: this third cannot run", variable)
		}
		t.Skipf("SKIPPED: %s is not set, so nothing is known of this database (scripts/test.sh sets it)", variable)
	}
	name := "hacek_packs_" + strings.ToLower(rand.Text()[:12])
	admin, err := sql.Open(driver, server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.ExecContext(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		drop := "DROP DATABASE IF EXISTS " + name
		if driver == "pgx" {
			drop += " WITH (FORCE)"
		}
		if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), drop); err != nil {
			t.Error(err)
		}
		_ = admin.Close()
	})
	if driver == "mysql" {
		return server[:strings.LastIndexByte(server, '/')] + "/" + name
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// runner works pipelines as the hub does; what they publish and mail is kept.
func runner(t *testing.T, e *erp, p *Preset) (*pipeline.Runner, *mailtest.Server, *[]pipeline.Publish) {
	post, err := mailtest.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = post.Close() })
	s := &sender.Sender{Policy: sender.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
	t.Cleanup(s.Close)
	published := &[]pipeline.Publish{}
	return &pipeline.Runner{
		Sender: s, Now: time.Now,
		Mail: &mail.Mailer{Server: hub.NewSecret("smtp://" + post.Address() + "?from=shop@example.cz"), Dial: (&net.Dialer{}).DialContext, Timeout: 5 * time.Second},
		Connection: func(_ context.Context, _ int64, name string) (*connection.DB, error) {
			if name != "erp" {
				return nil, hub.Errorf(hub.NotFound, "no connection %s", name)
			}
			return e.db, nil
		},
		Table: func(_ context.Context, _ int64, name string) (hub.TranslationTable, error) {
			i := slices.IndexFunc(p.Tables, func(t Table) bool { return t.Name == name })
			if i < 0 {
				return hub.TranslationTable{}, hub.Errorf(hub.NotFound, "no table %s", name)
			}
			return hub.TranslationTable{Name: name, Entries: p.Tables[i].Entries}, nil
		},
		Publish: func(_ context.Context, _ *hub.Event, in pipeline.Publish) (hub.ID, error) {
			*published = append(*published, in)
			return hub.NewID(), nil
		},
	}, post, published
}

// filled is a preset's pipeline for the pretend API and the connection erp.
func filled(t *testing.T, p *Preset, api string) (hub.Pipeline, *pipeline.Compiled) {
	t.Helper()
	values := map[string]string{}
	for _, v := range p.Variables {
		switch {
		case v.Kind == VariableURL:
			values[v.Name] = api + "/"
		case v.Kind == VariableSecret:
			values[v.Name] = "planted"
		case v.Kind == VariableConnection:
			values[v.Name] = "erp"
		case v.Default == "":
			values[v.Name] = "Shop"
		}
	}
	raw, err := p.Fill(values)
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	set := hub.DefaultPipeline()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&set); err != nil {
		t.Fatalf("%s: %v in %s", p.Name, err, raw)
	}
	set.Complete()
	if err := set.Validate(); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	compiled, err := pipeline.Compile(set, 1)
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return set, compiled
}

// eventOf is the event that a source makes of the pack's sample of a type.
func eventOf(t *testing.T, pack *Pack, word string) *hub.Event {
	t.Helper()
	typ := pack.Type(word)
	if typ == nil {
		t.Fatalf("pack %s has no type %s", pack.Name, word)
	}
	key, _ := at(t, typ.AsSent(), "eventInstance").(string)
	if key == "" {
		key, _ = at(t, typ.AsSent(), "data.object.id").(string)
	}
	if strings.HasPrefix(key, "[") { // a bulk notice, which the source splits
		var list []string
		if err := json.Unmarshal([]byte(key), &list); err != nil {
			t.Fatal(err)
		}
		key = list[0]
	}
	now := time.Now()
	return &hub.Event{ID: hub.NewID(), Tenant: 1, Type: typ.Name, VendorType: word, Source: "Shop", Key: key, Time: now, ReceivedAt: now, Data: typ.AsSent()}
}

func presetNamed(t *testing.T, list []Preset, name string) *Preset {
	t.Helper()
	i := slices.IndexFunc(list, func(p Preset) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("there is no preset %s", name)
	}
	return &list[i]
}

// rows is every row of a table as one text each, NULL as -.
func (e *erp) rows(t *testing.T, table string) []string {
	t.Helper()
	rows, err := e.raw.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY 1, 2")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		names, _ := rows.Columns()
		values, places := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		var line []string
		for _, v := range values {
			switch v := v.(type) {
			case nil:
				line = append(line, "-")
			case bool: // PostgreSQL alone has them
				line = append(line, map[bool]string{false: "0", true: "1"}[v])
			case time.Time:
				line = append(line, v.UTC().Format(time.RFC3339))
			case []byte:
				line = append(line, string(v))
			default:
				line = append(line, fmt.Sprint(v))
			}
		}
		all = append(all, strings.Join(line, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// decimal is a number with a fraction, which servers fill up with zeros to the column's scale.
var decimal = regexp.MustCompile(`^-?\d+\.\d+$`)

// unpadded are rows whose decimals end where their value ends.
func unpadded(rows []string) []string {
	plain := make([]string, len(rows))
	for i, row := range rows {
		cells := strings.Split(row, "|")
		for j, cell := range cells {
			if decimal.MatchString(cell) {
				cells[j] = strings.TrimRight(strings.TrimRight(cell, "0"), ".")
			}
		}
		plain[i] = strings.Join(cells, "|")
	}
	return plain
}

// What the ready pipelines write when they work the pack's own samples; a server may fill up the decimals.
var written = map[string]map[string][]string{
	"shoptet orders": {
		"orders": {"2018000057|-|new|1|CZK|1999.30|1652.31|1b02cb8e-d7b5-11e0-9a5c-feab5ed617ed|Žofie Černá|-|-|-|zofie.cerna@example.cz|+420601234567|Příčná|12|Hradec Králové|500 02|CZ|Zásilkovna|Platba kartou online|Prosím zabalit jako dárek|2019-01-08T14:13:38Z|2019-01-08T14:13:38Z"},
		"order_lines": {"2018000057|342|product|40/ZEL|Tričko „Šťastný kůň“|Barva: zelená|2.000|ks|1940.30|1603.55|21.00",
			"2018000057|343|shipping|-|Zásilkovna|-|1.000|-|59.00|48.76|21.00"},
	},
	"shoptet order-statuses": {"orders": {"2018000057|new|1|2019-01-08T14:13:38Z"}},
	"shoptet customers":      {"customers": {"1b02cb8e-d7b5-11e0-9a5c-feab5ed617ed|Žofie Černá|Kůň & syn|01234567|-|zofie.cerna@example.cz|+420601234567|Příčná|12|Hradec Králové|500 02|CZ|VIP|2019-01-08T14:13:38Z"}},
	"shoptet stock-levels":   {"stocks": {"1|2"}, "stock_levels": {"1|26/BIL|1.505|-|-", "1|40/ZEL|18.000|2|2019-01-08T14:13:40Z"}},
	"stripe payments":        {"payments": {"pi_1PaidExample|2018000057|cus_1Example|129900|czk|zofie.cerna@example.cz|succeeded|2026-01-01T00:00:00Z"}},
	"stripe refunds":         {"refunds": {"ch_1Example|pi_1PaidExample|2018000057|29900|czk|0|zofie.cerna@example.cz|2026-01-01T01:00:00Z"}},
	"stripe subscriptions":   {"subscriptions": {"sub_1Example|cus_1Example|Žofie Černá|zofie.cerna@example.cz|canceled|2026-01-31T00:00:00Z|1|2026-01-31T00:00:00Z"}},
}

func TestM8_EveryReadyPipelineWritesItsRows(t *testing.T) {
	seen := 0
	for _, pack := range everyPack(t) {
		for i := range pack.Pipelines {
			p := &pack.Pipelines[i]
			seen++
			t.Run(pack.Name+"/"+p.Name, func(t *testing.T) {
				eachERP(t, func(t *testing.T, e *erp) { writesItsRows(t, pack, p, e) })
			})
		}
	}
	if seen != len(written) {
		t.Errorf("%d ready pipelines were tried, %d are described here", seen, len(written))
	}
}

func writesItsRows(t *testing.T, pack *Pack, p *Preset, e *erp) {
	for _, statement := range p.Database[e.driver] {
		if _, err := e.raw.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%v in %s", err, statement)
		}
	}
	want := written[pack.Name+" "+p.Name]
	set, compiled := filled(t, p, shopAPI(t).URL)
	r, post, published := runner(t, e, p)
	for n, word := range set.Subscription.EventTypes {
		event := eventOf(t, pack, word)
		for _, step := range r.DryRun(t.Context(), compiled, event) {
			if step.Result != hub.StepDone {
				t.Fatalf("dry run of %s: step %d (%s) is %s: %s %s", word, step.N, step.Type, step.Result, step.Error, step.Hint)
			}
		}
		for table := range want {
			if n == 0 && len(e.rows(t, table)) > 0 {
				t.Fatalf("the dry run wrote into %s", table)
			}
		}
		for try, outcome := range []string{"", "unchanged"} {
			got := r.Run(t.Context(), compiled, pipeline.Call{Event: event, DeliveryID: "dlv_1", AttemptID: "att_1", Pipeline: set.Name, Number: 1, SettingsVersion: 1})
			if got.Attempt.Result != hub.Succeeded {
				t.Fatalf("%s: %s: %s %s", word, got.Attempt.Result, got.Attempt.Error, got.Attempt.Hint)
			}
			for _, step := range got.Attempt.Steps {
				if step.Type == hub.StepUpsert && !strings.Contains(step.Output, outcome) {
					t.Errorf("%s, run %d: the upsert said %s, want %s", word, try+1, step.Output, outcome)
				}
				if strings.Contains(fmt.Sprint(step), "planted") || strings.Contains(fmt.Sprint(step), "222651-token") {
					t.Errorf("%s: a secret is shown: %+v", word, step)
				}
			}
		}
	}
	for table, rows := range want {
		got := e.rows(t, table)
		if e.driver != hub.DriverSQLite {
			got, rows = unpadded(got), unpadded(rows)
		}
		if !slices.Equal(got, rows) {
			t.Errorf("%s holds\n%s\nwant\n%s", table, strings.Join(got, "\n"), strings.Join(rows, "\n"))
		}
	}
	if pack.Name != "stripe" {
		return
	}
	runs := 2 * len(set.Subscription.EventTypes)
	if mails := post.Mails(); len(mails) != runs || fmt.Sprint(mails[0].To) != "[zofie.cerna@example.cz]" {
		t.Errorf("%d mails were sent, want %d: %+v", len(mails), runs, mails)
	}
	if len(*published) != runs || (*published)[0].Key == "" || !json.Valid((*published)[0].Data) {
		t.Errorf("published: %+v", *published)
	}
}

// A shop with more variants than one answer holds must not have half of its levels written as if they were all.
func TestM8_AStockOfSeveralPagesIsNotWrittenInPart(t *testing.T) {
	p := presetNamed(t, open(t, "shoptet").Pipelines, "stock-levels")
	_, compiled := filled(t, p, shopAPI(t).URL)
	r, _, _ := runner(t, &erp{}, p)
	event := eventOf(t, open(t, "shoptet"), "stock:movement")
	event.Key = "2"
	got := r.Run(t.Context(), compiled, pipeline.Call{Event: event, DeliveryID: "dlv_1", AttemptID: "att_1", Number: 1}).Attempt
	if got.Result == hub.Succeeded || len(got.Steps) != 1 {
		t.Errorf("got %s after %d steps: %s", got.Result, len(got.Steps), got.Error)
	}
}

// A status that the shop added itself stops the pipeline, which names the word and the table.
func TestM8_AStatusOfTheShopsOwnIsAskedFor(t *testing.T) {
	pack := open(t, "shoptet")
	p := presetNamed(t, pack.Pipelines, "orders")
	delete(p.Tables[0].Entries, "Nevyřízená")
	_, compiled := filled(t, p, shopAPI(t).URL)
	r, _, _ := runner(t, &erp{}, p)
	got := r.Run(t.Context(), compiled, pipeline.Call{Event: eventOf(t, pack, "order:create"), DeliveryID: "dlv_1", AttemptID: "att_1", Number: 1}).Attempt
	if got.Result != hub.StepFailed || !strings.Contains(got.Error, `"shoptet-order-statuses"`) || !strings.Contains(got.Error, `"Nevyřízená"`) {
		t.Errorf("got %s: %s", got.Result, got.Error)
	}
}
