package expr

import (
	"errors"
	"strings"
	"testing"
)

func TestP4_URL(t *testing.T) {
	for _, c := range []struct {
		text    string
		missing Missing
		want    string
	}{
		{"https://wms.example/in/#order.id#?mail=#customer.email#", "", "https://wms.example/in/a%2Fb%20c?mail=jana%2B1%40example.cz"},
		{"http://127.0.0.1:8080", "", "http://127.0.0.1:8080"},
		{"https://wms.example?x=1", "", "https://wms.example?x=1"},
		{"HTTPS://Wms.Example:8443/a//#absent#/b", "", "https://Wms.Example:8443/a///b"},
		{"https://x.cz/?a=#absent#&b=#order.code#&c", MissingOmit, "https://x.cz/?b=2018000057&c"},
		{"https://x.cz/?a=#absent#", MissingOmit, "https://x.cz/"},
		{"https://x.cz/?a=#absent#", "", "https://x.cz/?a="},
		{"https://x.cz/žluť a?b=č d&e=%20", "", "https://x.cz/%C5%BElu%C5%A5%20a?b=%C4%8D%20d&e=%20"},
		{"https://x.cz/v1.2/#order.code#.json", "", "https://x.cz/v1.2/2018000057.json"},
		{"https://x.cz/?q=#single#", "", "https://x.cz/?q=%7B%22sku%22%3A%22S%22%7D"},
		{"https://[::1]:80/a", "", "https://[::1]:80/a"},
	} {
		u, err := ParseURL(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, err := u.Render(scope(t, sampleData), c.missing); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}

func TestRule4_NoPlaceholderInSchemeOrHost(t *testing.T) {
	for _, text := range []string{
		"#order.id#", "#a#://x.cz/", "https://#order.id#/", "https://x#order.id#.cz/", "https://x.cz:#port#/", "https://x.cz#order.id#",
		"https://user:pass@x.cz/", "https://#u#@x.cz/", "ftp://x.cz/", "x.cz/a", "https://", "https:///a", "https://x.cz/a/../b", "https://x.cz/%2e%2E/b",
		"https://x.cz/a#fragment", "https://x.cz/%zz", "https://x.cz/a\nb", "https://x.cz\\@evil.cz/", "https://x.cz:port/",
	} {
		_, err := ParseURL(text)
		var e *ParseError
		if !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%q: got %v, want a mistake with a hint", text, err)
		}
	}
}

func TestRule4_DotSegmentsFail(t *testing.T) {
	for _, never := range []string{"https://x.cz/a/../b", "https://x.cz/a/../#v#", "https://x.cz/#v#/%2E%2e?q=1"} {
		if _, err := ParseURL(never); err == nil {
			t.Errorf("%s was taken, and no event could be sent there", never)
		}
	}
	for template, values := range map[string][]string{
		"https://x.cz/a/#v#/b": {".", "..", "..;x"},
		"https://x.cz/a/.#v#":  {"", "."},
		"https://x.cz/%2e#v#":  {".", ""},
	} {
		u, err := ParseURL(template)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			s := NewScope()
			s.SetText("data", "v", v)
			if got, err := u.Render(s, ""); !isPlaceError(err) {
				t.Errorf("%s with %q: got %s, %v; want a PlaceError", template, v, got, err)
			}
		}
		for _, v := range []string{"../..", "%2e%2e", "...", "a..b", "/", "?", "#", "\\", "x"} {
			s := NewScope()
			s.SetText("data", "v", v)
			got, err := u.Render(s, "")
			if err != nil || strings.Count(got, "/") != strings.Count(template, "/") || strings.ContainsAny(got, "?#\\") {
				t.Errorf("%s with %q: got %s, %v", template, v, got, err)
			}
		}
	}
}
