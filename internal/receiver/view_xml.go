package receiver

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"hacek/internal/expr"
)

// maxXMLDepth is how deep elements may nest.
const maxXMLDepth = 128

// element is one element of an XML document on its way to JSON.
type element struct {
	name     string
	text     strings.Builder
	fields   form // attributes as "-name", then child elements by their names
	children bool
}

// decodeXML reads XML without a document type, and so without entities of its own. Names lose their prefixes.
func decodeXML(body []byte, charset string) (expr.Doc, error) {
	body = bytes.TrimPrefix(inUTF8(body, charset), byteOrderMark)
	d := xml.NewDecoder(bytes.NewReader(body))
	d.CharsetReader = func(name string, in io.Reader) (io.Reader, error) {
		// The bytes that the declaration speaks of may have been translated already, or be UTF-8 after all.
		if utf8.Valid(body) {
			return in, nil
		}
		if known := charsetOf(name); known != nil {
			return known.NewDecoder().Reader(in), nil
		}
		return nil, fmt.Errorf("an unknown character set, %q", cut(name, 40))
	}
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return expr.Doc{}, fmt.Errorf("the body is not XML: %s", cut(strings.TrimPrefix(err.Error(), "XML syntax error on "), 200))
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.Directive:
			return expr.Doc{}, errors.New("the XML has a document type (<!DOCTYPE ...>), which is not read")
		case xml.StartElement:
			if len(open) > maxXMLDepth {
				return expr.Doc{}, fmt.Errorf("the XML is nested deeper than %d", maxXMLDepth)
			}
			open = append(open, newElement(t))
		case xml.EndElement:
			open = open[:len(open)-1]
			parent := open[len(open)-1]
			parent.children = true
			parent.fields.add(top.name, top.appendJSON(nil))
		case xml.CharData:
			top.text.Write(t)
		}
	}
	if !root.children {
		return expr.Doc{}, errors.New("the body is not XML: it has no element")
	}
	root.text.Reset()
	return viewOf(root.appendJSON(nil))
}

func newElement(start xml.StartElement) *element {
	e := &element{name: start.Name.Local}
	for _, a := range start.Attr {
		if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
			e.fields.add("-"+a.Name.Local, appendString(nil, a.Value))
		}
	}
	return e
}

// appendJSON writes an element that holds text only as that text. Elsewhere text between the children is "-text",
// and white space between them is nothing.
func (e *element) appendJSON(dst []byte) []byte {
	text := e.text.String()
	if e.children || len(e.fields.fields) > 0 {
		text = strings.TrimSpace(text)
	}
	if len(e.fields.fields) == 0 && !e.children {
		return appendString(dst, text)
	}
	if text != "" {
		e.fields.add("-text", appendString(nil, text))
	}
	return appendForm(dst, e.fields.fields)
}
