package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A change of the program that moves a rule goes red here at once, not in the next long proof.
func TestEveryRemovalFitsTheCodeAsItIs(t *testing.T) {
	all, err := parse(list)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[int]bool{}
	for _, r := range all {
		rules[r.rule] = true
		if _, err := r.apply("../../.."); err != nil {
			t.Error(err)
		}
	}
	for rule := 1; rule <= 20; rule++ {
		if !rules[rule] {
			t.Errorf("nothing is taken away of rule %d", rule)
		}
	}
	if len(rules) != 20 {
		t.Errorf("rules %v, want 1 to 20", rules)
	}
}

const whole = `
rule 7: two lines
in a.go
- one
- 	two
+ three
red ./a TestA
`

func TestTheListIsReadAsItSays(t *testing.T) {
	all, err := parse("# words\n" + whole + whole)
	want := removal{7, "two lines", "a.go", "one\n\ttwo", "three", "./a", "TestA"}
	if err != nil || len(all) != 2 || all[1] != want {
		t.Errorf("got %+v, %v; want %+v twice", all, err, want)
	}
	for name, text := range map[string]string{
		"a rule in words":    strings.Replace(whole, "7", "seven", 1),
		"nothing taken away": strings.Replace(whole, "- one\n- \ttwo\n", "", 1),
		"nothing changes":    strings.Replace(strings.Replace(whole, "- \ttwo\n", "", 1), "three", "one", 1),
		"no test":            strings.Replace(whole, " TestA", "", 1),
		"the end is missing": strings.Replace(whole, "red ./a TestA\n", "", 1),
		"an unknown line":    whole + "blue ./a TestA\n",
	} {
		if got, err := parse(text); err == nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
	}
}

// The proof is worth something only when it tells red from green, and both from what does not build.
func TestGreenTestsAndBrokenBuildsAreFaults(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module story\n",
		"a.go":        "package story\n\nfunc two() int { return 2 }\n",
		"a_test.go":   "package story\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tif two() != 2 {\n\t\tt.Error()\n\t}\n}\n\nfunc TestNothing(t *testing.T) { two() }\n",
		"b/b.go":      "package b\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestRed(t *testing.T) { t.Error() }\n",
	} {
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ gone, test, want string }{
		{"return 3", "TestTwo", "red"}, {"return 3", "TestNothing", "GREEN"}, {"return three", "TestTwo", "DOES NOT RUN"}, {"return 3", "TestThree", "DOES NOT RUN"},
	} {
		got, err := play(root, removal{1, "two is three", "a.go", "return 2", c.gone, ".", c.test})
		if err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s, %s: got %q, %v; want %s", c.gone, c.test, got, err, c.want)
		}
	}
	if text, err := os.ReadFile(filepath.Join(root, "a.go")); err != nil || !strings.Contains(string(text), "return 2") {
		t.Errorf("the tree was touched: %s, %v", text, err)
	}
	if err := green(root, []removal{{pkg: ".", test: "TestTwo"}, {pkg: ".", test: "TestNothing"}}); err != nil {
		t.Error(err)
	}
	for _, r := range []removal{{pkg: "./b", test: "TestRed"}, {pkg: ".", test: "TestThree"}} {
		if err := green(root, []removal{r}); err == nil {
			t.Errorf("%s is good before anything is taken away", r.test)
		}
	}
	for old, want := range map[string]string{"return 4": "0 times", "t": "times"} {
		if _, err := (removal{file: "a.go", old: old, gone: "x"}).apply(root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want one that says %s", old, err, want)
		}
	}
}
