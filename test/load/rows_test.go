//go:build linux

package main

import (
	"database/sql"
	"maps"
	"path/filepath"
	"testing"

	"hacek/test/load/rig"
)

// Each row that is inserted, changed or deleted counts once, in its table, and one that is like another as well.
func TestRowsWritten(t *testing.T) {
	s := &subject{hub: &rig.Hub{Data: t.TempDir()}}
	db, err := sql.Open("sqlite", filepath.Join(s.hub.Data, "hacek.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	run := func(statements ...string) stored {
		t.Helper()
		for _, statement := range statements {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		all, err := s.rows(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := run(`CREATE TABLE target (no, state)`, `CREATE TABLE revision (what, at)`, `CREATE TABLE "order" (no)`,
		`INSERT INTO target VALUES (1, 'active'), (2, NULL), (3, 'off'), (4, '')`,
		`INSERT INTO revision VALUES ('same', 1), ('same', 1)`, `INSERT INTO "order" VALUES (1)`)
	if got := written(before, run()); len(got) != 0 {
		t.Errorf("nothing was written, got %v", got)
	}
	after := run(`UPDATE target SET state = 'paused' WHERE no = 1`, `UPDATE target SET state = '' WHERE no = 2`,
		`DELETE FROM target WHERE no = 4`, `INSERT INTO revision VALUES ('same', 1)`)
	if got, want := written(before, after), map[string]int{"target": 3, "revision": 1}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := written(after, before), map[string]int{"target": 3, "revision": 1}; !maps.Equal(got, want) {
		t.Errorf("backwards: got %v, want %v", got, want)
	}
}
