package connection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestM9_AReaderNeverSeesAHeaderWithoutItsLines(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		stop := make(chan struct{})
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					u := order(fmt.Sprint(w*1000+i/2), "new", fmt.Sprint(i), lines(1+i%7*3, fmt.Sprint("L", i))...)
					if _, err := r.db.Upsert(context.Background(), u); err != nil {
						t.Errorf("upsert: %v", err)
						return
					}
				}
			})
		}
		looks, seen := 0, 0
		for end := time.Now().Add(time.Second); time.Now().Before(end) || seen == 0; looks++ {
			for _, line := range r.look(`SELECT o.line_count, count(l.line_no) FROM orders o LEFT JOIN order_lines l ON l.order_id = o.id GROUP BY o.id, o.line_count`) {
				if a, b, _ := strings.Cut(line, " "); a != b {
					t.Fatalf("a header of %s lines has %s", a, b)
				}
				seen++
			}
			if r.driver != "sqlite" {
				r.lookTwice(t)
			}
		}
		close(stop)
		writers.Wait()
		t.Logf("%d looks at %d orders", looks, seen)
	})
}

// lookTwice reads header and lines in two statements of one transaction, as an ERP does that wants one picture.
func (r *rig) lookTwice(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	tx, err := r.raw.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	var headers, lines int
	if err := errors.Join(tx.QueryRow(`SELECT coalesce(sum(line_count), 0) FROM orders`).Scan(&headers),
		tx.QueryRow(`SELECT count(*) FROM order_lines`).Scan(&lines)); err != nil {
		t.Fatal(err)
	}
	if headers != lines {
		t.Fatalf("headers say %d lines, there are %d", headers, lines)
	}
}

func TestM9_WritersOfOneRowLoseNothing(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		r.shop()
		const writers, rounds = 8, 15
		var all sync.WaitGroup
		for w := range writers {
			all.Go(func() {
				for i := range rounds {
					version := (i*writers+w)*7919%(writers*rounds) + 1 // every number once, out of order
					u := order("1", fmt.Sprint("s", version), fmt.Sprint(version), lines(version%5+1, fmt.Sprint("v", version))...)
					if _, err := r.db.Upsert(context.Background(), u); err != nil {
						t.Errorf("version %d: %v", version, err)
					}
					// Another pipeline has a column of its own in the same row.
					note := Upsert{Table: "orders", Key: []string{"number"}, Values: row("number", "1", "note", "kept")}
					if _, err := r.db.Upsert(context.Background(), note); err != nil {
						t.Errorf("note: %v", err)
					}
				}
			})
		}
		all.Wait()
		last := writers * rounds
		r.holds(`SELECT state, changed_at, line_count, note FROM orders`, fmt.Sprintf("s%d %d %d kept", last, last, last%5+1))
		r.holds(`SELECT count(*) FROM order_lines`, fmt.Sprint(last%5+1))
		r.holds(fmt.Sprintf(`SELECT count(*) FROM order_lines WHERE name NOT LIKE 'v%d %%'`, last), "0")
	})
}

// A third party holds a line and then wants the header; the upsert holds the header and wants the line.
func TestM9_ADeadlockIsTriedAgainUnseen(t *testing.T) {
	each(t, func(t *testing.T, r *rig) {
		if r.driver == "sqlite" {
			t.Log("one writer has the whole file: no deadlock can be")
			return
		}
		r.shop()
		r.has(`CREATE TABLE ballast (n INT PRIMARY KEY)`)
		r.upsert(Inserted, order("1", "new", "1", lines(2, "Hook")...))
		other, err := r.raw.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = other.Rollback() }()
		for n := range 50 { // MariaDB gives up the one that has changed less
			if _, err := other.Exec(fmt.Sprintf(`INSERT INTO ballast (n) VALUES (%d)`, n)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := other.Exec(`UPDATE order_lines SET shelf = 'B1' WHERE line_no = 2`); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := r.db.Upsert(context.Background(), order("1", "paid", "2", lines(2, "Nail")...))
			done <- err
		}()
		r.waits()
		_, err = other.Exec(`UPDATE orders SET note = 'theirs'`)
		if err == nil {
			err = other.Commit()
		}
		if err != nil {
			t.Fatalf("the other one was given up, so nothing is shown: %v", err)
		}
		if err := <-done; err != nil {
			t.Fatalf("a deadlock escaped: %v", err)
		}
		r.holds(`SELECT state, note FROM orders`, "paid theirs")
		r.holds(`SELECT name, shelf FROM order_lines ORDER BY line_no`, "Nail 1 NULL", "Nail 2 B1")
	})
}

// waits until somebody waits for a lock in this database.
func (r *rig) waits() {
	r.t.Helper()
	query := map[string]string{
		"postgres": `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
		"mysql": `SELECT count(*) FROM information_schema.innodb_trx x JOIN information_schema.processlist p ON p.id = x.trx_mysql_thread_id
			WHERE x.trx_state = 'LOCK WAIT' AND p.db = DATABASE()`,
	}[r.driver]
	for end := time.Now().Add(4 * time.Second); r.look(query)[0] == "0"; {
		if time.Now().After(end) {
			r.t.Fatal("nobody waits for a lock")
		}
		<-time.After(150 * time.Millisecond) // InnoDB renews this view only when nobody has looked for 100 ms
	}
}

// What another writer has done and not yet committed when the upsert looks, decides nevertheless.
func TestM9_TheOtherWritersRowIsWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		before, theirs, outcome, left string
	}{
		"a newer version": {`INSERT INTO orders (number, state, changed_at) VALUES ('1', 'new', '1')`,
			`UPDATE orders SET state = 'sent', changed_at = '9'`, Refused, "sent 9"},
		"the same new row": {`UPDATE orders SET state = state`,
			`INSERT INTO orders (number, state, changed_at) VALUES ('1', 'new', '1')`, Updated, "paid 5"},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, r *rig) {
				if r.driver == "sqlite" {
					t.Log("one writer has the whole file from the start of its transaction")
					return
				}
				r.shop()
				r.has(c.before)
				other, err := r.raw.Begin()
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = other.Rollback() }()
				if _, err := other.Exec(c.theirs); err != nil {
					t.Fatal(err)
				}
				type answer struct {
					Written
					err error
				}
				done := make(chan answer, 1)
				go func() {
					w, err := r.db.Upsert(context.Background(), order("1", "paid", "5"))
					done <- answer{w, err}
				}()
				r.waits()
				if err := other.Commit(); err != nil {
					t.Fatal(err)
				}
				if a := <-done; a.err != nil || a.Outcome != c.outcome {
					t.Errorf("got %+v, want %s", a, c.outcome)
				}
				r.holds(`SELECT state, changed_at FROM orders`, c.left)
			})
		})
	}
}
