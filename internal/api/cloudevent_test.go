package api

import (
	"net/http"
	"strings"
	"testing"

	"hacek/internal/expr"
)

func TestCloudEventInJSON(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"any JSON", `"data":{"total":1234.50}`, `{"total":1234.50}`},
		{"none", `"subject":"A-1"`, `null`},
		{"base64 that holds JSON", `"data_base64":"eyJhIjoxLjUwfQ=="`, `{"a":1.50}`},
		{"base64 that holds text", `"datacontenttype":"text/plain","data_base64":"xZk="`, `"ř"`},
		{"base64 that holds bytes", `"datacontenttype":"image/png","data_base64":"AAH/"`, `"AAH/"`},
	} {
		doc, err := expr.ParseDoc([]byte(`{"specversion":"1.0","id":"7","source":"/shop","type":"order.created",` + c.data + `}`))
		if err != nil {
			t.Fatal(err)
		}
		in, err := readCloud(doc.Value())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if string(in.Data) != c.want || in.ID != "7" || in.Source != "/shop" || in.Type != "order.created" {
			t.Errorf("%s: got %s of %+v, want %s", c.name, in.Data, in, c.want)
		}
	}
}

func TestCloudEventInHeaders(t *testing.T) {
	header := http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"7"}, "Ce-Source": {"/shop"}, "Ce-Type": {"order.created"},
		"Ce-Subject": {"2018%20%C4%8D"}, "Ce-Time": {"2026-01-02T03:04:05Z"}, "Ce-Traceparent": {`"00-\"a\""`},
	}
	in, err := readCloudBinary(header, "application/json", []byte(` {"a":1.50} `))
	if err != nil {
		t.Fatal(err)
	}
	if *in.Key != "2018 č" || string(in.Data) != `{"a":1.50}` || in.Time.Year() != 2026 || string(in.Metadata) != `{"traceparent":"00-\"a\""}` {
		t.Errorf("got %+v, key %q, data %s, metadata %s", in, *in.Key, in.Data, in.Metadata)
	}
	xml, err := readCloudBinary(header, "application/xml", []byte("<a>ř</a>"))
	if err != nil || string(xml.Data) != `"<a>ř</a>"` {
		t.Errorf("XML became %s, %v", xml.Data, err)
	}
}

func TestWrongCloudEvents(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"7","source":"/s","type":"t"}`:                                                   "/specversion",
		`{"specversion":"0.3","id":"7","source":"/s","type":"t"}`:                               "/specversion",
		`{"specversion":"1.0","source":"/s","type":"t"}`:                                        "/id",
		`{"specversion":"1.0","id":"7","source":"/s","type":"t","data":1,"data_base64":"AA=="}`: "/data_base64",
		`{"specversion":"1.0","id":"7","source":"/s","type":"t","data_base64":"?"}`:             "/data_base64",
		`{"specversion":"1.0","id":"7","source":"/s","type":"t","Bad-Name":1}`:                  "/Bad-Name",
		`{"specversion":"1.0","id":"7","id":"8","source":"/s","type":"t"}`:                      "/id",
		`{"specversion":"1.0","id":"7","source":"/s","type":"t","time":"noon"}`:                 "/time",
	} {
		doc, err := expr.ParseDoc([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err = readCloud(doc.Value()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}
