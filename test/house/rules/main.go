// Rules takes the rules of docs/security.md away, clause by clause, and exits 1 unless the test that keeps each one goes
// red. What is taken away stands in removals.txt; the tree is never touched, the compiler is shown another file in its place.
// It must not know what a rule means: a text, its replacement and the name of a test are all it compares.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed removals.txt
var list string

// removal is one clause of a rule, taken away.
type removal struct {
	rule      int
	what      string // what is missing then, in words
	file      string
	old, gone string // the text in the file, and what stands in its place
	pkg, test string // the test that must go red
}

func main() {
	faults, err := prove(".", os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rules:", err)
		os.Exit(1)
	}
	if faults > 0 {
		fmt.Fprintf(os.Stderr, "rules: %d removals were not noticed as they should be\n", faults)
		os.Exit(1)
	}
}

// prove plays the removals of some rules (of all, when none is named), and counts those that no test noticed.
func prove(root string, rules []string, out io.Writer) (faults int, err error) {
	all, err := parse(list)
	if err != nil {
		return 0, err
	}
	chosen := slices.DeleteFunc(all, func(r removal) bool {
		return len(rules) > 0 && !slices.Contains(rules, strconv.Itoa(r.rule))
	})
	if len(chosen) == 0 {
		return 0, fmt.Errorf("no removal is listed for %s", strings.Join(rules, ", "))
	}
	for _, r := range chosen {
		if _, err := r.apply(root); err != nil {
			return 0, err
		}
	}
	if err := green(root, chosen); err != nil {
		return 0, err
	}
	const row = "%4v  %-86s  %-62s  %s\n"
	fmt.Fprintf(out, row, "rule", "what is taken away", "test", "result")
	for _, r := range chosen {
		result, err := play(root, r)
		if err != nil {
			return 0, err
		}
		if result != "red" {
			faults++
		}
		fmt.Fprintf(out, row, r.rule, r.what, r.test, result)
	}
	fmt.Fprintf(out, "%d removals, %d red\n", len(chosen), len(chosen)-faults)
	return faults, nil
}

// parse reads the list: removals of five kinds of lines, with empty lines in between. Its first lines tell how.
func parse(text string) (all []removal, err error) {
	var r removal
	var old, gone []string
	scanner := bufio.NewScanner(strings.NewReader(text))
	for n := 1; scanner.Scan(); n++ {
		word, rest, _ := strings.Cut(scanner.Text(), " ")
		switch word {
		case "", "#": // a removal ends with its last line; a comment stands where it likes
		case "rule":
			number, what, _ := strings.Cut(rest, ": ")
			r = removal{what: what}
			old, gone = nil, nil
			if r.rule, err = strconv.Atoi(number); err != nil {
				return nil, fmt.Errorf("removals.txt:%d: %q is no rule", n, number)
			}
		case "in":
			r.file = rest
		case "-":
			old = append(old, rest)
		case "+":
			gone = append(gone, rest)
		case "red":
			r.pkg, r.test, _ = strings.Cut(rest, " ")
			r.old, r.gone = strings.Join(old, "\n"), strings.Join(gone, "\n")
			if r.what == "" || r.file == "" || r.old == "" || r.test == "" || r.old == r.gone {
				return nil, fmt.Errorf("removals.txt:%d: a removal is not whole: %+v", n, r)
			}
			all = append(all, r)
			r.what = ""
		default:
			return nil, fmt.Errorf("removals.txt:%d: a line begins with rule, in, -, + or red, not with %q", n, word)
		}
	}
	if r.what != "" {
		return nil, fmt.Errorf("removals.txt ends in the middle of %q", r.what)
	}
	return all, scanner.Err()
}

// green wants every test to pass on the code as it is.
func green(root string, chosen []removal) error {
	tests := map[string][]string{}
	for _, r := range chosen {
		if !slices.Contains(tests[r.pkg], r.test) {
			tests[r.pkg] = append(tests[r.pkg], r.test)
		}
	}
	for pkg, names := range tests {
		ended, output, err := run(root, "", pkg, names)
		if err != nil {
			return err
		}
		for _, name := range names {
			if ended[name] != "pass" {
				return fmt.Errorf("%s %s is %q before anything is taken away:\n%s", pkg, name, ended[name], output)
			}
		}
	}
	return nil
}

// play takes one clause away and answers "red", or why nobody may call it that.
func play(root string, r removal) (string, error) {
	path, err := filepath.Abs(filepath.Join(root, r.file))
	if err != nil {
		return "", err
	}
	text, err := r.apply(root)
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "hacek-rules-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	changed := filepath.Join(work, filepath.Base(path))
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(work, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	ended, output, err := run(root, filepath.Join(work, "overlay.json"), r.pkg, []string{r.test})
	switch {
	case err != nil:
		return "", err
	case ended[r.test] == "fail":
		return "red", nil
	case ended[r.test] == "":
		return "DOES NOT RUN:\n" + output, nil
	}
	return "GREEN", nil
}

// apply is the file without the clause.
func (r removal) apply(root string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(root, r.file))
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte(r.old)); n != 1 {
		return nil, fmt.Errorf("rule %d, %s: the text stands %d times in %s, it must stand there once:\n%s", r.rule, r.what, n, r.file, r.old)
	}
	return bytes.Replace(text, []byte(r.old), []byte(r.gone), 1), nil
}

// run answers how each test ended: "pass", "fail" or "skip"; one that did not build or is not there has no answer. The
// overlay goes by the environment, so that a test that builds the program builds the changed one.
func run(root, overlay, pkg string, tests []string) (ended map[string]string, output string, err error) {
	cmd := exec.Command("go", "test", "-json", "-vet=off", "-count=1", "-timeout=3m", "-run", "^("+strings.Join(tests, "|")+")$", pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -pgo=off")
	if overlay != "" {
		cmd.Env[len(cmd.Env)-1] += " -overlay=" + overlay
	}
	said, err := cmd.Output() // that it fails is what this is about; that it says nothing is not
	if len(said) == 0 {
		return nil, "", fmt.Errorf("go test %s said nothing: %w", pkg, err)
	}
	ended = map[string]string{}
	var shown strings.Builder
	for line := range strings.Lines(string(said)) {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return nil, "", fmt.Errorf("go test %s: %w: %s", pkg, err, line)
		}
		shown.WriteString(event.Output)
		if slices.Contains([]string{"pass", "fail", "skip"}, event.Action) && event.Test != "" {
			ended[event.Test] = event.Action
		}
	}
	return ended, shown.String(), nil
}
