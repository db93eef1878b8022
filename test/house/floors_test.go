// Package house tests the house itself: which package may know which, and what no file may say.
// It must not know what the packages do.
package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const ground = "hub signature expr schema locale clock packs"

// floors is the map of docs/architecture.md that cannot go stale: what each package may import of the project, from the
// ground up. Names are below internal/; packs, cmd and test stand beside it.
var floors = map[string]string{
	"hub":       "",
	"signature": "",
	"expr":      "hub",
	"schema":    "hub",
	"locale":    "",
	"clock":     "",
	"packs":     "hub signature",

	"store":           "hub",
	"store/storetest": "hub clock store",
	"connection":      "hub",
	"sender":          "hub signature expr clock",
	"mail":            "hub locale",

	"auth":     "hub clock store",
	"ingest":   "hub expr schema clock store",
	"settings": ground + " store connection sender pipeline",
	"pipeline": "hub signature expr schema clock connection sender mail",
	"notice":   "hub locale",
	"support":  "hub store settings",
	"engine":   ground + " store connection sender mail ingest settings pipeline",

	"api":      ground + " store connection sender mail auth ingest settings pipeline",
	"receiver": ground + " store auth ingest settings",
	"web":      ground + " store connection sender mail auth ingest settings pipeline",

	// For tests alone. What their secrets have in common is known to whoever looks for them.
	"api/apitest":   "api marked",
	"await":         "",
	"mail/mailtest": "",
	"marked":        "",

	"client":    "hub",
	"server":    ground + " store connection sender mail auth ingest settings pipeline notice support engine api receiver web",
	"tour":      ground + " client server mail/mailtest",
	"cmd/hacek": ground + " client server tour",

	// The proofs judge from outside. Each is one room, whatever packages it has; test/load/rig starts the hub for both.
	"test/crash": "hub client tour test/load",
	"test/load":  "client",
	"test/house": "marked",
}

var (
	sqlPackage = regexp.MustCompile(`^(database/sql$|github\.com/jackc/pgx|github\.com/go-sql-driver/mysql|modernc\.org/sqlite|github\.com/pressly/goose)`)
	sqlRooms   = strings.Fields("store store/storetest connection tour test/crash test/load")

	ioPackage  = regexp.MustCompile(`^(os|os/exec|net)$`)
	noIORooms  = strings.Fields("hub signature expr schema locale")
	noNowRooms = append(noIORooms, "store")
	nowFiles   = []string{"internal/store/open.go"} // names the default clock
)

func TestArrowsOnlyGoDown(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		room := roomOf(filepath.ToSlash(filepath.Dir(file)))
		seen[room] = true
		allowed, known := floors[room]
		if !known {
			t.Errorf("%s: package %s has no floor: give it one here and in docs/architecture.md", file, room)
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range syntax.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			own, ours := strings.CutPrefix(path, "hacek/")
			switch {
			case ours && roomOf(own) == room:
			case ours && !slices.Contains(strings.Fields(allowed), roomOf(own)):
				t.Errorf("%s: %s must not know %s", file, room, roomOf(own))
			case sqlPackage.MatchString(path) && !slices.Contains(sqlRooms, room):
				t.Errorf("%s: %s must not speak SQL (%s)", file, room, path)
			case ioPackage.MatchString(path) && slices.Contains(noIORooms, room):
				t.Errorf("%s: %s does no I/O (%s)", file, room, path)
			}
		}
		if slices.Contains(noNowRooms, room) && !slices.Contains(nowFiles, filepath.ToSlash(file)) && asksTheTime(syntax) {
			t.Errorf("%s: %s must not call time.Now: the time arrives as an argument", file, room)
		}
	}
	for room, allowed := range floors {
		for _, name := range append(strings.Fields(allowed), room) {
			if !seen[name] {
				t.Errorf("%s names %s, of which there is no file", room, name)
			}
		}
	}
}

// The program and what is tested beside it know nothing of the tests that see it from outside, not even in a test.
func TestTheHouseDoesNotKnowWhoLooksAtIt(t *testing.T) {
	for _, file := range files(t) {
		if !strings.HasSuffix(file, ".go") || strings.HasPrefix(filepath.ToSlash(file), "test/") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range syntax.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(path, "hacek/test/") {
				t.Errorf("%s must not know %s: what both need belongs in internal", file, path)
			}
		}
	}
}

// A sleep is too short on a slow machine and too long on all others.
func TestNoTestSleeps(t *testing.T) {
	sleep := regexp.MustCompile(`\btime\.Sleep\(`)
	for _, file := range files(t) {
		if !strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if sleep.Match(line) {
				t.Errorf("%s:%d sleeps: wait for a channel, move the clock in hand, or use internal/await", file, i+1)
			}
		}
	}
}

// A document that names the machine it was written on cannot be followed on another.
func TestNobodyNamesTheMachine(t *testing.T) {
	machine := regexp.MustCompile(`(^|[^a-zA-Z0-9_.-])/(work|home|Users|root)/[a-zA-Z.]`)
	for _, file := range files(t) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range bytes.Split(text, []byte("\n")) {
			if bytes.IndexByte(line, '/') < 0 {
				continue // most lines, and quick
			}
			if found := machine.Find(line); found != nil {
				t.Errorf("%s:%d names a path of one machine: %s", file, i+1, found)
			}
		}
	}
}

const root = "../.."

// files lists the project's files, relative to its root, without what is built or fetched. It reads the tree itself
// because the test cache sees files that are opened here, and does not see what a git or go command reads.
func files(t *testing.T) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", "dist", "hacek-data", "shots"}, entry.Name()) {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			list = append(list, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// roomOf shortens a package's folder to its name in the table.
func roomOf(folder string) string {
	if parts := strings.Split(folder, "/"); parts[0] == "test" && len(parts) > 2 {
		return parts[0] + "/" + parts[1]
	}
	return strings.TrimPrefix(folder, "internal/")
}

func asksTheTime(file *ast.File) bool {
	asks := false
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.SelectorExpr); ok {
			pkg, ok := call.X.(*ast.Ident)
			asks = asks || ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, call.Sel.Name)
		}
		return true
	})
	return asks
}
