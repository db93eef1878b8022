package expr

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// xmlState is where in an XML text a scan stands.
type xmlState uint8

const (
	xmlText xmlState = iota
	xmlTag
	xmlDouble // inside an attribute in double quotes
	xmlSingle
	xmlCData
	xmlComment
	xmlInstruction
)

// xmlEnds is what leads out of a state.
var xmlEnds = [...]struct {
	text string
	next xmlState
}{xmlDouble: {`"`, xmlTag}, xmlSingle: {`'`, xmlTag}, xmlCData: {"]]>", xmlText}, xmlComment: {"-->", xmlText}, xmlInstruction: {"?>", xmlText}}

// checkXMLTemplate sees to it that placeholders stand only where escaping protects the document, and that the
// document is well-formed with a plain word in each of them.
func checkXMLTemplate(text string, parts []part) error {
	if _, err := scanXML(parts, xmlText); err != nil {
		return err
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		return nil
	}
	d := xml.NewDecoder(strings.NewReader(sample(parts)))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return &ParseError{0, "the template is not well-formed XML: " + err.Error(), "close every element that was opened"}
		}
	}
}

// sample renders every block once, both branches of a choice, with a word for each value.
func sample(parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		switch p.kind {
		case literalPart:
			b.WriteString(p.literal)
		case valuePart:
			b.WriteString("x")
		default:
			b.WriteString(sample(p.body))
			b.WriteString(sample(p.orElse))
		}
	}
	return b.String()
}

func scanXML(parts []part, state xmlState) (xmlState, error) {
	for i := range parts {
		p := &parts[i]
		switch p.kind {
		case literalPart:
			var err error
			if state, err = scanXMLText(p.literal, state); err != nil {
				return state, err
			}
		case valuePart:
			p.cdata = state == xmlCData
			if state == xmlTag || state == xmlComment || state == xmlInstruction {
				return state, &ParseError{0, fmt.Sprintf("#%s# stands where XML cannot protect its value", p.place.name),
					"put it between two tags or into the quotes of an attribute"}
			}
		default:
			body, err := scanXML(p.body, state)
			if err != nil {
				return state, err
			}
			orElse, err := scanXML(p.orElse, state)
			if err != nil {
				return state, err
			}
			if body != state || orElse != state {
				return state, &ParseError{0, fmt.Sprintf("the block of %s begins and ends in different places of the XML", p.place.name),
					"let a block hold whole elements, or stay inside one text"}
			}
		}
	}
	return state, nil
}

func scanXMLText(text string, state xmlState) (xmlState, error) {
	for text != "" {
		switch state {
		case xmlText:
			at := strings.IndexByte(text, '<')
			if at < 0 {
				return state, nil
			}
			text = text[at:]
			switch {
			case strings.HasPrefix(text, "<![CDATA["):
				state, text = xmlCData, text[len("<![CDATA["):]
			case strings.HasPrefix(text, "<!--"):
				state, text = xmlComment, text[len("<!--"):]
			case strings.HasPrefix(text, "<?"):
				state, text = xmlInstruction, text[2:]
			case strings.HasPrefix(text, "<!"):
				return state, &ParseError{0, "an XML template has no DOCTYPE", "leave it out"}
			default:
				state, text = xmlTag, text[1:]
			}
		case xmlTag:
			at := strings.IndexAny(text, `>"'`)
			if at < 0 {
				return state, nil
			}
			state = map[byte]xmlState{'>': xmlText, '"': xmlDouble, '\'': xmlSingle}[text[at]]
			text = text[at+1:]
		default:
			_, rest, found := strings.Cut(text, xmlEnds[state].text)
			if !found {
				return state, nil
			}
			state, text = xmlEnds[state].next, rest
		}
	}
	return state, nil
}
