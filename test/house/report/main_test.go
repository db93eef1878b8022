package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Each story is a package that go test really runs.
func TestReport(t *testing.T) {
	tests := []struct {
		name, body string
		want       counts
		shown      string
		hidden     string
		strictFail bool
	}{
		{"passing", `t.Run("a", func(t *testing.T) { t.Log("quiet") }); t.Run("b", func(*testing.T) {})`,
			counts{passed: 2}, "ok  \tstory", "quiet", false},
		{"failing subtest", `t.Run("a", func(t *testing.T) { t.Error("got 1, want 2") }); t.Run("b", func(*testing.T) {})`,
			counts{passed: 1, failed: 1}, "got 1, want 2", "", true},
		{"failing parent", `t.Run("a", func(t *testing.T) {}); t.Error("left over")`,
			counts{passed: 1, failed: 1}, "left over", "", true},
		{"skipped", `t.Run("a", func(t *testing.T) {}); t.Run("b", func(t *testing.T) { t.Skip("no database") })`,
			counts{passed: 1, skipped: 1}, "no database", "", true},
		{"panic", `panic("BUG: here")`, counts{failed: 1}, "BUG: here", "", true},
		{"exit", `os.Exit(3)`, counts{failed: 1}, "FAIL\tstory", "", true},
		{"showing a secret", `t.Log("the key is "+"plan"+"ted-1"); t.Run("a", func(*testing.T) {})`,
			counts{passed: 1, failed: 1}, "TestStory has passed and shows a planted secret", "", true},
		{"showing a secret outside of any test", `}; func init() { println("plan"+"ted-2")`,
			counts{passed: 1, failed: 1}, "the package has passed and shows a planted secret", "", true},
		{"not building", `undefinedName()`, counts{failed: 1}, "undefined: undefinedName", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			got, err := report(strings.NewReader(goTest(t, tt.body)), &out)
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("counts: got %+v, want %+v\n%s", got, tt.want, &out)
			}
			if !strings.Contains(out.String(), tt.shown) {
				t.Errorf("output lacks %q:\n%s", tt.shown, &out)
			}
			if tt.hidden != "" && strings.Contains(out.String(), tt.hidden) {
				t.Errorf("output holds %q:\n%s", tt.hidden, &out)
			}
			if strict := !got.good(true); strict != tt.strictFail {
				t.Errorf("fails without skips allowed: got %v, want %v", strict, tt.strictFail)
			}
		})
	}
}

func TestReportRefusesWhatProvesNothing(t *testing.T) {
	if (counts{}).good(false) {
		t.Error("a run without a test counts as good")
	}
	if !(counts{passed: 1, skipped: 1}).good(false) {
		t.Error("a skipped test fails a run that allows it")
	}
	cut := `{"Action":"run","Package":"story","Test":"TestStory"}`
	if _, err := report(strings.NewReader(cut), &strings.Builder{}); err == nil {
		t.Error("an output that ends in the middle of a package is accepted")
	}
}

func goTest(t *testing.T, body string) string {
	t.Helper()
	dir := t.TempDir()
	imports := `import "testing"`
	if strings.Contains(body, "os.") {
		imports += "\n" + `import "os"`
	}
	write(t, dir, "go.mod", "module story\n")
	write(t, dir, "story_test.go", "package story\n"+imports+"\nfunc TestStory(t *testing.T) {\n"+body+"\n}\n")
	cmd := exec.Command("go", "test", "-vet=off", "-json", "./...")
	cmd.Dir = dir
	// Exit status 1 is part of most stories; an empty output is not.
	out, err := cmd.Output()
	if len(out) == 0 {
		t.Fatalf("go test said nothing: %v", err)
	}
	return string(out)
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
