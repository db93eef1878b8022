// Report turns the output of `go test -json` (standard input) into what a reader needs: a line per package, the whole
// output of every failed test, the reason of every skipped one, and a closing line "N passed, N failed, N skipped".
// A test that passed and has shown a secret that bears the mark (internal/marked) has failed.
// It must not know anything about the tests themselves.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"hacek/internal/marked"
)

func main() {
	noSkips := flag.Bool("no-skips", false, "a skipped test is a failure")
	flag.Parse()
	total, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if !total.good(*noSkips) {
		os.Exit(1)
	}
}

// counts are of leaves: a test with subtests counts through them, unless it failed by itself.
type counts struct{ passed, failed, skipped int }

// good refuses an empty run too: a pattern that matches no test proves nothing.
func (c counts) good(noSkips bool) bool {
	return c.failed == 0 && c.passed > 0 && (!noSkips || c.skipped == 0)
}

// line is one line of `go test -json`, described by `go doc test2json`.
type line struct {
	Action     string
	Package    string
	Test       string // empty: the line is the package's own
	Output     string
	ImportPath string // of a build-output line, which has no package
}

type test struct {
	result string // "pass", "fail", "skip"; empty: it never ended
	output strings.Builder
}

// report reads until the end of in. A package's tests are kept until the package ends, because only then is it known
// whose output somebody wants to read.
func report(in io.Reader, out io.Writer) (counts, error) {
	var total counts
	open := map[string]map[string]*test{} // package -> test -> what it did; the test "" is the package itself
	lines := bufio.NewReader(in)
	for {
		text, err := lines.ReadString('\n')
		if text != "" {
			var l line
			if json.Unmarshal([]byte(text), &l) != nil {
				fmt.Fprint(out, text) // the go command speaks plainly when it cannot start
			} else {
				total.add(l, open, out)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return total, fmt.Errorf("read the test output: %w", err)
		}
	}
	if len(open) > 0 {
		names := slices.Sorted(maps.Keys(open))
		return total, fmt.Errorf("the test output ends in the middle of %s", strings.Join(names, ", "))
	}
	_, err := fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skipped)
	return total, err
}

func (c *counts) add(l line, open map[string]map[string]*test, out io.Writer) {
	if l.Action == "build-output" {
		fmt.Fprint(out, l.Output)
	}
	if l.Package == "" {
		return
	}
	tests := open[l.Package]
	if tests == nil {
		tests = map[string]*test{}
		open[l.Package] = tests
	}
	t := tests[l.Test]
	if t == nil {
		t = &test{}
		tests[l.Test] = t
	}
	switch l.Action {
	case "output":
		t.output.WriteString(l.Output)
	case "pass", "fail", "skip":
		t.result = l.Action
		if l.Test == "" {
			c.close(tests, out)
			delete(open, l.Package)
		}
	}
}

// close counts and prints a package that has ended.
func (c *counts) close(tests map[string]*test, out io.Writer) {
	failedBefore := c.failed
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t := tests[name]
		if shown := marked.In([]byte(t.output.String())); shown != "" && t.result != "fail" {
			t.result = "fail"
			fmt.Fprintf(out, "%s has passed and shows a planted secret: %s\n", cmp.Or(name, "the package"), shown)
		}
		if name == "" {
			continue
		}
		parent, parentFailed := family(tests, name)
		switch t.result {
		case "pass":
			if !parent {
				c.passed++
			}
		case "skip":
			c.skipped++
			fmt.Fprint(out, t.output.String())
		default: // failed, or cut off by a panic or a time-out
			if !parent || !parentFailed {
				c.failed++
			}
			fmt.Fprint(out, t.output.String())
		}
	}
	own := tests[""]
	switch {
	case own.result == "fail":
		if c.failed == failedBefore {
			c.failed++ // it did not build, or broke outside any test
		}
		fmt.Fprint(out, own.output.String())
	case own.result == "pass":
		fmt.Fprint(out, lastLine(own.output.String()))
	}
}

// family says whether a test has subtests, and whether one of them did not pass.
func family(tests map[string]*test, name string) (parent, childFailed bool) {
	for other, t := range tests {
		if strings.HasPrefix(other, name+"/") {
			parent = true
			childFailed = childFailed || (t.result != "pass" && t.result != "skip")
		}
	}
	return parent, childFailed
}

func lastLine(text string) string {
	text = strings.TrimSuffix(text, "\n")
	return text[strings.LastIndex(text, "\n")+1:] + "\n"
}
