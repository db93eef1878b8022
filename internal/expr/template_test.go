package expr

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

const sampleData = `{"order":{"id":"a/b c","code":"2018000057","total":1234.50,"big":12345678901234567890,"exp":1e3,"empty":"","none":null,
 "note":"He said \"hi\"\\\n\u0000\u2028 žluť 😀 #order.code# <b>&'","paid":true,"no":false},
 "customer":{"email":"jana+1@example.cz"},"event":"order:create","event_only":1,
 "lines":[{"sku":"A","qty":2,"tags":["x","y"]},{"sku":"B","qty":5,"tags":[]}],"nums":[1,2.50,"three"],"single":{"sku":"S"},"rows":[]}`

func render(t *testing.T, text string, place Place, m Missing) (string, error) {
	t.Helper()
	tpl, err := ParseTemplate(text, place)
	if err != nil {
		t.Fatalf("ParseTemplate(%s): %v (hint %q)", text, err, err.(*ParseError).Hint)
	}
	out, err := tpl.Render(nil, scope(t, sampleData), m)
	return string(out), err
}

type renderCase struct {
	text    string
	missing Missing
	want    string
}

func wantRendered(t *testing.T, place Place, cases []renderCase) {
	t.Helper()
	for _, c := range cases {
		got, err := render(t, c.text, place, c.missing)
		if err != nil || got != c.want {
			t.Errorf("%s (missing %s):\n got %q, %v\nwant %q", c.text, c.missing, got, err, c.want)
			continue
		}
		if place == JSON {
			if _, err := ParseDoc([]byte(got)); err != nil {
				t.Errorf("%s: rendered %q: %v", c.text, got, err)
			}
		}
	}
}

func TestE3_Placeholders(t *testing.T) {
	wantRendered(t, Text, []renderCase{
		{"#order.code#", "", "2018000057"},
		{"no #absent#!", "", "no !"},
		{"no #absent#!", MissingOmit, "no !"},
		{"Item ##5, #5, # 5#, #a b#, 100 #", "", "Item #5, #5, # 5#, #a b#, 100 #"},
		{"#order.code##order.total#", "", "20180000571234.50"},
		{"#order.big# #order.exp# #order.paid# #order.none#|", "", "12345678901234567890 1e3 true |"},
		{"#lines[1].sku##lines.0.sku#", "", "BA"},
		{"#lines[2].sku##lines.x##lines.-1#", "", ""},
		{"#single#", "", `{"sku":"S"}`},
		{"#event.key# #event.type# #source.name# #endpoint.name# #attributes.mandant#", "", "2018000057 order.created Shoptet Sklad - WMS 01"},
		{"#event# #data.event# #event.event#", "", "order:create order:create "},
		{"#headers.X-Shop#", "", "42"},
		{"#end# #else# #item#", "", "  "},
	})
	wantRendered(t, Text, []renderCase{
		{"#each lines##sku#x#qty#(#order.code#) #end#", "", "Ax2(2018000057) Bx5(2018000057) "},
		{"#each nums##item#;#end#", "", "1;2.50;three;"},
		{"#each lines##each tags##item##sku# #end##end#", "", "xA yA "},
		{"#each single##sku##end##each absent#x#end##each rows#x#end##each order.none#x#end#", "", "S"},
		{"#if order.paid#yes#else#no#end# #if order.no#yes#else#no#end# #if order.empty#yes#end##if rows#rows#end##if absent#a#end#", "", "yes no "},
		{"#each lines##if tags##sku##end##end#", "", "A"},
		{"#each lines##item.sku##end#", "", "AB"},
		{"#order.note#", "", "He said \"hi\"\\\n\x00\u2028 žluť 😀 #order.code# <b>&'"},
	})
}

func TestE3_MissingFails(t *testing.T) {
	for _, place := range []Place{Path, Query, Header, XML, Form, Text} {
		_, err := render(t, "a=#customer.phone#", place, MissingFail)
		var missing *MissingError
		if !errors.As(err, &missing) || missing.Path != "customer.phone" {
			t.Errorf("%s: got %v, want a MissingError for customer.phone", place, err)
		}
	}
	for _, body := range []string{`{"a":#customer.phone#}`, `{"a":"#customer.phone#"}`, `{"a":"x#customer.phone#"}`} {
		_, err := render(t, body, JSON, MissingFail)
		var missing *MissingError
		if !errors.As(err, &missing) {
			t.Errorf("%s: got %v, want a MissingError", body, err)
		}
	}
}

func TestE5_JSONBody(t *testing.T) {
	wantRendered(t, JSON, []renderCase{
		{`{"eshop":"#order.code#","email":"#customer.email#"}`, "", `{"eshop":"2018000057","email":"jana+1@example.cz"}`},
		{`{"t":#order.total#,"b":#order.big#,"e":#order.exp#,"s":#order.code#,"o":#single#,"n":#order.none#}`, "",
			`{"t":1234.50,"b":12345678901234567890,"e":1e3,"s":"2018000057","o":{"sku":"S"},"n":null}`},
		{`{"t":"#order.total# Kč","o":"#single#"}`, "", `{"t":"1234.50 Kč","o":"{\"sku\":\"S\"}"}`},
		{`{"n":"#order.note#"}`, "", `{"n":"He said \"hi\"\\\n\u0000\u2028 žluť 😀 #order.code# <b>&'"}`},
		{`{"a": #x#, "b":"#x#", "c":"-#x#-"}`, "", `{"a": "", "b":"", "c":"--"}`},
		{`{"a": #x#, "b":"#x#", "c":"-#x#-"}`, MissingNull, `{"a": null, "b":null, "c":"--"}`},
		{`{"a": #x#, "b":"#x#", "c":"-#x#-"}`, MissingOmit, `{ "c":"--"}`},
		{`{"a": 1, "b":"#x#"}`, MissingOmit, `{"a": 1}`},
		{`[#x#,1,"#x#",[#x#]]`, MissingOmit, `[1,[]]`},
		{`#x#`, MissingOmit, `null`},
		{`#data#`, "", sampleData},
		{`{"##":"##1","#order.code#":1}`, "", `{"#":"#1","2018000057":1}`},
		{`{"e\u00e1\"":"\\#order.code#"}`, "", `{"e\u00e1\"":"\\2018000057"}`},
		{"{\n  \"a\": 1,\n  \"b\": #order.total#\n}\n", "", "{\n  \"a\": 1,\n  \"b\": 1234.50\n}"},
		{`[#each lines#{"s":"#sku#"}#end#]`, "", `[{"s":"A"},{"s":"B"}]`},
		{`[#each lines#{"s":"#sku#"},#end#]`, "", `[{"s":"A"},{"s":"B"}]`},
		{`[#each rows#1#end#,2]`, "", `[2]`},
		{`[0,#each lines##qty##end#,9]`, "", `[0,2,5,9]`},
		{`[#each nums##item##end#]`, "", `[1,2.50,"three"]`},
		{`["#each lines##sku#, #end#"]`, "", `["A, B, "]`},
		{`{"a":1#if order.paid#,"b":2#end##if order.no#,"c":3#end#,"d":4}`, "", `{"a":1,"b":2,"d":4}`},
		{`{#if order.no#"a":1,#end#"b":2}`, "", `{"b":2}`},
		{`{"a":#if order.no#1#else#"x #order.code#"#end#}`, "", `{"a":"x 2018000057"}`},
		{`{"a":#if order.no#1#end#,"b":2}`, MissingOmit, `{"b":2}`},
		{`{#each lines#"#sku#":#qty##end#}`, "", `{"A":2,"B":5}`},
		{`{"x":[#each lines#{"s":#sku#,"t":[#each tags#"#item##sku#"#end#]}#end#]}`, "", `{"x":[{"s":"A","t":["xA","yA"]},{"s":"B","t":[]}]}`},
		{`{"a":"#if order.paid#paid#else#open#end# #order.code#"}`, "", `{"a":"paid 2018000057"}`},
		{`{"a":[],"b":{},"c":[ ],"d":""}`, "", `{"a":[],"b":{},"c":[ ],"d":""}`},
	})
}

func TestE5_JSONMistakesAreFoundAtSave(t *testing.T) {
	for text, offset := range map[string]int{
		`{"a":1,}`:                         7,
		`{"a" 1}`:                          5,
		`{"a":#x##y#}`:                     8,
		`{"a":-#x#}`:                       5,
		`{"a":#x#5}`:                       8,
		`{a:1}`:                            1,
		`{"a":"x`:                          5,
		`[1 2]`:                            3,
		`[1,,2]`:                           3,
		`[,1]`:                             1,
		`{"a":tru}`:                        5,
		`{"a":"\q"}`:                       6,
		"{\"a\":\"\n\"}":                   6,
		`{"a":#each lines#1#end#}`:         5,
		`{"a":1}}`:                         7,
		`[#each lines#"x#end#"]`:           15,
		`["#each lines#x",1#end#]`:         15,
		`[#each lines#1`:                   1,
		`{"a":#order id#}`:                 5,
		`[1}`:                              2,
		``:                                 0,
		`{#x#:1}`:                          1,
		`{"a":#if x#1 2#end#}`:             13,
		`{"a":"#a..b#"}`:                   6,
		`[#if a#1#else#2#else#3#end#]`:     15,
		strings.Repeat("[", 300):           256,
		strings.Repeat(`#if a#`, 40) + `1`: 32 * 6,
	} {
		_, err := ParseTemplate(text, JSON)
		var e *ParseError
		if !errors.As(err, &e) || e.Offset != offset {
			t.Errorf("%s: got %v, want a mistake at %d", text, err, offset)
		}
	}
}

func TestE5_XMLBody(t *testing.T) {
	wantRendered(t, XML, []renderCase{
		{`<a x="#customer.email#">#order.code#</a>`, "", `<a x="jana+1@example.cz">2018000057</a>`},
		{`<a>#each lines#<l n='#qty#'>#sku#</l>#end#</a>`, "", `<a><l n='2'>A</l><l n='5'>B</l></a>`},
		{`<a><![CDATA[#cd#]]></a>`, "", `<a><![CDATA[]]></a>`},
	})
	s := NewScope()
	s.SetText("data", "v", "a&b<c>\"d'\n]]>é")
	for text, want := range map[string]string{
		`<a x="#v#"/>`:           `<a x="a&amp;b&lt;c&gt;&quot;d&apos;&#10;]]&gt;é"/>`,
		`<a><![CDATA[#v#]]></a>`: "<a><![CDATA[a&b<c>\"d'\n]]]]><![CDATA[>é]]></a>",
	} {
		tpl, err := ParseTemplate(text, XML)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tpl.Render(nil, s, ""); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{`<a><b></a>`, `<#order.code#/>`, `<a x=#order.code#/>`, `<!--#order.code#-->`, `<!DOCTYPE a><a/>`, `<a>#if x#<b>#end#</a>`, `<a #if x#y="1">#end#</a>`} {
		if _, err := ParseTemplate(text, XML); err == nil {
			t.Errorf("%s: accepted", text)
		}
	}
	if _, err := render(t, `<a>#order.note#</a>`, XML, ""); !isPlaceError(err) {
		t.Errorf("NUL in XML: got %v, want a PlaceError", err)
	}
}

func isPlaceError(err error) bool {
	var e *PlaceError
	return errors.As(err, &e)
}

func TestE3_FormAndQuery(t *testing.T) {
	wantRendered(t, Form, []renderCase{
		{"id=#order.id#&mail=#customer.email#&x=#absent#", "", "id=a%2Fb+c&mail=jana%2B1%40example.cz&x="},
		{"x=#absent#&id=#order.code#&y=a#absent#", MissingOmit, "id=2018000057&y=a"},
		{"#each lines#sku=#sku#&#end#", "", "sku=A&sku=B&"},
	})
	wantRendered(t, Query, []renderCase{{"id=#order.id#", "", "id=a%2Fb%20c"}})
}

func TestRule4_ControlCharactersFailAHeader(t *testing.T) {
	for _, value := range []string{"a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f", "a\tb", "a\u0085b", "a\xffb"} {
		s := NewScope()
		s.SetText("data", "v", value)
		tpl, err := ParseTemplate("x #v#", Header)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tpl.Render(nil, s, ""); !isPlaceError(err) {
			t.Errorf("%q: got %q, %v; want a PlaceError", value, got, err)
		}
	}
	if _, err := ParseTemplate("a\r\nb", Header); err == nil {
		t.Error("a line break in the template itself was accepted")
	}
	if got, err := render(t, " Žižkov #order.code# ", Header, ""); err != nil || got != " Žižkov 2018000057 " {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRule4_ValuesAreNotScannedAgain(t *testing.T) {
	s := NewScope()
	s.SetText("data", "a", "#b#")
	s.SetText("data", "b", "secret")
	for _, place := range []Place{Header, JSON, XML, Text} {
		text := "#a#"
		tpl, err := ParseTemplate(text, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tpl.Render(nil, s, ""); err != nil || !strings.Contains(string(got), "#b#") {
			t.Errorf("%s: got %s, %v; want #b# as it is", place, got, err)
		}
	}
}

func TestRule11_TemplatesAreBounded(t *testing.T) {
	s := NewScope()
	s.SetDoc("data", doc(t, `{"a":[`+strings.Repeat("1,", 100_000)+`1],"long":"`+strings.Repeat("x", 1<<20)+`"}`))
	for _, text := range []string{
		"#each a##each data.a##each data.a##end##end##end#",
		"#each a##long##end#",
		"#each a##each data.a#x#end##end#",
	} {
		tpl, err := ParseTemplate(text, Text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tpl.Render(nil, s, ""); !isPlaceError(err) {
			t.Errorf("%s: got %v, want a refusal", text, err)
		}
	}
}

func TestPathsAndStatic(t *testing.T) {
	tpl, err := ParseTemplate(`{"a":#order.code#,"b":"#order.code##event.id#","l":[#each lines#{"s":#sku#,"i":#item.x#,"e":#event.key#}#end#]#if paid#,"p":1#end#}`, JSON)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"order.code", "event.id", "lines", "lines[].sku", "lines[].x", "event.key", "paid"}
	if got := tpl.Paths(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for text, place := range map[string]Place{" {\"a\": [1, 2]} ": JSON, "plain": Text, "": Text} {
		tpl, err := ParseTemplate(text, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := tpl.Static(); !ok || got != text {
			t.Errorf("%q: got %q, %v", text, got, ok)
		}
	}
}

func TestStepNamesWinOverData(t *testing.T) {
	s := scope(t, `{"order":{"code":"data"},"response":{"x":1}}`)
	s.SetDoc("order", doc(t, `{"code":"step"}`))
	s.SetNumber("response", "status", 200)
	s.SetField("response", "json", doc(t, `{"ok":[true]}`))
	for path, want := range map[string]string{"order.code": "step", "data.order.code": "data", "response.status": "200",
		"response.json.ok[0]": "true", "response": `{"status":200,"json":{"ok":[true]}}`} {
		if v, ok := s.Lookup(path); !ok || v.Text() != want {
			t.Errorf("%s: got %q, %v; want %q", path, v.Text(), ok, want)
		}
	}
	if v, ok := s.Lookup("response.x"); ok {
		t.Errorf("response.x: got %q from the data", v.Text())
	}
}

func BenchmarkRender(b *testing.B) {
	tpl, err := ParseTemplate(`{"number":"#order.code#","total":#total#,"mail":"#customer.email#","name":"#customer.name#","city":"#shipping.address.city#","lines":[#each lines#{"sku":"#sku#","quantity":#quantity#}#end#]}`, JSON)
	if err != nil {
		b.Fatal(err)
	}
	d := doc(b, body)
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		s := NewScope()
		s.SetDoc("data", d)
		if dst, err = tpl.Render(dst[:0], s, ""); err != nil {
			b.Fatal(err)
		}
	}
}
