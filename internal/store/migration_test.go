package store_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// firstSchema opens a test's database apart from the store, with the tables of the first version and nothing else.
func firstSchema(t *testing.T, o store.Options) *sql.DB {
	t.Helper()
	driver, place, dialect, folder := "sqlite", "file:"+filepath.Join(o.Dir, "hacek.db"), goose.DialectSQLite3, "sqlite"
	if o.URL != "" {
		driver, place, dialect, folder = "pgx", o.URL, goose.DialectPostgres, "postgres"
	}
	db, err := sql.Open(driver, place)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if o.URL != "" { // it came with the tables of today
		if _, err := db.Exec(`DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
			t.Fatal(err)
		}
	}
	p, err := goose.NewProvider(dialect, db, os.DirFS("migrations/"+folder), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.UpTo(t.Context(), 1); err != nil {
		t.Fatalf("make the first tables: %v", err)
	}
	return db
}

// Whoever updates from the first version finds everything again: the migrations are not only run on empty tables. The SQL
// is that of the first version and stays as it is.
func TestADatabaseOfTheFirstVersionIsReadOn(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		db := firstSchema(t, o)
		put := func(text string, args ...any) {
			t.Helper()
			if _, err := db.Exec(text, args...); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
		at, due := noon.UnixMilli(), noon.Add(time.Minute).UnixMilli()
		tenant, wms, erp, event := hub.NewID(), hub.NewID(), hub.NewID(), hub.NewID()
		// The deliveries' first number is the first that PostgreSQL gives; SQLite notes the first that it has not given.
		const seq = 1 << 20
		blockBits := 12
		if o.URL != "" {
			put(`SELECT nextval('delivery_block')`)
			blockBits = 24
		} else {
			put(`INSERT INTO fact (name, value) VALUES ('delivery numbers', $1)`, strconv.Itoa(seq+2))
		}
		put(`
			INSERT INTO tenant (no, id, uid, name, created_at, updated_at)
			VALUES (1, $1, 'default', 'Müller & syn', $2, $2)`, tenant[:], at)
		for no, id := range map[int]hub.ID{1: wms, 2: erp} {
			put(`
				INSERT INTO target (no, id, tenant_no, kind, name, uid, shard, config, version, state, state_by, state_why, state_at,
					failures, hard, failing_since, created_at, updated_at, created_rev)
				VALUES ($1, $2, 1, 'endpoint', 'WMS', NULL, 7, $3, 4, 'active', 'Jana', 'new', $4, 3, 2, $4, $4, $4, 1)`,
				no, id[:], `{"name":"WMS","request":{"url":"https://wms.example/in"}}`, at)
		}
		top := event[:8]
		no := int64(top[0])<<52 | int64(top[1])<<44 | int64(top[2])<<36 | int64(top[3])<<28 | int64(top[4])<<20 | int64(top[5])<<12 |
			int64(top[6]&0xf)<<8 | int64(top[7])
		put(`
			INSERT INTO event (no, id, tenant_no, seq, owed, type, source, caller_id, key, time, received_at, routing_rev, hops, extra,
				codec, content_type, payload)
			VALUES ($1, $2, 1, $3, 2, 'order.created', 'api', 'order-7', '2018000057', $4, $4, 1, 0, $5, 0, 'application/json', $6)`,
			no, event[:], seq, at, `{"refs":["parcel-9"]}`, []byte(`{"total": 1234.50}`))
		put(`
			INSERT INTO delivery (target_no, seq, event_id, gen, due_at, tries, key)
			VALUES (1, $1, $2, 0, $3, 1, '')`, seq, event[:], due)
		put(`
			INSERT INTO attempt (seq, n, at, result, evidence)
			VALUES ($1, 1, $2, 'refused', $3)`, seq, at, []byte(`{"n":1,"took":7000000,"result":"refused","status":503,"error":"answered 503","version":4}`))
		put(`
			INSERT INTO delivery_done (seq, target_no, event_id, gen, state, reason, at, tries, status, took, settings_version, evidence)
			VALUES ($1, 2, $2, 0, 'delivered', 'answered 200', $3, 1, 200, 5000000, 4, $4)`,
			seq+1, event[:], at, []byte(`{"n":1,"took":5000000,"result":"succeeded","status":200,"version":4}`))
		put(`
			INSERT INTO done_block (target_no, state, block)
			VALUES (2, 'delivered', $1)`, (seq+1)>>blockBits)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}

		s := storetest.Open(t, o)
		storetest.Run(t, s)
		w := tell(t, s)
		if x, err := w.TenantByUID(w.ctx, "default"); err != nil || x.No != 1 || x.Name != "Müller & syn" || x.Version != 1 {
			t.Errorf("the tenant: %+v, %v", x, err)
		}
		target, err := w.Target(w.ctx, 1, wms)
		w.must(err)
		if target.Name != "WMS" || target.Version != 4 || target.State != hub.Active || target.Endpoint.Request.URL != "https://wms.example/in" ||
			target.Health != (hub.Health{Failures: 3, Hard: 2, FailingSince: noon}) || target.Release != (hub.Release{}) {
			t.Errorf("the target: %+v", target)
		}
		e, err := w.Event(w.ctx, 1, event)
		w.must(err)
		if string(e.Data) != `{"total": 1234.50}` || e.Key != "2018000057" || e.CallerID != "order-7" || len(e.Refs) != 1 || !e.Time.Equal(noon) {
			t.Errorf("the event: %+v", e)
		}
		// What was owed is still, for its next try.
		if owed, err := w.DueRetries(w.ctx, 1, target.Release, noon.Add(time.Minute), 10); err != nil || len(owed) != 1 || owed[0].Tries != 1 {
			t.Errorf("due again: %+v, %v", owed, err)
		}
		waits, err := w.Delivery(w.ctx, 1, hub.DeliveryID{Event: event, Target: 1})
		if err != nil || waits.State != hub.Pending || !waits.DueAt.Equal(noon.Add(time.Minute)) {
			t.Errorf("the owed delivery: %+v, %v", waits, err)
		}
		if tries, err := w.Attempts(w.ctx, 1, waits.ID()); err != nil || len(tries) != 1 || tries[0].Error != "answered 503" {
			t.Errorf("its tries: %+v, %v", tries, err)
		}
		done, err := w.Delivery(w.ctx, 1, hub.DeliveryID{Event: event, Target: 2})
		if err != nil || done.State != hub.Delivered || done.Status != 200 || done.Took != 5*time.Millisecond || !done.At.Equal(noon) {
			t.Errorf("the finished delivery: %+v, %v", done, err)
		}
		if tries, err := w.Attempts(w.ctx, 1, done.ID()); err != nil || len(tries) != 1 || tries[0].Result != hub.Succeeded {
			t.Errorf("its tries: %+v, %v", tries, err)
		}
		if last, err := w.LastSuccess(w.ctx, 2); err != nil || !last.Equal(noon) {
			t.Errorf("the last success: %s, %v", last, err)
		}
		// And it goes on: the old delivery ends, a new one comes behind it.
		w.settle(w.tried(waits.Delivery, hub.Succeeded, 200, delivered(2)))
		w.accept(w.event(1, "new", `{"n":2}`), target)
		if owed := w.owed(target); len(owed) != 1 || owed[0].Seq <= seq+1 {
			t.Errorf("owed in the end: %+v", owed)
		}
	})
}
