package expr

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	literalToken tokenKind = iota
	valueToken
	eachToken
	ifToken
	elseToken
	endToken
)

// token is a literal or a tag of a template.
type token struct {
	kind   tokenKind
	text   string // the literal, or the path
	offset int
	end    int
	path   []segment
}

// tokenise finds the tags: `#` + letter + [\w.\[\]-]* + `#`, with `each ` or `if ` before the path of a block. Every
// other # is literal, and ## is a literal #.
func tokenise(text string) ([]token, error) {
	var tokens []token
	var open []token
	from := 0
	literal := func(to int) {
		if to > from {
			tokens = append(tokens, token{kind: literalToken, text: text[from:to], offset: from, end: to})
		}
	}
	for i := 0; i < len(text); {
		next := strings.IndexByte(text[i:], '#')
		if next < 0 {
			break
		}
		i += next
		if strings.HasPrefix(text[i:], "##") {
			literal(i + 1)
			i += 2
			from = i
			continue
		}
		t, ok := tag(text, i)
		if !ok {
			i++
			continue
		}
		switch {
		case t.kind == valueToken && t.text == "end" && len(open) > 0:
			t.kind = endToken
			open = open[:len(open)-1]
		case t.kind == valueToken && t.text == "else" && len(open) > 0 && open[len(open)-1].kind == ifToken:
			t.kind = elseToken
		case t.kind == eachToken || t.kind == ifToken:
			if len(open) == maxBlocks {
				return nil, &ParseError{i, fmt.Sprintf("more than %d blocks inside one another", maxBlocks), ""}
			}
			open = append(open, t)
		}
		if t.kind <= ifToken {
			var err error
			if t.path, err = parsePath(t.text); err != nil {
				return nil, &ParseError{i, fmt.Sprintf("the path %q: %s", t.text, err),
					"write paths like #order.lines[0].sku#; a literal # is written ##"}
			}
		}
		literal(i)
		tokens = append(tokens, t)
		i, from = t.end, t.end
	}
	literal(len(text))
	if len(open) > 0 {
		t := open[len(open)-1]
		return nil, &ParseError{t.offset, fmt.Sprintf("the block that begins with %s has no #end#", text[t.offset:t.end]),
			"write #end# where the block ends"}
	}
	return tokens, nil
}

// tag reads the tag whose # stands at i.
func tag(text string, i int) (token, bool) {
	t := token{kind: valueToken, offset: i}
	at := i + 1
	switch {
	case strings.HasPrefix(text[at:], "each "):
		t.kind, at = eachToken, at+len("each ")
	case strings.HasPrefix(text[at:], "if "):
		t.kind, at = ifToken, at+len("if ")
	}
	for t.kind != valueToken && at < len(text) && text[at] == ' ' {
		at++
	}
	if at == len(text) || !isLetter(text[at]) {
		return token{}, false
	}
	from := at
	for at < len(text) && isPathByte(text[at]) {
		at++
	}
	if at == len(text) || text[at] != '#' {
		return token{}, false
	}
	t.text, t.end = text[from:at], at+1
	return t, true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isPathByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '[' || c == ']' || c == '-'
}

// parser turns tokens into parts and remembers the paths it met.
type parser struct {
	tokens []token
	at     int
	place  Place
	each   []string // paths of the `#each#` blocks we stand in
	paths  []string
	seen   map[string]bool
	slots  int
}

// lookup compiles the path of a tag and files it under the name it has at the outside.
func (p *parser) lookup(t token) lookup {
	l := lookup{name: t.text, path: t.path}
	name := t.text
	if len(p.each) > 0 {
		p.slots++
		l.slot = p.slots
		around := p.each[len(p.each)-1] + "[]"
		switch first := t.path[0].name; {
		case alwaysRoot(first) && (len(t.path) > 1 || first == "data"):
		case name == "item":
			name = around
		case first == "item":
			name = around + strings.TrimPrefix(name, "item")
		default:
			name = around + "." + name
		}
	}
	if !p.seen[name] {
		p.seen[name] = true
		p.paths = append(p.paths, name)
	}
	if t.kind == eachToken {
		p.each = append(p.each, name)
	}
	return l
}

// parts reads up to the end of the text or of the block.
func (p *parser) parts() ([]part, error) {
	var parts []part
	for p.at < len(p.tokens) {
		t := p.tokens[p.at]
		switch t.kind {
		case endToken, elseToken:
			return parts, nil
		case literalToken:
			p.at++
			if n := len(parts); n > 0 && parts[n-1].kind == literalPart {
				parts[n-1].literal += t.text
			} else {
				parts = append(parts, part{kind: literalPart, literal: t.text})
			}
		case valueToken:
			p.at++
			parts = append(parts, part{kind: valuePart, place: p.lookup(t)})
		default:
			block, err := p.block(t)
			if err != nil {
				return nil, err
			}
			parts = append(parts, block)
		}
	}
	return parts, nil
}

func (p *parser) block(t token) (part, error) {
	p.at++
	b := part{kind: eachPart, place: p.lookup(t)}
	if t.kind == ifToken {
		b.kind = ifPart
	}
	var err error
	if b.body, err = p.parts(); err != nil {
		return part{}, err
	}
	if p.tokens[p.at].kind == elseToken {
		p.at++
		if b.orElse, err = p.parts(); err != nil {
			return part{}, err
		}
	}
	if p.tokens[p.at].kind == elseToken {
		return part{}, &ParseError{p.tokens[p.at].offset, "a second #else# in one block", "end the block with #end# first"}
	}
	p.at++
	if t.kind == eachToken {
		p.each = p.each[:len(p.each)-1]
	}
	return b, nil
}
