package signature

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a body that has to be read for its signature. Bigger ones are refused; the caller caps the whole body.
const (
	maxJSONDepth = 256
	maxXMLDepth  = 128
	maxParts     = 1000
	maxPart      = 1 << 20 // bytes of one field of a multipart form; more is cut off and then fits no signature
)

// Names that stand twice are refused: whoever reads the body later might take the other one.
func doubled(name string) error { return fmt.Errorf("%s stands there twice", quoted(name)) }

// decodeJSON reads a JSON body. Numbers keep their text.
func decodeJSON(body []byte) (any, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	value, err := decodeValue(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows after its end")
	}
	return value, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, errors.New("it is not JSON")
	}
	delim, is := token.(json.Delim)
	if !is {
		return token, nil
	}
	if depth == maxJSONDepth {
		return nil, fmt.Errorf("it is nested deeper than %d", maxJSONDepth)
	}
	if delim == '[' {
		list := []any{}
		for d.More() {
			item, err := decodeValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, closing(d)
	}
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, errors.New("it is not JSON")
		}
		name := token.(string)
		if _, twice := object[name]; twice {
			return nil, doubled(name)
		}
		if object[name], err = decodeValue(d, depth+1); err != nil {
			return nil, err
		}
	}
	return object, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("it is not JSON")
	}
	return nil
}

// decodeXML reads elements by their local names into maps; repeated ones become lists. Attributes are left out.
func decodeXML(body []byte) (any, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	type element struct {
		name     string
		children map[string]any
		text     []byte
	}
	stack := []*element{{children: map[string]any{}}}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(stack) == 1 {
			return stack[0].children, nil
		}
		if err != nil {
			return nil, errors.New("it is not XML")
		}
		top := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.Directive:
			return nil, errors.New("a document type (<!DOCTYPE) is not taken")
		case xml.StartElement:
			if len(stack) > maxXMLDepth {
				return nil, fmt.Errorf("it is nested deeper than %d", maxXMLDepth)
			}
			stack = append(stack, &element{name: t.Name.Local, children: map[string]any{}})
		case xml.CharData:
			top.text = append(top.text, t...)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			var value any = top.children
			if len(top.children) == 0 {
				value = strings.TrimSpace(string(top.text))
			}
			parent := stack[len(stack)-1].children
			switch before := parent[top.name].(type) {
			case nil:
				parent[top.name] = value
			case xmlList:
				parent[top.name] = append(before, value)
			default:
				parent[top.name] = xmlList{before, value}
			}
		}
	}
}

// xmlList is an element that stands there several times.
type xmlList []any

// decodeForm reads a form of either encoding; nil when the body is none.
func decodeForm(contentType string, body []byte) (url.Values, error) {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, nil //nolint:nilerr // what names no type is no form
	}
	switch media {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errors.New("it is not a form")
		}
		return form, nil
	case "multipart/form-data":
		return decodeMultipart(params["boundary"], body)
	}
	return nil, nil
}

func decodeMultipart(boundary string, body []byte) (url.Values, error) {
	if boundary == "" {
		return nil, errors.New("its content type names no boundary")
	}
	form := url.Values{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, errors.New("it is not a form in parts")
		}
		if part.FileName() != "" {
			continue
		}
		value, err := io.ReadAll(io.LimitReader(part, maxPart))
		if err != nil {
			return nil, errors.New("it is not a form in parts")
		}
		form[part.FormName()] = append(form[part.FormName()], string(value))
	}
	return nil, fmt.Errorf("it has more than %d parts", maxParts)
}

// walk goes down a document; nil where the path ends early.
func walk(value any, segments []string) (any, error) {
	for _, name := range segments {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil, nil //nolint:nilerr // the list has no such item
			}
			value = v[i]
		default:
			return nil, nil
		}
		if _, many := value.(xmlList); many {
			return nil, doubled(name)
		}
	}
	return value, nil
}

// scalar is a value as the text that providers sign; null counts as absent.
func scalar(value any) (text string, there, plain bool) {
	switch v := value.(type) {
	case nil:
		return "", false, true
	case string:
		return v, true, true
	case json.Number:
		return v.String(), true, true
	case bool:
		return strconv.FormatBool(v), true, true
	}
	return "", true, false
}

func quoted(text string) string {
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	return strconv.QuoteToASCII(text)
}
