package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// A commit finds what it needs by key, whatever the planner thinks of a table that was small when it planned.
func TestACommitOnPostgresReadsNoWholeTable(t *testing.T) {
	s := storetest.OnPostgres(t)()
	stop := storetest.Run(t, s)
	w := tell(t, s)
	a := w.target(1, "a")
	const callers, rounds = 64, 12
	var publishing sync.WaitGroup
	for caller := range callers {
		publishing.Go(func() {
			for n := range rounds {
				e := w.event(1, "", `{}`)
				e.CallerID = fmt.Sprint("order-", caller, "-", n)
				if err := w.Accept(w.ctx, &store.Accept{Event: e, Owed: []store.Owed{{Target: a.No}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	for _, d := range w.owed(a) {
		w.Record(w.tried(d, hub.Succeeded, 200, delivered(1)))
	}
	db, err := pgx.Connect(w.ctx, s.URL())
	w.must(err)
	defer func() { _ = db.Close(w.ctx) }()
	stop() // ends the connection of the commits, which then tells what it has read
	for start := time.Now(); ; {
		var inserted, scans int
		w.must(db.QueryRow(w.ctx, `SELECT n_tup_ins, seq_scan FROM pg_stat_user_tables WHERE relname = 'dedupe'`).Scan(&inserted, &scans))
		switch {
		case scans > 0:
			t.Fatalf("commits read the whole table of callers' ids %d times", scans)
		case inserted == callers*rounds:
			return
		case time.Since(start) > 20*time.Second:
			t.Fatalf("the server counts %d callers' ids, want %d", inserted, callers*rounds)
		}
	}
}
