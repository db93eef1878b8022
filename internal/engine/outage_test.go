package engine_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/pipeline"
	"hacek/internal/settings"
)

// database is somebody's database, a file that may be away.
type database struct {
	t   *testing.T
	dir string
	db  *sql.DB
}

func newDatabase(t *testing.T, schema string) *database {
	t.Helper()
	d := &database{t: t, dir: t.TempDir()}
	var err error
	if d.db, err = sql.Open("sqlite", d.file()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	if _, err := d.db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *database) file() string { return filepath.Join(d.dir, "erp.db") }

// known tells the running hub where connections are; each run opens its own, so that none outlives the file.
func (d *database) known(s *story) {
	s.settings.Databases = connection.Options{Dir: d.dir}
	s.engine.Pipelines = &pipeline.Runner{Sender: s.engine.Sender, Log: s.engine.Log, Now: s.clock.Now,
		Connection: func(ctx context.Context, _ int64, name string) (*connection.DB, error) {
			db, err := connection.Open(ctx, hub.Connection{Name: name, Driver: hub.DriverSQLite, DSN: hub.NewSecret("erp.db")}, connection.Options{Dir: d.dir})
			if err == nil {
				d.t.Cleanup(func() { _ = db.Close() })
			}
			return db, err
		}}
}

func (d *database) away(away bool) {
	d.t.Helper()
	from, to := d.file(), d.file()+".away"
	if !away {
		from, to = to, from
	}
	if err := os.Rename(from, to); err != nil {
		d.t.Fatal(err)
	}
}

// An ERP's database is away for more than an hour, with the intervals as they are when nobody sets any; the hub is restarted in
// between, and records go on changing. Nothing is lost, nothing fails for good, and each record ends with its latest state.
func TestM7_AnERPThatIsAwayForAnHourLosesNothing(t *testing.T) {
	eachStore(t, func(s *story) {
		erp := newDatabase(s.t, `CREATE TABLE orders (number TEXT PRIMARY KEY, version INTEGER)`)
		erp.known(s)
		if _, err := s.settings.CreateConnection(context.Background(), tenant,
			json.RawMessage(`{"name":"erp","driver":"sqlite","dsn":"erp.db"}`), settings.By{Name: "Jana"}); err != nil {
			s.t.Fatal(err)
		}
		s.pipeline(func(p *hub.Pipeline) {
			p.Steps = []hub.Step{{Type: hub.StepUpsert, Connection: "erp", Table: "orders", Key: []string{"number"}, Newer: "version",
				Columns: map[string]string{"number": "#event.key#", "version": "#n#"}}}
		})
		changes, delivered, failed, mostTries := 0, 0, 0, 0
		change := func() {
			s.publish("order.changed", fmt.Sprint(changes%6), n(changes))
			changes++
		}
		take := func() {
			for _, o := range s.calm() {
				mostTries = max(mostTries, o.Next.Tries)
				switch {
				case o.Next.State == hub.Delivered:
					delivered++
				case o.Next.State == hub.Failed:
					failed++
					s.t.Errorf("%s failed for good: %s", o.Delivery.ID().Text(), o.Attempt.Error)
				case !o.Attempt.Blame:
					s.t.Errorf("the record is blamed for it: %s", o.Attempt.Error)
				}
			}
		}
		change()
		take()
		if delivered != 1 {
			s.t.Fatal("the pipeline does not write while all is well")
		}
		erp.away(true)
		for minute := range 75 {
			if minute%3 == 0 {
				change()
			}
			if minute == 40 {
				take()
				s.restart()
				erp.known(s)
			}
			s.clock.Advance(time.Minute)
			take()
		}
		if delivered != 1 || mostTries < 3 {
			s.t.Fatalf("%d were written while the database was away, the oldest was tried %d times", delivered-1, mostTries)
		}
		erp.away(false)
		minutes := 0
		for ; delivered+failed < changes && minutes < 3*60; minutes++ {
			s.clock.Advance(time.Minute)
			take()
		}
		if delivered != changes || failed != 0 {
			s.t.Errorf("of %d changes %d were written and %d failed", changes, delivered, failed)
		}
		s.t.Logf("%d changes waited; all were written %d minutes after the database was back; most tries: %d", changes-1, minutes, mostTries)
		var got []string
		rows, err := erp.db.Query(`SELECT number || ':' || version FROM orders ORDER BY number`)
		if err != nil {
			s.t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				s.t.Fatal(err)
			}
			got = append(got, text)
		}
		if err := rows.Err(); err != nil {
			s.t.Fatal(err)
		}
		latest := map[string]int{}
		for i := range changes {
			latest[fmt.Sprint(i%6)] = i
		}
		var want []string
		for key := range 6 {
			want = append(want, fmt.Sprintf("%d:%d", key, latest[fmt.Sprint(key)]))
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			s.t.Errorf("the ERP has %v, want %v", got, want)
		}
	})
}
