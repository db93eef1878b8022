package signature

import (
	"errors"
	"slices"
	"strings"
)

// path is where a value stands in a request: alternatives, of which the first that is there counts.
type path []spot

type spot struct {
	text     string
	root     string
	segments []string // one for header, query, form and setting
}

var roots = []string{"header", "query", "body", "form", "item", "setting"}

func parsePath(text string) (path, error) {
	var p path
	for alternative := range strings.SplitSeq(text, "|") {
		root, rest, found := strings.Cut(alternative, ".")
		if !slices.Contains(roots, root) {
			return nil, errors.New("a path begins with one of " + strings.Join(roots, ", "))
		}
		if !found && root != "body" && root != "item" || found && rest == "" {
			return nil, errors.New("a name is missing after " + root)
		}
		one := spot{text: alternative, root: root}
		switch {
		case !found:
		case root == "body" || root == "item":
			one.segments = strings.Split(rest, ".")
			if slices.Contains(one.segments, "") {
				return nil, errors.New("a name is missing beside a point")
			}
		default:
			one.segments = []string{rest}
		}
		p = append(p, one)
	}
	return p, nil
}

func (p path) text() string {
	var texts []string
	for _, one := range p {
		texts = append(texts, one.text)
	}
	return strings.Join(texts, "|")
}

// optional: an absent field of the content counts as empty, an absent header or setting does not.
func (p path) optional() bool {
	return slices.ContainsFunc(p, func(one spot) bool { return one.root == "body" || one.root == "form" || one.root == "item" })
}

// words names the place for people: "header Stripe-Signature".
func (p path) words() string {
	var texts []string
	for _, one := range p {
		texts = append(texts, one.words())
	}
	return strings.Join(texts, " or ")
}

func (one *spot) words() string {
	rest := strings.Join(one.segments, ".")
	switch one.root {
	case "header":
		return "header " + rest
	case "query":
		return "parameter " + rest + " in the address"
	case "form":
		return "form field " + rest
	case "setting":
		return "setting " + rest + " of the source"
	case "item":
		return "field " + rest + " in the item"
	}
	return "field " + rest + " in the body"
}
