package receiver

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"
)

// XML brings no document type and no depth, multipart no crowd of parts; one less is taken.
func TestRule11_BombsOfXMLAndMultipart(t *testing.T) {
	nested := func(n int) []byte {
		return []byte(strings.Repeat("<a>", n) + "x" + strings.Repeat("</a>", n))
	}
	parts := func(n int) (contentType string, body []byte) {
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		for i := range n {
			if err := w.WriteField(fmt.Sprint("f", i), "x"); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		return w.FormDataContentType(), b.Bytes()
	}
	allowed, few := parts(1000)
	crowded, many := parts(1001)
	const xml = "application/xml"
	for _, c := range []struct {
		name, contentType string
		body              []byte
		says              string
	}{
		{"XML", xml, []byte(`<a>x</a>`), ""},
		{"a document type", xml, []byte(`<!DOCTYPE a><a>x</a>`), "document type"},
		{"entities", xml, []byte(`<!DOCTYPE a [<!ENTITY b "xxxxxxxx"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;</a>`), "document type"},
		{"a file of ours", xml, []byte(`<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`), "document type"},
		{"a document type of SOAP", "text/xml", []byte(`<?xml version="1.0"?><!DOCTYPE a SYSTEM "http://127.0.0.1/"><a/>`), "document type"},
		{"as deep as allowed", xml, nested(128), ""},
		{"one deeper", xml, nested(129), "nested deeper than 128"},
		{"parts", allowed, few, ""},
		{"one part more", crowded, many, "more than 1000 parts"},
	} {
		_, err := decode(c.contentType, c.body, nil)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}
