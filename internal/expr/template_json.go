package expr

import (
	"fmt"
	"strings"
)

type jsonKind uint8

const (
	jsonLiteral jsonKind = iota // no placeholder below
	jsonPlace                   // an unquoted placeholder
	jsonText                    // a quoted text with placeholders
	jsonList
	jsonObject
	jsonChoice // #if# in the place of a value
)

// jsonNode is one value of a JSON template. A template is kept as a tree, and commas are written when it is rendered:
// so no value, and nothing left out, can break the document.
type jsonNode struct {
	kind         jsonKind
	literal      string
	place        lookup
	text         []part
	items        []jsonItem
	tail         string // white space before the closing bracket
	body, orElse *jsonNode
}

// jsonItem is a member of an object, an item of a list, or a block of those.
type jsonItem struct {
	kind         partKind // literalPart: finished text; valuePart: key and value; eachPart, ifPart
	lead         string   // white space before it
	literal      string
	key          []part // nil in a list
	colon        string
	value        *jsonNode
	place        lookup
	body, orElse []jsonItem
}

// jsonParser reads a JSON template byte by byte; tags count as one character.
type jsonParser struct {
	*parser
	inside int // the place inside the current literal
	depth  int
	length int // of the whole text
}

func parseJSONTemplate(p *parser, length int) (*jsonNode, error) {
	j := &jsonParser{parser: p, length: length}
	lead := j.space()
	node, err := j.value()
	if err != nil {
		return nil, err
	}
	tail := j.space()
	if !j.done() {
		return nil, j.errorf("something follows the end of the document", "")
	}
	if node.kind == jsonLiteral {
		node.literal = lead + node.literal + tail
	}
	return node, nil
}

func (j *jsonParser) done() bool { return j.at >= len(j.tokens) }

// peek is the next byte, or 0 before a tag and at the end.
func (j *jsonParser) peek() byte {
	if j.done() || j.tokens[j.at].kind != literalToken {
		return 0
	}
	return j.tokens[j.at].text[j.inside]
}

func (j *jsonParser) next() {
	j.inside++
	if j.inside == len(j.tokens[j.at].text) {
		j.at++
		j.inside = 0
	}
}

// tag is the tag that stands here, if one does.
func (j *jsonParser) tag() (token, bool) {
	if j.done() || j.tokens[j.at].kind == literalToken {
		return token{}, false
	}
	return j.tokens[j.at], true
}

func (j *jsonParser) offset() int {
	if j.done() {
		return j.length
	}
	return j.tokens[j.at].offset + j.inside
}

func (j *jsonParser) errorf(detail, hint string) error {
	return &ParseError{j.offset(), "the body is not JSON: " + detail, hint}
}

func (j *jsonParser) space() string {
	var space []byte
	for {
		c := j.peek()
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return string(space)
		}
		space = append(space, c)
		j.next()
	}
}

// value reads one value; white space before it is gone.
func (j *jsonParser) value() (*jsonNode, error) {
	if t, ok := j.tag(); ok {
		return j.tagValue(t)
	}
	switch c := j.peek(); {
	case j.done():
		return nil, j.errorf("the text ends too early", "close every { [ and \" that was opened")
	case c == '{' || c == '[':
		return j.bracket(c)
	case c == '"':
		text, err := j.text()
		if err != nil {
			return nil, err
		}
		if len(text) == 1 && text[0].kind == literalPart {
			return &jsonNode{literal: `"` + text[0].literal + `"`}, nil
		}
		if len(text) == 0 {
			return &jsonNode{literal: `""`}, nil
		}
		return &jsonNode{kind: jsonText, text: text}, nil
	}
	from := j.offset()
	var word []byte
	for c := j.peek(); c != 0 && !strings.ContainsRune(" \n\r\t,:]}[{\"", rune(c)); c = j.peek() {
		word = append(word, c)
		j.next()
	}
	if len(word) == 0 {
		return nil, j.errorf("a value is missing", "write a value or a placeholder here")
	}
	if end, err := checkScalar(word, 0); err != nil || end != len(word) {
		hint := "texts stand in double quotes"
		if word[0] == '#' {
			hint = "a placeholder is # + letter + letters, digits, . _ - [ ] + #"
		}
		return nil, &ParseError{from, fmt.Sprintf("the body is not JSON: %q is no value", word), hint}
	}
	if t, ok := j.tag(); ok && t.kind == valueToken {
		return nil, j.errorf("a placeholder outside quotes must stand alone", "put the whole value into double quotes")
	}
	return &jsonNode{literal: string(word)}, nil
}

func (j *jsonParser) tagValue(t token) (*jsonNode, error) {
	switch t.kind {
	case valueToken:
		j.at++
		node := &jsonNode{kind: jsonPlace, place: j.lookup(t)}
		next, isTag := j.tag()
		glued := isTag && next.kind == valueToken || j.peek() != 0 && !strings.ContainsRune(" \n\r\t,]}", rune(j.peek()))
		if glued {
			return nil, j.errorf("a placeholder outside quotes must stand alone", "put the whole value into double quotes")
		}
		return node, nil
	case ifToken:
		j.at++
		node := &jsonNode{kind: jsonChoice, place: j.lookup(t)}
		var err error
		if node.body, err = j.branch(); err != nil {
			return nil, err
		}
		if t, _ := j.tag(); t.kind == elseToken {
			j.at++
			if node.orElse, err = j.branch(); err != nil {
				return nil, err
			}
		}
		if t, _ := j.tag(); t.kind != endToken {
			return nil, j.errorf("this block holds more than one value", "write one value before #else# and one before #end#")
		}
		j.at++
		return node, nil
	case eachToken:
		return nil, j.errorf("a repetition stands where one value is wanted", "write [ before #each# and ] after #end#")
	}
	return nil, j.errorf("a value is missing before this tag", "write a value or a placeholder here")
}

// branch is one side of a choice: a value with white space around it.
func (j *jsonParser) branch() (*jsonNode, error) {
	j.space()
	node, err := j.value()
	if err == nil {
		j.space()
	}
	return node, err
}

// text reads a quoted text.
func (j *jsonParser) text() ([]part, error) {
	from := j.offset()
	j.next()
	text, err := j.textParts(from)
	if err != nil {
		return nil, err
	}
	if j.peek() != '"' {
		return nil, j.errorf("a text and a block overlap", "let a block begin and end inside one text")
	}
	j.next()
	return text, nil
}

// textParts reads up to the closing quote, or up to the end of a block inside the text.
func (j *jsonParser) textParts(from int) ([]part, error) {
	var parts []part
	var literal []byte
	flush := func() {
		if len(literal) > 0 {
			parts = append(parts, part{kind: literalPart, literal: string(literal)})
			literal = nil
		}
	}
	for {
		if j.done() {
			return nil, &ParseError{from, "the body is not JSON: a text without its closing quote", ""}
		}
		if t, ok := j.tag(); ok {
			flush()
			switch t.kind {
			case endToken, elseToken:
				return parts, nil
			case valueToken:
				j.at++
				parts = append(parts, part{kind: valuePart, place: j.lookup(t)})
			default:
				block, err := j.textBlock(t, from)
				if err != nil {
					return nil, err
				}
				parts = append(parts, block)
			}
			continue
		}
		c := j.peek()
		switch {
		case c == '"':
			flush()
			return parts, nil
		case c < 0x20:
			return nil, j.errorf("a line break or control character inside a text", `write \n for a line break`)
		case c == '\\':
			escape, err := j.escapeSequence()
			if err != nil {
				return nil, err
			}
			literal = append(literal, escape...)
			continue
		}
		literal = append(literal, c)
		j.next()
	}
}

func (j *jsonParser) escapeSequence() ([]byte, error) {
	escape := []byte{'\\'}
	at := j.offset()
	for j.next(); j.peek() != 0; j.next() {
		escape = append(escape, j.peek())
		if escape[1] == 'u' && len(escape) < 6 {
			continue
		}
		j.next()
		break
	}
	quoted := append(append([]byte{'"'}, escape...), '"')
	if end, err := checkString(quoted, 0); err != nil || end != len(quoted) {
		return nil, &ParseError{at, "the body is not JSON: an unknown escape", `a backslash is written \\`}
	}
	return escape, nil
}

func (j *jsonParser) textBlock(t token, from int) (part, error) {
	j.at++
	b := part{kind: eachPart, place: j.lookup(t)}
	if t.kind == ifToken {
		b.kind = ifPart
	}
	var err error
	if b.body, err = j.textParts(from); err != nil {
		return part{}, err
	}
	if t, _ := j.tag(); t.kind == elseToken {
		j.at++
		if b.orElse, err = j.textParts(from); err != nil {
			return part{}, err
		}
	}
	return b, j.endBlock(t)
}

func (j *jsonParser) endBlock(begin token) error {
	if t, ok := j.tag(); !ok || t.kind != endToken {
		return j.errorf("the block does not end where it began", "let a block hold whole values, or stay inside one text")
	}
	j.at++
	if begin.kind == eachToken {
		j.each = j.each[:len(j.each)-1]
	}
	return nil
}
