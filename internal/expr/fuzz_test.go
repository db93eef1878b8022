package expr

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// textScope holds two hostile texts, plain and as JSON.
func textScope(t testing.TB, a, b string) *Scope {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"a": a, "list": []any{a, b, map[string]string{"a": b}}, "deep": map[string]any{"b": b}})
	if err != nil {
		t.Fatal(err)
	}
	s := NewScope()
	s.SetDoc("data", doc(t, string(raw)))
	s.SetText("event", "key", b)
	return s
}

func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// FuzzTemplateJSON: whatever stands in the event, the body is valid JSON and every value reads back equal.
func FuzzTemplateJSON(f *testing.F) {
	for _, text := range []string{"", `"`, `\`, "\n\r\t\x00", "\u2028 😀 žluť", `","x":"`, "#a#", "\\u0022", "]}", "\xff"} {
		f.Add(text, "b", "empty")
		f.Add("a", text, "omit")
	}
	tpl, err := ParseTemplate(`{"raw":#a#,"quoted":"#a#","mixed":"<#a#|#event.key#>","key":"#event.key#","nested":"#deep#","#a#\u0000key":1,
		"list":[#each list##item#,#end#"#list[1]#"#if a#,"yes"#else#,"no"#end#],"gone":#gone#,"gone2":"#gone#","copy":#list#}`, JSON)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, a, b, missing string) {
		a, b = clean(a), clean(b)
		out, err := tpl.Render(nil, textScope(t, a, b), Missing(missing))
		if err != nil {
			if missing == string(MissingFail) {
				return
			}
			t.Fatalf("%q %q: %v", a, b, err)
		}
		var got struct {
			Raw, Quoted, Mixed, Key, Nested string
			List, Copy                      []any
		}
		if _, err := ParseDoc(out); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		// encoding/json folds case, so the member named by the value could stand for another: read the names exactly.
		d := doc(t, string(out))
		for name, want := range map[string]string{"raw": a, "quoted": a, "mixed": "<" + a + "|" + b + ">", "key": b} {
			if v, ok := d.Value().Field(name); !ok || v.Text() != want {
				t.Fatalf("%s: got %q, want %q in %s", name, v.Text(), want, out)
			}
		}
		nested, _ := d.Value().Field("nested")
		var deep struct{ B string }
		if err := json.Unmarshal([]byte(nested.Text()), &deep); err != nil || deep.B != b {
			t.Fatalf("nested: got %q, %v; want %q", nested.Text(), err, b)
		}
		list, _ := d.Value().Field("list")
		if err := json.Unmarshal(list.AppendJSON(nil), &got.List); err != nil || len(got.List) != 5 || got.List[0] != a || got.List[3] != b {
			t.Fatalf("list: got %q, %v", got.List, err)
		}
	})
}

// FuzzTemplateValue: any JSON value keeps its text where its placeholder stands without quotes, alone, in a list and as an
// item of one; between quotes it is the text that a person reads.
func FuzzTemplateValue(f *testing.F) {
	for _, raw := range []string{`1234.50`, `1e3`, `-0.0`, `12345678901234567890`, `{"a": [1.50, {"b":null}]}`, `[]`, `"\u00e9\"#a#"`, `null`, `true`} {
		f.Add(raw)
	}
	tpl, err := ParseTemplate(`{"raw":#v#,"quoted":"#v#","mixed":"<#v#>","copy":#list#,"each":[#each list##item#,#end#0]}`, JSON)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if _, err := ParseDoc([]byte(raw)); err != nil {
			return
		}
		raw = strings.Trim(raw, " \t\r\n")
		data, err := ParseDoc([]byte(`{"v":` + raw + `,"list":[` + raw + `,` + raw + `]}`))
		if err != nil {
			return // too deep with a list around it
		}
		v, _ := data.Value().Field("v")
		s := NewScope()
		s.SetDoc("data", data)
		for _, missing := range []Missing{MissingEmpty, MissingNull, MissingOmit, MissingFail} {
			out, err := tpl.Render(nil, s, missing)
			if err != nil {
				t.Fatalf("%s, %s: %v", raw, missing, err)
			}
			got, err := ParseDoc(out)
			if err != nil {
				t.Fatalf("%s, %s: rendered %s: %v", raw, missing, out, err)
			}
			for name, want := range map[string]string{"raw": raw, "copy": "[" + raw + "," + raw + "]", "each": "[" + raw + "," + raw + ",0]"} {
				if member, ok := got.Value().Field(name); !ok || string(member.AppendJSON(nil)) != want {
					t.Fatalf("%s, %s: %s is %s, want %s", raw, missing, name, member.AppendJSON(nil), want)
				}
			}
			for name, want := range map[string]string{"quoted": v.Text(), "mixed": "<" + v.Text() + ">"} {
				if member, ok := got.Value().Field(name); !ok || member.Text() != want {
					t.Fatalf("%s, %s: %s is %q, want %q", raw, missing, name, member.Text(), want)
				}
			}
		}
	})
}

// FuzzTemplateText: no text of a template, valid or not, breaks the parser, and what parses as JSON renders as JSON.
func FuzzTemplateText(f *testing.F) {
	for _, text := range []string{`{"a":#a#}`, `[#each list##item#,#end#1]`, `{"a":"#if a#x#else#y#end#"#if a#,"b":1#end#}`, `<a x="#a#">#each list#<b/>#end#</a>`, "##", "#a", "#a[0#", `["\u00`, "[#a#x]"} {
		for place := Path; place <= Text; place++ {
			f.Add(text, int(place), "empty")
		}
	}
	s := textScope(f, "A\"\n", "<b>")
	f.Fuzz(func(t *testing.T, text string, place int, missing string) {
		place = min(max(place, int(Path)), int(Text))
		tpl, err := ParseTemplate(text, Place(place))
		if err != nil {
			e, ok := err.(*ParseError)
			if !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		tpl.Static()
		tpl.Absent(s)
		out, err := tpl.Render(nil, s, Missing(missing))
		if err == nil && Place(place) == JSON && utf8.ValidString(text) {
			if _, err := ParseDoc(out); err != nil {
				t.Fatalf("%q rendered %q: %v", text, out, err)
			}
		}
	})
}

// FuzzHeader: no control byte ever reaches a header.
func FuzzHeader(f *testing.F) {
	for _, text := range []string{"a", "a\r\nb", "\x00", "\x7f", "\u0085", "ž", "\xff", "\t"} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tpl, err := ParseTemplate(text+"#v#", Header)
		if err != nil {
			return
		}
		s := NewScope()
		s.SetText("data", "v", value)
		s.SetText("data", "a", value)
		out, err := tpl.Render(nil, s, "")
		if err != nil {
			return
		}
		for _, c := range out {
			if c < 0x20 || c == 0x7f {
				t.Fatalf("%q with %q: got %q", text, value, out)
			}
		}
	})
}

// FuzzPlaces: in a path, query, form or XML a value reads back equal and never leaves its place.
func FuzzPlaces(f *testing.F) {
	for _, text := range []string{"a", "../..", "?#&=+ %", "<&>\"'\r\n\t", "]]>", "😀ž", "\x00", "\uFFFE"} {
		f.Add(text)
	}
	u, err := ParseURL("https://x.cz/a/_#v#?k=#v#&l=1")
	if err != nil {
		f.Fatal(err)
	}
	tpl, err := ParseTemplate(`<a x="#v#"><b>#v#</b><![CDATA[#v#]]></a>`, XML)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		value = clean(value)
		s := NewScope()
		s.SetText("data", "v", value)
		address, err := u.Render(s, "")
		if err != nil {
			t.Fatalf("%q: %v", value, err)
		}
		parsed, err := url.Parse(address)
		if err != nil || parsed.Path != "/a/_"+value || parsed.Query().Get("k") != value || parsed.Query().Get("l") != "1" || strings.Count(address, "/") != 4 {
			t.Fatalf("%q: got %s, %v", value, address, err)
		}
		out, err := tpl.Render(nil, s, "")
		if err != nil {
			return
		}
		var got struct {
			X    string `xml:"x,attr"`
			B    string `xml:"b"`
			Text string `xml:",chardata"`
		}
		err = xml.Unmarshal(out, &got)
		lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(value) // CDATA has no way to keep a carriage return
		if err != nil || got.X != value || got.B != value || got.Text != lines {
			t.Fatalf("%q: got %q, %v from %s", value, got, err, out)
		}
	})
}

// FuzzCondition: no condition and no event panics or runs on, and what is answered without CEL is what CEL says.
func FuzzCondition(f *testing.F) {
	for _, text := range []string{`num(data.a) > 1.0`, `has(data.a.b)`, `data.list.exists(x, x == 1)`, `text(data.a) + lower(data.b) == date("x")`, `data`, `data.a ? 1 : 2`, `[1,2].map(x, x)`, `data.a.matches("(")`, `text(data.list[0])`, `text(has(data.a))`, `!data.a || -1 < 2u`, `{"a":data}.a == data`, `type(data) == map`, `b"\xff" == data.a`, `"`, `data.a in data`} {
		f.Add(text, `{"a":"1","list":[1,"x",{}],"b":{}}`)
	}
	for text := range asked {
		f.Add(text, order)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		c, err := ParseCondition(text)
		if err != nil {
			if e, ok := err.(*ParseError); !ok || e.Offset < 0 || e.Offset > len(text) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		d, err := ParseDoc([]byte(data))
		if err != nil {
			return
		}
		s := NewScope()
		s.SetDoc("data", d)
		agreesWithCEL(t, c, s)
		yes, err := c.Match(s)
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("internal error")) {
			t.Fatalf("%q on %s: %v", text, data, err)
		}
		if why := c.Explain(s); (why == "") != (yes && err == nil) {
			t.Fatalf("%q on %s: %v, %v, yet explained %q", text, data, yes, err, why)
		}
	})
}
