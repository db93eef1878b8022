package expr

import (
	"errors"
	"fmt"
)

// Place is where a template's text will stand; it decides how values are escaped.
type Place int

const (
	Path Place = iota
	Query
	Header
	JSON
	XML
	Form
	Text
)

func (p Place) String() string {
	return [...]string{"path", "query", "header", "JSON", "XML", "form", "text"}[p]
}

// Missing says what becomes of a placeholder that finds nothing. The zero value is MissingEmpty.
type Missing string

const (
	MissingEmpty Missing = "empty"
	MissingNull  Missing = "null"
	MissingOmit  Missing = "omit"
	MissingFail  Missing = "fail"
)

// What one rendering may cost, so that a loop inside a loop over a large body ends in an error.
const (
	maxRendered = 16 << 20  // bytes written
	maxRead     = 256 << 20 // bytes of the document walked over
	maxBlocks   = 32        // blocks inside one another
)

// ParseError is a mistake in the text of a template or a condition.
type ParseError struct {
	Offset int // in bytes
	Detail string
	Hint   string // what to do about it; may be empty
}

func (e *ParseError) Error() string { return fmt.Sprintf("%s (at byte %d)", e.Detail, e.Offset) }

// WithHint is the text of a mistake together with what to do about it, where that is known.
func WithHint(err error) string {
	var e *ParseError
	if errors.As(err, &e) && e.Hint != "" {
		return err.Error() + ": " + e.Hint
	}
	return err.Error()
}

// MissingError names the placeholder that found nothing where MissingFail was asked for.
type MissingError struct{ Path string }

func (e *MissingError) Error() string { return "the event has no " + e.Path }

// PlaceError is a value that cannot stand where the template puts it.
type PlaceError struct {
	Place  Place
	Path   string // the placeholder; empty when the fault lies in the whole
	Detail string
}

func (e *PlaceError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("%s: %s", e.Place, e.Detail)
	}
	return fmt.Sprintf("%s: the value of %s: %s", e.Place, e.Path, e.Detail)
}

// Template is a text with placeholders, compiled for its place. It may be rendered by many goroutines at once.
type Template struct {
	place Place
	parts []part    // every place but JSON
	pairs [][]part  // instead of parts, in a query or form without blocks
	json  *jsonNode // JSON only
	paths []string
	slots int // how many placeholders stand inside `#each#`
}

type partKind uint8

const (
	literalPart partKind = iota
	valuePart
	eachPart
	ifPart
)

// part is a piece of a flat template, or of a text inside a JSON template.
type part struct {
	kind         partKind
	cdata        bool // inside <![CDATA[ ]]>
	literal      string
	place        lookup
	body, orElse []part
}

// lookup is a compiled path.
type lookup struct {
	name string // as written
	path []segment
	slot int // its place in the renderer's cache; 0 outside `#each#`
}

// ParseTemplate compiles text for its place. Whatever values come later, what is rendered is well-formed there.
func ParseTemplate(text string, place Place) (*Template, error) {
	tokens, err := tokenise(text)
	if err != nil {
		return nil, err
	}
	t := &Template{place: place}
	p := &parser{tokens: tokens, place: place, seen: map[string]bool{}}
	if place == JSON {
		t.json, err = parseJSONTemplate(p, len(text))
	} else {
		t.parts, err = p.parts()
	}
	if err != nil {
		return nil, err
	}
	t.paths, t.slots = p.paths, p.slots
	switch place {
	case XML:
		err = checkXMLTemplate(text, t.parts)
	case Header:
		err = checkHeaderTemplate(tokens)
	case Query, Form:
		t.pairs = splitPairs(t.parts)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Paths lists every path used, each once. Inside `#each rows#` a path reads `rows[].sku`.
func (t *Template) Paths() []string { return t.paths }

// Static is the rendered text of a template without any placeholder.
func (t *Template) Static() (string, bool) {
	if len(t.paths) > 0 {
		return "", false
	}
	if t.json != nil {
		return t.json.literal, true
	}
	text := ""
	for _, p := range t.parts {
		text += p.literal
	}
	return text, true
}

// Absent tells that the template is one placeholder and nothing else, and that the scope lacks it: what stands for
// it (a header, a parameter) is to be left out under MissingOmit.
func (t *Template) Absent(s *Scope) bool {
	r := renderer{scope: s, budget: maxRead}
	if t.json != nil {
		return t.json.absent(&r)
	}
	return soleAbsent(t.parts, &r)
}

// Render appends the filled-in text to dst.
func (t *Template) Render(dst []byte, s *Scope, m Missing) ([]byte, error) {
	r := renderer{scope: s, missing: m, place: t.place, budget: maxRead, limit: len(dst) + maxRendered}
	if t.slots > 0 {
		r.cache = make([]cached, t.slots+1)
	}
	switch {
	case t.json != nil:
		dst = t.json.render(dst, &r)
	case t.pairs != nil:
		dst = r.pairs(dst, t.pairs)
	default:
		dst = r.parts(dst, t.parts)
	}
	if r.err != nil {
		return nil, r.err
	}
	return dst, nil
}

// soleAbsent tells that the parts are one placeholder that finds nothing.
func soleAbsent(parts []part, r *renderer) bool {
	if len(parts) != 1 || parts[0].kind != valuePart {
		return false
	}
	_, found := r.find(&parts[0].place)
	return !found
}
