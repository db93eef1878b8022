// Rows shows which test proves which row of docs/rows.md, and exits 1 when a row that should work has none.
// It must not know what a row means: names are all it compares.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	unproved, err := rows(".", os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rows:", err)
		os.Exit(1)
	}
	if len(unproved) > 0 {
		fmt.Fprintf(os.Stderr, "rows: no test proves %s\n", strings.Join(unproved, ", "))
		os.Exit(1)
	}
}

type row struct{ id, summary, state string }

// due reports whether the row works by now, at least in part.
func (r row) due() bool { return !strings.HasPrefix(r.state, "later") }

// rows prints every row with its tests and returns the rows that are due and have none.
func rows(root string, out io.Writer) (unproved []string, err error) {
	table, err := readTable(filepath.Join(root, "docs", "rows.md"))
	if err != nil {
		return nil, err
	}
	tests, err := findTests(root)
	if err != nil {
		return nil, err
	}
	for _, r := range table {
		fmt.Fprintf(out, "%-4s %-16s %s\n", r.id, r.state, r.summary)
		for _, test := range tests[r.id] {
			fmt.Fprintf(out, "       %s\n", test)
		}
		if r.due() && len(tests[r.id]) == 0 {
			unproved = append(unproved, r.id)
		}
		delete(tests, r.id)
	}
	for id, names := range tests {
		return nil, fmt.Errorf("%s names the row %s, which docs/rows.md does not have", names[0], id)
	}
	return unproved, nil
}

var (
	rowLine   = regexp.MustCompile(`^\| *([CEMNOP][0-9]+) *\| *(.*?) *\| *(.*?) *\|$`)
	stateText = regexp.MustCompile(`^((sending|receiving|console)( \(part\))?|later|later: issue [0-9]+)$`)
)

func readTable(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", err)
	}
	var table []row
	for i, line := range strings.Split(string(text), "\n") {
		cells := rowLine.FindStringSubmatch(line)
		if cells == nil {
			continue
		}
		r := row{id: cells[1], summary: cells[2], state: cells[3]}
		if !stateText.MatchString(r.state) {
			return nil, fmt.Errorf("%s:%d: %q is no state: write sending, receiving or console, perhaps with (part), later, or later: issue n", path, i+1, r.state)
		}
		if slices.ContainsFunc(table, func(other row) bool { return other.id == r.id }) {
			return nil, fmt.Errorf("%s:%d: the row %s stands there twice", path, i+1, r.id)
		}
		table = append(table, r)
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("%s holds no row", path)
	}
	return table, nil
}

// One name may prove several rows: TestP4_E3_Something.
var rowsInName = regexp.MustCompile(`^(?:Test|Fuzz)((?:[CEMNOP][0-9]+_)+)`)

// findTests returns, for each row, the tests whose names carry it.
func findTests(root string) (map[string][]string, error) {
	tests := map[string][]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", "testdata"}, entry.Name()) {
			return fs.SkipDir
		}
		if entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		for _, declared := range file.Decls {
			test, ok := declared.(*ast.FuncDecl)
			if !ok || test.Recv != nil {
				continue
			}
			carried := rowsInName.FindStringSubmatch(test.Name.Name)
			if carried == nil {
				continue
			}
			for _, id := range strings.Split(strings.TrimSuffix(carried[1], "_"), "_") {
				tests[id] = append(tests[id], filepath.ToSlash(filepath.Dir(name))+": "+test.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for tests: %w", err)
	}
	return tests, nil
}
