package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const table = `
| row | summary | state |
|---|---|---|
| P4 | both parts at once | sending |
| E3 | variables | sending (part) |
| M1 | listeners | later: issue 3 |
`

func TestRowsNamesWhatNoTestProves(t *testing.T) {
	tests := []struct {
		name, source string
		want         []string
	}{
		{"none", "func TestSomething(t *testing.T) {}", []string{"P4", "E3"}},
		{"one", "func TestP4_BothParts(t *testing.T) {}", []string{"E3"}},
		{"two in one name", "func TestP4_E3_Both(t *testing.T) {}", nil},
		{"a fuzz target", "func FuzzE3_Values(f *testing.F) {}", []string{"P4"}},
		{"a comment is no test", "// TestP4_BothParts\n", []string{"P4", "E3"}},
		{"a longer number is another row", "func TestP4_x(t *testing.T) {}\nfunc helperE3_(t *testing.T) {}", []string{"E3"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, err := rows(project(t, table, tt.source), &out)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("rows without a test: got %q, want %q, source %q", got, tt.want, tt.source)
			}
		})
	}
}

func TestRowsRefusesWhatItDoesNotUnderstand(t *testing.T) {
	tests := []struct{ name, table, source, want string }{
		{"unknown state", strings.ReplaceAll(table, "later: issue 3", "nearly"), "", "no state"},
		{"row twice", table + "| P4 | again | later |\n", "", "twice"},
		{"empty table", "no table here\n", "", "no row"},
		{"unknown row", table, "func TestP40_Typo(t *testing.T) {}", "does not have"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := rows(project(t, tt.table, tt.source), &strings.Builder{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error: got %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// The real table has every row of the five systems, and of what none of them has.
func TestTableIsWhole(t *testing.T) {
	table, err := readTable("../../../docs/rows.md")
	if err != nil {
		t.Fatal(err)
	}
	got := map[byte]int{}
	for _, r := range table {
		got[r.id[0]]++
	}
	for system, want := range map[byte]int{'C': 6, 'E': 8, 'M': 11, 'N': 12, 'O': 9, 'P': 8} {
		if got[system] != want {
			t.Errorf("rows %c: got %d, want %d", system, got[system], want)
		}
	}
}

func project(t *testing.T, table, source string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "docs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"docs/rows.md":  table,
		"story_test.go": "package story\n\n" + source + "\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// What the table says works has a test that says so.
func TestEveryRowThatWorksHasATest(t *testing.T) {
	unproved, err := rows("../../..", io.Discard)
	if err != nil || len(unproved) > 0 {
		t.Errorf("no test proves %q, %v", unproved, err)
	}
}
