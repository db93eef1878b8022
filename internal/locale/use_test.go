package locale

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A key is used where a source has it as a literal. A literal that ends in a dot, such as "state.", uses every key
// that adds one word to it.
func TestN7_EveryKeyIsUsedAndEveryUseHasAKey(t *testing.T) {
	used := uses{literals: map[string]bool{}, asked: map[string]string{}}
	for _, file := range sources(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		used.read(file, string(text))
	}
	for _, problem := range used.problems(embedded().messages[English]) {
		t.Error(problem)
	}
}

// sources are the Go and HTML files of the project that a user's machine runs: no tests, nothing built or fetched.
func sources(t *testing.T) (list []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "node_modules", "dist", "testdata", "hacek-data"}, entry.Name()) {
			return fs.SkipDir
		}
		goFile := strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if entry.Type().IsRegular() && (goFile || strings.HasSuffix(path, ".html")) {
			list = append(list, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

type uses struct {
	literals map[string]bool
	asked    map[string]string // what is given to Text -> a file that does
}

var (
	quoted     = regexp.MustCompile("\"[^\"\n]*\"|`[^`\n]*`|'[^'\n]*'")
	textInHTML = regexp.MustCompile("\\bText\\s+[\"`]([^\"`\n]+)[\"`]")
)

func (u uses) read(file, text string) {
	if strings.HasSuffix(file, ".html") {
		// Quotes nest: an attribute's may hold a template with literals of its own.
		for action := range strings.SplitSeq(text, "{{") {
			action, _, _ = strings.Cut(action, "}}")
			for _, literal := range quoted.FindAllString(action, -1) {
				u.literals[literal[1:len(literal)-1]] = true
			}
		}
		for _, found := range textInHTML.FindAllStringSubmatch(text, -1) {
			u.asked[found[1]] = file
		}
		return
	}
	var s scanner.Scanner
	set := token.NewFileSet()
	s.Init(set.AddFile(file, set.Base(), len(text)), []byte(text), nil, 0)
	var before [2]string
	for {
		_, kind, literal := s.Scan()
		if kind == token.EOF {
			return
		}
		if kind == token.STRING {
			value, _ := strconv.Unquote(literal)
			u.literals[value] = true
			if before == [2]string{"Text", "("} {
				u.asked[value] = file
			}
		}
		if literal == "" {
			literal = kind.String()
		}
		before = [2]string{before[1], literal}
	}
}

func (u uses) problems(messages map[string]message) (list []string) {
	areas := map[string]bool{}
	for key := range messages {
		area, _, _ := strings.Cut(key, ".")
		areas[area] = true
		if group := key[:strings.LastIndexByte(key, '.')+1]; !u.literals[key] && !u.literals[group] {
			list = append(list, key+": nobody uses this message")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(u.asked)) {
		area, _, dotted := strings.Cut(key, ".")
		if _, ok := messages[key]; !ok && dotted && areas[area] && !strings.HasSuffix(key, ".") {
			list = append(list, key+": there is no such message; "+u.asked[key]+" asks for it")
		}
	}
	slices.Sort(list)
	return list
}

func TestUsesAreFound(t *testing.T) {
	u := uses{literals: map[string]bool{}, asked: map[string]string{}}
	u.read("a.go", "package a\n\n// \"test.comment\"\nvar x = []string{\"test.list\", `test.raw`, \"state.\"}\n\nfunc f() { l.Text(\"test.asked\", 1); l.Text(\"test.typo\"); id.Text(\"evt\"); l.Text(\"state.\"+x) }\n")
	u.read("b.html", "<a title=\"{{.L.Text \"test.title\"}}\" class=\"test.class\">{{.L.Text `test.gone`}}{{template \"row\" (dict \"test.dict\" 1)}}</a>\n")
	messages := map[string]message{}
	for _, key := range strings.Fields("test.comment test.list test.raw test.asked test.title test.class test.dict state.paused state.paused.title") {
		messages[key] = message{"other": "x"}
	}
	want := []string{
		"state.paused.title: nobody uses this message",
		"test.class: nobody uses this message",
		"test.comment: nobody uses this message",
		"test.gone: there is no such message; b.html asks for it",
		"test.typo: there is no such message; a.go asks for it",
	}
	if got := u.problems(messages); !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}
