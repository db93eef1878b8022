package sender

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/encoding/ianaindex"
)

const maxXMLDepth = 128

var (
	errXMLDepth = errors.New("nested too deep")
	errXMLKind  = errors.New("a document type declaration is not read")
	errNoXML    = errors.New("not XML")
)

// element collects what stands inside one XML element.
type element struct {
	name     string
	text     strings.Builder
	names    []string
	children map[string][]string // JSON texts by name
}

func (e *element) add(name, value string) {
	if e.children == nil {
		e.children = map[string][]string{}
	}
	if _, known := e.children[name]; !known {
		e.names = append(e.names, name)
	}
	e.children[name] = append(e.children[name], value)
}

// json is the element's JSON view: a text when it holds only text; else an object of its children, "@name" for
// attributes and "#text" for text between; a repeated child is a list.
func (e *element) json() string {
	text := strings.TrimSpace(e.text.String())
	if len(e.names) == 0 {
		return string(appendString(nil, text))
	}
	var b []byte
	b = append(b, '{')
	for _, name := range e.names {
		b = append(appendString(b, name), ':')
		if values := e.children[name]; len(values) == 1 {
			b = append(b, values[0]...)
		} else {
			b = append(append(append(b, '['), strings.Join(values, ",")...), ']')
		}
		b = append(b, ',')
	}
	if text != "" {
		b = append(appendString(append(appendString(b, "#text"), ':'), text), ',')
	}
	b[len(b)-1] = '}'
	return string(b)
}

// xmlView turns an XML answer into JSON, so that a condition can read `response.xml.result.state`. Prefixes of name
// spaces are left out.
func xmlView(raw []byte) ([]byte, error) {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '<' && trimmed[0] != 0xEF {
		return nil, errNoXML
	}
	d := xml.NewDecoder(bytes.NewReader(raw))
	d.CharsetReader = xmlCharset
	root := &element{}
	stack := []*element{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if len(stack) > maxXMLDepth {
				return nil, errXMLDepth
			}
			e := &element{name: t.Name.Local}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					e.add("@"+a.Name.Local, string(appendString(nil, a.Value)))
				}
			}
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			stack[len(stack)-1].add(top.name, top.json())
		case xml.CharData:
			top.text.Write(t)
		case xml.Directive:
			return nil, errXMLKind
		}
	}
	if len(root.names) == 0 {
		return nil, errNoXML
	}
	return []byte(root.json()), nil
}

func xmlCharset(name string, r io.Reader) (io.Reader, error) {
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, errNoXML
	}
	return enc.NewDecoder().Reader(r), nil
}
