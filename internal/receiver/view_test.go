package receiver

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"
)

// Every body has a JSON view, or a reason in plain words. No number and no byte of JSON is written anew.
func TestM2_ViewsOfEveryKindOfBody(t *testing.T) {
	const multipart = "--b\r\nContent-Disposition: form-data; name=\"order\"\r\n\r\n7\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"order\"\r\n\r\n8\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"scan\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x89\x00\r\n--b--\r\n"
	for _, c := range []struct{ name, kind, body, want, fault string }{
		{name: "JSON keeps its numbers", kind: "application/json; charset=utf-8", body: ` {"total": 1.10, "id":12345678901234567890} `, want: `{"total": 1.10, "id":12345678901234567890}`},
		{name: "byte order mark", kind: "application/json", body: "\uFEFF{\"a\":1}", want: `{"a":1}`},
		{name: "escaped NUL stays", kind: "application/json", body: `{"a":"\u0000"}`, want: `{"a":"\u0000"}`},
		{name: "raw NUL", kind: "application/json", body: "{\"a\":\"\x00\"}", fault: "control character"},
		{name: "invalid UTF-8", kind: "application/json", body: "{\"a\":\"\xff\"}", fault: "not UTF-8 at byte 6"},
		{name: "truncated", kind: "application/json", body: `{"a":`, fault: "ends too early"},
		{name: "10,000 deep", kind: "application/json", body: strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), fault: "deeper than 256"},
		{name: "vendor's JSON type", kind: "application/vnd.api+json", body: `[1]`, want: `[1]`},
		{name: "JSON called text", kind: "text/plain; charset=UTF-8", body: `{"Type":"Notification"}`, want: `{"Type":"Notification"}`},
		{name: "JSON called form", kind: "application/x-www-form-urlencoded", body: `{"a":1}`, want: `{"a":1}`},
		{name: "JSON without a type", body: `[{"a":1}]`, want: `[{"a":1}]`},
		{name: "broken type", kind: "application/json; =", body: `{"a":1}`, want: `{"a":1}`},

		{name: "form", kind: "application/x-www-form-urlencoded", body: "b=2&a=%C5%99+x&b=3&empty=&bad=%zz", want: `{"b":["2","3"],"a":"ř x","empty":"","bad":"%zz"}`},
		{name: "form in windows-1250", kind: "application/x-www-form-urlencoded; charset=windows-1250", body: "a=%F8", want: `{"a":"ř"}`},
		{name: "form of unknown bytes", kind: "application/x-www-form-urlencoded", body: "a=%ff", want: `{"a":"�"}`},
		{name: "multipart", kind: "multipart/form-data; boundary=b", body: multipart, want: `{"order":["7","8"],"scan":{"filename":"a.png","content_type":"image/png","size":2,"base64":"iQA="}}`},
		{name: "multipart cut off", kind: "multipart/form-data; boundary=b", body: multipart[:100], fault: "too early"},
		{name: "multipart without boundary", kind: "multipart/form-data", body: multipart, fault: "no boundary"},
		{name: "1,001 parts", kind: "multipart/form-data; boundary=b", body: strings.Repeat("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n", 1001) + "--b--", fault: "more than 1000 parts"},

		{name: "XML", kind: "text/xml", body: `<?xml version="1.0"?><n:order xmlns:n="urn:x" id="5"><line><sku>A&amp;B</sku></line><line sku="C">note</line><empty/></n:order>`,
			want: `{"order":{"-id":"5","line":[{"sku":"A&B"},{"-sku":"C","-text":"note"}],"empty":""}}`},
		{name: "XML in windows-1250", kind: "application/xml", body: "<?xml version=\"1.0\" encoding=\"windows-1250\"?><a>\xf8</a>", want: `{"a":"ř"}`},
		{name: "XML that lies about being UTF-8", kind: "application/xml", body: "<?xml version=\"1.0\" encoding=\"windows-1250\"?><a>ř</a>", want: `{"a":"ř"}`},
		{name: "XML bomb", kind: "application/xml", body: `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><l>&b;</l>`, fault: "document type"},
		{name: "XML of another's entity", kind: "application/xml", body: `<a>&passwd;</a>`, fault: "not XML"},
		{name: "XML 129 deep", kind: "application/xml", body: strings.Repeat("<a>", 129) + strings.Repeat("</a>", 129), fault: "deeper than 128"},
		{name: "XML cut off", kind: "application/xml", body: "<a><b></b>", fault: "not XML"},
		{name: "no XML at all", kind: "application/xml", body: "hello", fault: "no element"},

		{name: "text", kind: "text/plain", body: "hello\n\"x\"", want: `{"text":"hello\n\"x\""}`},
		{name: "text with a bracket", kind: "text/plain", body: "{hello", want: `{"text":"{hello"}`},
		{name: "bytes", kind: "application/octet-stream", body: "\x00\xff", want: `{"base64":"AP8="}`},
		{name: "nothing but a query", body: "", want: `{"id":"5","x":["1","2"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			doc, err := decode(c.kind, []byte(c.body), url.Values{"id": {"5"}, "x": {"1", "2"}})
			switch {
			case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
				t.Errorf("fault %v, want one with %q", err, c.fault)
			case c.fault == "" && err != nil:
				t.Errorf("fault %v", err)
			case c.fault == "" && string(doc.Raw()) != c.want:
				t.Errorf("view %s\nwant %s", doc.Raw(), c.want)
			}
			if err != nil && !utf8.ValidString(err.Error()) {
				t.Errorf("a reason that is no text: %q", err)
			}
		})
	}
}

func packed(t *testing.T, how string, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if how == "deflate" {
		w = zlib.NewWriter(&b)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The cap holds before anything is parsed: on the wire, without a Content-Length, and behind the compression.
func TestRule11_CapsComeBeforeParsing(t *testing.T) {
	bomb := packed(t, "gzip", make([]byte, 10<<20)) // 10 KiB of gzip
	for _, c := range []struct {
		name, encoding string
		body           []byte
		status         int
		want           string
	}{
		{"as large as allowed", "", bytes.Repeat([]byte("x"), 1000), 0, strings.Repeat("x", 1000)},
		{"one more", "", bytes.Repeat([]byte("x"), 1001), 413, ""},
		{"gzip", "gzip", packed(t, "gzip", []byte("hello")), 0, "hello"},
		{"gzip as large as allowed", "GZIP", packed(t, "gzip", bytes.Repeat([]byte("x"), 1000)), 0, strings.Repeat("x", 1000)},
		{"gzip with one more", "gzip", packed(t, "gzip", bytes.Repeat([]byte("x"), 1001)), 413, ""},
		{"deflate", "deflate", packed(t, "deflate", []byte("hello")), 0, "hello"},
		{"bomb", "gzip", bomb[:1000], 413, ""},
		{"two layers", "gzip, gzip", packed(t, "gzip", packed(t, "gzip", []byte("hello"))), 415, ""},
		{"unknown", "br", []byte("x"), 415, ""},
		{"not gzip", "gzip", []byte("hello"), 400, ""},
		{"gzip cut off", "gzip", packed(t, "gzip", bytes.Repeat([]byte("hello"), 10))[:15], 400, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, wire, refused := readBody(bytes.NewReader(c.body), c.encoding, 1000, &hold{from: new(atomic.Int64)})
			switch {
			case refused == nil && (c.status != 0 || string(body) != c.want):
				t.Errorf("taken as %d bytes, want status %d", len(body), c.status)
			case refused != nil && refused.status != c.status:
				t.Errorf("refused with %d (%s), want %d", refused.status, refused.reason, c.status)
			}
			if c.status != http.StatusRequestEntityTooLarge && wire != len(c.body) {
				t.Errorf("%d bytes over the wire, want %d", wire, len(c.body))
			}
			if len(body) > len(c.body)+1000 {
				t.Errorf("%d bytes in memory", len(body))
			}
		})
	}
}

// A thousand callers with large bodies cannot take all the memory, and small bodies come through all the while.
func TestRule11_LargeBodiesShareABoundedMemory(t *testing.T) {
	var all atomic.Int64
	large := make([]byte, 4<<20)
	var holds []*hold
	refusals := 0
	for range 200 {
		h := &hold{from: &all}
		holds = append(holds, h)
		if _, _, refused := readBody(bytes.NewReader(large), "", 8<<20, h); refused != nil {
			if refusals++; refused.status != http.StatusServiceUnavailable {
				t.Fatalf("refused with %d", refused.status)
			}
		}
	}
	if refusals == 0 || all.Load() > largeBodies {
		t.Errorf("%d of 200 refused, %d MiB taken", refusals, all.Load()>>20)
	}
	if _, _, refused := readBody(bytes.NewReader(large[:50_000]), "", 8<<20, &hold{from: &all}); refused != nil {
		t.Errorf("a small body is refused: %s", refused.reason)
	}
	for _, h := range holds {
		h.release()
	}
	if all.Load() != 0 {
		t.Errorf("%d bytes are never given back", all.Load())
	}
}
