package locale

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// speaking are the packages whose sentences a person meets in the console, the portal or a mail. With all, every phrase in
// the package is one, also those of fmt.Errorf and errors.New; without it, those only say where we broke, and the log
// has them. without names the files whose phrases never reach such a person.
var speaking = map[string]struct {
	all     bool
	without []string
}{
	"hub":        {all: true},
	"expr":       {all: true},
	"schema":     {all: true},
	"sender":     {all: true, without: []string{"deliverylog.go", "logline.go", "lean.go"}}, // the log on disk; bytes of HTTP
	"pipeline":   {all: true},
	"connection": {all: true},
	"receiver":   {all: true, without: []string{"ring.go", "answer.go"}}, // the hub's log; answers to machines
	"mail":       {all: true},
	// Schemes are written by us, in packs, and checked when they are built.
	"signature": {all: true, without: []string{"compile.go", "scheme.go"}},
	"ingest":    {},
	"engine":    {},
	"settings":  {},
	"web":       {},
	"auth":      {without: []string{"authenticator.go", "tenant.go"}}, // API keys: for programs only
	// The start of the program speaks to the terminal.
	"store":  {without: []string{"open.go", "postgres.go", "seal.go", "sqlite.go", "checkpoint.go"}},
	"server": {without: []string{"config.go", "config_load.go", "http.go", "run.go", "receiving.go", "metrics.go", "crew.go"}},
}

// unsaid are phrases in these packages that are no sentences for a person, and why.
var unsaid = regexp.MustCompile(strings.Join([]string{
	`^BUG`,
	`[\n\t]`,  // statements and protocols
	`\$[0-9]`, // statements
	`^(SELECT|INSERT|UPDATE|DELETE FROM|CREATE UNIQUE|ALTER TABLE|PRAGMA|SET|BEGIN|FOR|CAST|CONNECT) `,
	`^(\{1\})? ?(WHERE|ORDER BY|AND|VALUES|IS NULL|FROM|INDEXED|DESC)\b`,
	`^(GET|POST) (\{1\}|/)`, // routes, and hints for programs
	`(text|num)\(P\)`,       // conditions that the form writes
	`^(busy_timeout|cache_size|synchronous|wal_autocheckpoint) =`,
	`charset=|^Content-Length: |^Bearer |^Standard Webhooks|^ISO, YMD$|^default-src|^MySQL, MariaDB$`,
	`\{"customer": 4711\}`,
	`^scan id: |^settle \{1\}: |^sqlite: |^delivery numbers$|^references merged$`, // of the database: ours
	`^(both|network|user|portal) \{1\}|\(portal\)$|SHA-256 \{3\}$`,                // names and keys
	`^each $|^\[#each |^\{1\} by \{2\}$`,
	// Glued; the whole sentences are in the list below.
	`^ \(|^the key column has no value\{1\}$|^(begin|end) with$|^\{1\} does not \{2\}|^the \{1\}('s settings| is \{2\}$| was created)`,
}, "|"))

// unsaidAt are the places whose texts are no sentences: calls, keys and targets of assignments.
var unsaidAt = regexp.MustCompile(`^(log|Log|.*[lL]og\.\w+|strings\.\w+|bytes\.\w+|regexp\.\w+|panic|fmt\.(F|Append)\w*|.*\.Format|.*Header.*|h\.Set|` +
	`s\.(open|WriteString|commit|db|target|user|tenant|object|targets|exec)\b.*|tx\..*|db\..*|r\.(prepare|exec|ring)\b.*|collect|often|say|has|after|append|list|mux\..*|crew\..*|batch\..*|` +
	`w\.output|text|v\.lang\.\w+|.*\.Text|types\.NewErr|` +
	`kv:(Action|Meaning|Help|contentType|before|Value|Err|kindTable|Name|Description)|assign:(order|own|from|c\.stage|lead|p\.Name|p\.Description|next\.Password|b\.contentType|name)|cond|tag)$`)

// glued are the sentences that the code makes out of parts which are none by themselves, such as a kind and a state, and
// the words that stand in such parts.
var glued = []string{
	"the endpoint is paused", "the endpoint is paused by {1}", "the endpoint is off", "the endpoint is off by {1}", // ingest/fates.go, api/delivery.go
	"the endpoint is disabled", "the endpoint is disabled by {1}",
	"the pipeline is paused", "the pipeline is paused by {1}", "the pipeline is off", "the pipeline is off by {1}",
	"the pipeline is disabled", "the pipeline is disabled by {1}",
	"the endpoint was created after the event", "the pipeline was created after the event",
	"the endpoint's settings cannot be used: {1}", "the pipeline's settings cannot be used: {1}", // engine/work.go
	"1 try", "{1} tries", "{1} (and {2} more)", // hub
	"cancelled by {1}", "the target was deleted", // what ends a delivery in the store
	"condition_error: {1}", "the conditions on this event took more than 50 ms", // ingest/routing.go
	"delivered", "failed", "superseded", "expired", "cancelled", "paused", "resumed", "renamed", "deleted",
	"{1} is no number", "the key column has no value (row {1} of the list)", // connection
	"step {1} ({2}, {3}): {4}", "step {1} ({2}): {3}", // pipeline/record.go
	"condition: {1} does not begin with {2}", "condition: {1} does not end with {2}", "condition: {1} does not contain {2}", // expr/explain.go
	"condition: {1} does not match {2}", "condition: {1} is {2}", "condition: {1} is true, and {2} is false",
	"condition: {1} is not {2} (a text is not a number: write num(...) or text(...))",
}

// phrase is a sentence in the code, its values as {1}, {2}, and where it stands.
type phrase struct{ text, place string }

// phrases of all packages that speak.
func phrases(t *testing.T) (list []phrase) {
	t.Helper()
	for _, folder := range slices.Sorted(maps.Keys(speaking)) {
		how := speaking[folder]
		entries, err := os.ReadDir(filepath.Join("..", folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name := entry.Name()
			if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || slices.Contains(how.without, name) {
				continue
			}
			source, err := os.ReadFile(filepath.Join("..", folder, name))
			if err != nil {
				t.Fatal(err)
			}
			found, err := phrasesIn(folder+"/"+name, string(source), how.all)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, found...)
		}
	}
	return list
}

// phrasesIn are those of one file.
func phrasesIn(name, source string, all bool) (list []phrase, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, 0)
	if err != nil {
		return nil, err
	}
	var path []ast.Node
	seen := map[ast.Node]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			path = path[:len(path)-1]
			return true
		}
		path = append(path, n)
		literal, ok := n.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING || seen[literal] {
			return true
		}
		// The whole concatenation that the literal belongs to.
		whole, at := ast.Expr(literal), len(path)-2
		for ; at >= 0; at-- {
			sum, ok := path[at].(*ast.BinaryExpr)
			if !ok || sum.Op != token.ADD {
				break
			}
			whole = sum
		}
		place, added := placeOf(path[:at+1])
		if place == "cond" {
			return true
		}
		text := sentenceOf(whole, added, seen)
		wraps := !all && (place == "fmt.Errorf" || place == "errors.New")
		if strings.Contains(text, " ") && twoLetters.MatchString(text) && !wraps && !unsaid.MatchString(text) && !unsaidAt.MatchString(place) {
			list = append(list, phrase{text, fmt.Sprintf("%s:%d (%s)", name, set.Position(literal.Pos()).Line, place)})
		}
		return true
	})
	return list, nil
}

// placeOf is what a literal is given to; added tells that it is added to what stands there.
func placeOf(path []ast.Node) (place string, added bool) {
	for _, n := range slices.Backward(path) {
		switch n := n.(type) {
		case *ast.CallExpr:
			return nameOf(n.Fun), false
		case *ast.KeyValueExpr:
			return "kv:" + nameOf(n.Key), false
		case *ast.AssignStmt:
			return "assign:" + nameOf(n.Lhs[0]), n.Tok == token.ADD_ASSIGN
		case *ast.ReturnStmt:
			return "return", false
		case *ast.ValueSpec:
			return "decl", false
		case *ast.CompositeLit:
			return "lit", false
		case *ast.CaseClause, *ast.IfStmt, *ast.BinaryExpr:
			return "cond", false
		case *ast.Field, *ast.ImportSpec:
			return "tag", false
		}
	}
	return "", false
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	case *ast.CallExpr:
		return nameOf(e.Fun) + "()"
	case *ast.BasicLit:
		return e.Value
	}
	return "?"
}

var (
	twoLetters = regexp.MustCompile(`[a-zA-Z]{2}`)
	verb       = regexp.MustCompile(`%[+#]?[0-9]*\.?[0-9]*[sdqvxwTUcgXf]`)
)

// sentenceOf writes a concatenation or a format with {1}, {2} where it has values.
func sentenceOf(whole ast.Expr, added bool, seen map[ast.Node]bool) string {
	var b strings.Builder
	n := 0
	hole := func(string) string { n++; return "{" + strconv.Itoa(n) + "}" }
	if added {
		b.WriteString(hole(""))
	}
	var write func(e ast.Expr)
	write = func(e ast.Expr) {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			write(e.X)
			write(e.Y)
		case *ast.BasicLit:
			seen[e] = true
			text, _ := strconv.Unquote(e.Value)
			b.WriteString(strings.ReplaceAll(verb.ReplaceAllStringFunc(text, hole), "%%", "%"))
		default:
			if !strings.HasSuffix(b.String(), "}") {
				b.WriteString(hole(""))
			}
		}
	}
	write(whole)
	return b.String()
}

// mirror is a language's sentences with marks instead of their words: what is left in a text beside marks and values is
// what nobody has translated.
func mirror(s *sentences, marks map[string]string) *sentences {
	m := newSentences()
	for english := range s.texts {
		mark := fmt.Sprintf("|<%d>|", len(marks))
		marks[mark] = english
		_ = m.add(english, message{"other": mark + strings.Join(numberedPlace.FindAllString(english, -1), "|") + "|"})
	}
	if s.conditions != nil {
		m.conditions = mirror(s.conditions, marks)
	}
	return m
}

var (
	markOf   = regexp.MustCompile(`\|<\d+>\|`)
	leftWord = regexp.MustCompile(`[A-Za-z']{2,}[:;]? [A-Za-z']{2,}|^[^|]*[a-z]{3}[^|]*$`)
)

// Every sentence that the code says to a person is translated into every language, and every translation is of such a
// sentence.
func TestN7_EverySentenceIsTranslatedAndEveryTranslationIsSaid(t *testing.T) {
	all := phrases(t)
	for i := range all {
		if strings.HasPrefix(all[i].place, "expr/explain.go") {
			all[i].text = "condition: " + all[i].text
		}
	}
	for _, text := range glued {
		all = append(all, phrase{text, "the list of glued sentences"})
	}
	for _, l := range Languages()[1:] {
		marks, used := map[string]string{}, map[string]bool{}
		m := mirror(embeddedSentences()[l], marks)
		for _, p := range all {
			said := m.speak(l, numberedPlace.ReplaceAllString(p.text, "V$1"))
			for _, mark := range markOf.FindAllString(said, -1) {
				used[mark] = true
			}
			if left := leftWord.FindString(markOf.ReplaceAllString(said, "|")); left != "" {
				t.Errorf("%s: %s: not translated in %q", p.place, l, p.text)
			}
		}
		for mark, english := range marks {
			if !used[mark] {
				t.Errorf("%s: %q is no sentence that the code says", l, english)
			}
		}
	}
}
