package packs

import (
	"bytes"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/signature"
)

// places are where a provider's signature may stand, in every version.
func places(s signature.Scheme) []string {
	var all []string
	for _, p := range s.Signature {
		for alternative := range strings.SplitSeq(p.Path, "|") {
			if p.List == "numbered" {
				alternative += "-1"
			}
			all = append(all, alternative)
		}
	}
	for _, v := range s.Versions {
		all = append(all, places(v)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// signedRequests makes requests that a provider signed, each with its secrets: its vectors and those of the second implementation.
func signedRequests(t *testing.T, name string) []func() (*signature.Incoming, []string) {
	t.Helper()
	var all []func() (*signature.Incoming, []string)
	if slices.Contains(vectorFiles(t), name) {
		for _, example := range firstValid(t, name) {
			all = append(all, example.request)
		}
	}
	r := theirs(t, name, noon)
	if r.method == "" {
		return all
	}
	all = append(all, func() (*signature.Incoming, []string) { return r.incoming(noon), []string{r.secret} })
	if name == "cloudevents" { // whose token may stand in the address instead
		all = append(all, func() (*signature.Incoming, []string) {
			in := r.incoming(noon)
			in.Header.Del("Authorization")
			in.URL += "?access_token=" + url.QueryEscape(r.secret)
			return in, []string{r.secret}
		})
	}
	return all
}

// valueAt is what stands at a place, "" where nothing does. Of a list in the body it is the last item's.
func valueAt(in *signature.Incoming, path string) string {
	root, name, _ := strings.Cut(path, ".")
	u, _ := url.Parse(in.URL)
	switch {
	case root == "header":
		return in.Header.Get(name)
	case root == "query":
		return u.Query().Get(name)
	case strings.Contains(in.Header.Get("Content-Type"), "form"):
		form, _ := url.ParseQuery(string(in.Body))
		return form.Get(name)
	case root == "form":
		return ""
	}
	at := field(path).FindAllSubmatch(in.Body, -1)
	if len(at) == 0 {
		return ""
	}
	return string(at[len(at)-1][2]) + string(at[len(at)-1][3])
}

// field finds a text in JSON or in XML by the last word of its path.
func field(path string) *regexp.Regexp {
	word := regexp.QuoteMeta(path[strings.LastIndex(path, ".")+1:])
	return regexp.MustCompile(`("` + word + `"\s*:\s*"([^"]*)"|<` + word + `>([^<]*)</` + word + `>)`)
}

// putAt makes a place hold these values instead: none, one or several.
func putAt(in *signature.Incoming, path string, values []string) {
	root, name, _ := strings.Cut(path, ".")
	u, _ := url.Parse(in.URL)
	switch {
	case root == "header":
		in.Header[http.CanonicalHeaderKey(name)] = values
		if values == nil {
			in.Header.Del(name)
		}
	case root == "query":
		query := u.Query()
		query[name] = values
		u.RawQuery = query.Encode()
		in.URL = u.String()
	case strings.Contains(in.Header.Get("Content-Type"), "form"):
		form, _ := url.ParseQuery(string(in.Body))
		form[name] = values
		in.Body = []byte(form.Encode())
	default:
		at := field(path).FindAllIndex(in.Body, -1)
		last := at[len(at)-1]
		word := path[strings.LastIndex(path, ".")+1:]
		var written []string
		for _, value := range values {
			if text, _ := json.Marshal(value); in.Body[last[0]] == '"' {
				written = append(written, `"`+word+`":`+string(text))
			} else {
				written = append(written, "<"+word+">"+html.EscapeString(value)+"</"+word+">")
			}
		}
		between := ""
		if in.Body[last[0]] == '"' {
			if between = ","; values == nil {
				written = []string{`"nothing":0`}
			}
		}
		in.Body = slices.Concat(in.Body[:last[0]], []byte(strings.Join(written, between)), in.Body[last[1]:])
	}
}

func TestRule6_AHostileSignatureIsARefusalWhereverItStands(t *testing.T) {
	tried := map[string]int{}
	for _, p := range everyProvider(t) {
		name, v := p.Name, verifier(t, p.Name)
		for _, request := range signedRequests(t, name) {
			for _, place := range places(p.Scheme) {
				in, secrets := request()
				right := valueAt(in, place)
				if right == "" || in.Header.Get("X-DocuSign-Signature-2") != "" {
					continue // there, the second one is right as well
				}
				root, _, _ := strings.Cut(place, ".")
				tried[name]++
				tried[root]++
				for what, values := range map[string][]string{
					"absent": nil, "empty": {""}, "blank": {"  "}, "doubled": {right, right}, "right and wrong": {right, "x"}, "wrong and right": {"x", right},
					"a megabyte": {strings.Repeat("a", 1<<20)}, "a megabyte of commas": {strings.Repeat(",", 1<<20)},
					"not ASCII": {"číslo \xff\xfe"}, "NUL": {"\x00"}, "cut": {right[:len(right)/2]}, "line break": {right + "\r\nX: y"},
					"half twice": {right[:len(right)/2] + right[:len(right)/2]},
				} {
					if (what == "cut" || what == "half twice") && name == "stripe" {
						continue // the half with v1 is whole
					}
					in, _ := request()
					putAt(in, place, values)
					started := time.Now()
					if got := v.Verify(in, secrets); got.OK || got.Why == "" {
						t.Errorf("%s: %s %s: got %+v", name, place, what, got)
					} else if what == "doubled" && !strings.Contains(got.Why, "stands there") {
						t.Errorf("%s: %s %s: refused for another reason: %s", name, place, what, got.Why)
					} else if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(got.Why, s) && len(s) > 6 }) {
						t.Errorf("%s: the reason repeats the secret: %s", name, got.Why)
					}
					if took := time.Since(started); took > 2*time.Second {
						t.Errorf("%s: %s %s took %s", name, place, what, took)
					}
				}
			}
		}
		if tried[name] == 0 && p.Scheme.Kind != "none" {
			t.Errorf("%s: no signature of it was tried", name)
		}
	}
	for root, least := range map[string]int{"header": 60, "body": 6, "item": 5, "form": 2, "query": 1} {
		if tried[root] < least {
			t.Errorf("only %d signatures in the %s were tried, want %d", tried[root], root, least)
		}
	}
}

func TestRule6_AnotherSourcesSecretAndNoSecret(t *testing.T) {
	for _, p := range everyProvider(t) {
		name, v := p.Name, verifier(t, p.Name)
		if !p.Scheme.NeedsSecret() {
			continue
		}
		requests := signedRequests(t, name)
		if len(requests) == 0 {
			t.Errorf("%s: no request of it was tried", name)
		}
		for _, request := range requests {
			in, secrets := request()
			for what, others := range map[string][]string{
				"none": nil, "empty": {""}, "blank": {" "}, "several empty": {"", "\n"},
				"another": {otherSecret(secrets[0])}, "a public key": {publicPEM},
			} {
				if what == "a public key" && name == "sendgrid" {
					continue // it is the right one there
				}
				if got := v.Verify(in, others); got.OK {
					t.Errorf("%s: secret %s: it is taken", name, what)
				}
			}
			several := []string{otherSecret(secrets[0]), "", secrets[0]}
			if got := v.Verify(in, several); !got.OK {
				t.Errorf("%s: one of several live secrets fits: got %s", name, got.Why)
			}
		}
	}
}

const publicPEM = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==
-----END PUBLIC KEY-----`

// otherSecret has the same form.
func otherSecret(secret string) string {
	b := []byte(secret)
	i := len(b) / 2
	if b[i]++; b[i] == ':' || b[i] == '[' || b[i] == '{' {
		b[i] = 'A'
	}
	return string(b)
}

// Forms where the body is not signed byte by byte: the values are flipped instead.
var byFields = map[string][]string{
	"adyen":           {`"originalReference": "`, `"pspReference": "`, `"merchantAccountCode": "`, `"merchantReference": "`, `"currency": "`, `"eventCode": "`, `"success": "`, `"value": `},
	"aws-sns":         {`"Message": "`, `"MessageId": "`, `"Timestamp": "`, `"TopicArn": "`, `"Type": "`, `"SigningCertURL": "`},
	"mailgun":         {`timestamp=`, `token=`, `"timestamp": "`, `"token": "`},
	"microsoft-graph": {`"clientState":"`},
	"salesforce":      {`<OrganizationId>`},
}

func TestM2_EverySignedByteCounts(t *testing.T) {
	for _, name := range vectorFiles(t) {
		v := verifier(t, name)
		for _, example := range firstValid(t, name) {
			in, secrets := example.request()
			in.Terse = true
			fields, chosen := byFields[name]
			switch kind := provider(t, name).Scheme.Kind; {
			case chosen && !(name == "adyen" && example.Mode == "header"):
				flipFields(t, name, v, in, secrets, fields)
			case kind != "token" && kind != "none": // which sign no content
				flipBytes(t, name, v, in, secrets)
			}
		}
	}
}

func flipBytes(t *testing.T, name string, v *signature.Verifier, in *signature.Incoming, secrets []string) {
	t.Helper()
	body := in.Body
	for i := range body {
		in.Body = bytes.Clone(body)
		in.Body[i] ^= 1
		if v.Verify(in, secrets).OK {
			t.Errorf("%s: byte %d of the body (%q) may be another", name, i, body[i])
			return
		}
	}
	for what, changed := range map[string][]byte{"longer": append(bytes.Clone(body), ' '), "cut": body[:max(0, len(body)-1)]} {
		if in.Body = changed; !bytes.Equal(changed, body) && v.Verify(in, secrets).OK {
			t.Errorf("%s: the body may be %s", name, what)
		}
	}
}

// flipFields changes each byte of each signed value that the body has.
func flipFields(t *testing.T, name string, v *signature.Verifier, in *signature.Incoming, secrets []string, fields []string) {
	t.Helper()
	body, topics := in.Body, in.Settings["topic_arns"]
	for _, field := range fields {
		at := bytes.Index(body, []byte(field))
		if at < 0 {
			continue
		}
		start := at + len(field)
		end := start + bytes.IndexAny(body[start:], `"&<}`)
		if field == `"SigningCertURL": "` || field == `"SigningCertURL":"` {
			end = start + len("https://sns") // what lies behind its path is what was fetched, and that is given here
		}
		for i := start; i < end; i++ {
			in.Body = bytes.Clone(body)
			in.Body[i] ^= 1
			if v.Verify(in, secrets).OK {
				t.Errorf("%s: byte %d (%s) may be another", name, i, field)
			}
		}
	}
	in.Body, in.Settings["topic_arns"] = body, topics
}

// Three sign the address: no byte of it may be another, nor of the method where that is signed too. Twilio signs with the port
// or without it, so what is signed without one holds at any.
func TestM2_EveryByteOfTheSignedAddressCounts(t *testing.T) {
	addresses, methods := 0, 0
	for _, name := range []string{"twilio", "square", "hubspot"} {
		v := verifier(t, name)
		for _, example := range firstValid(t, name) {
			in, secrets := example.request()
			if in.Settings["version"] == "v1" {
				continue // which signs the body alone
			}
			addresses++
			wants := func(ok bool, what string) {
				t.Helper()
				if got := v.Verify(in, secrets); got.OK != ok || got.OK == (got.Why != "") {
					t.Errorf("%s, %s: got %+v for %s %s", name, what, got, in.Method, in.URL)
				}
			}
			address, method := in.URL, in.Method
			port := strings.Index(address, ":1234")
			for i := range address {
				in.URL = flipped(address, i)
				wants(port >= 0 && i > port && i < port+len(":1234"), "another byte")
			}
			for _, in.URL = range []string{"", address + "/", address + "&", address[:len(address)-1], strings.ToUpper(address)} {
				wants(false, "another address")
			}
			in.URL = address
			if name != "hubspot" {
				continue
			}
			methods++
			for i := range method {
				in.Method = flipped(method, i)
				wants(false, "another byte")
			}
			for _, in.Method = range []string{"", "PUT", "DELETE", strings.ToLower(method), method + " "} {
				wants(false, "another method")
			}
		}
	}
	if addresses < 12 || methods < 3 {
		t.Errorf("only %d addresses and %d methods were changed", addresses, methods)
	}
}

func flipped(text string, i int) string {
	b := []byte(text)
	b[i] ^= 1
	return string(b)
}

// What a provider's file lists as not signed really is not: so nobody may take it for proven. Every file lists something.
func TestRule7_WhatIsListedAsUnsignedIsNotCovered(t *testing.T) {
	for _, p := range everyProvider(t) {
		v, tried := verifier(t, p.Name), 0
		for _, path := range p.Unsigned {
			for _, request := range signedRequests(t, p.Name) {
				in, secrets := request()
				if in.Settings["version"] != "" && path != "header.*" {
					continue // lists are of the usual form
				}
				if !changeAt(in, p.Scheme, path) {
					continue
				}
				tried++
				if got := v.Verify(in, secrets); !got.OK {
					t.Errorf("%s: %s is covered by the signature after all: %s", p.Name, path, got.Why)
				}
			}
		}
		if tried == 0 {
			t.Errorf("%s: nothing is listed as unsigned, or nothing of it is in a sample: %v", p.Name, p.Unsigned)
		}
	}
}

// changeAt changes what stands at a path, if something does. A body in which the signature itself stands only grows.
func changeAt(in *signature.Incoming, s signature.Scheme, path string) bool {
	switch {
	case path == "header.*":
		in.Header.Set("X-Of-A-Stranger", "else")
		for header := range in.Header {
			if !speaksOf(s, header) && header != "Content-Type" {
				in.Header.Set(header, "something else")
			}
		}
	case path == "body" && !slices.ContainsFunc(places(s), func(place string) bool { return valueAt(in, place) != "" && !outside(place) }):
		in.Body = []byte(`{"something": "else"}`)
	case path == "body":
		in.Body = slices.Concat([]byte("\n"), in.Body)
	case outside(path):
		putAt(in, path, []string{"something else"})
	case valueAt(in, path) == "":
		return false
	default:
		putAt(in, path, []string{"something else"})
	}
	return true
}

func outside(place string) bool {
	return strings.HasPrefix(place, "header.") || strings.HasPrefix(place, "query.")
}

// speaksOf tells whether a scheme speaks of a header.
func speaksOf(s signature.Scheme, header string) bool {
	text, _ := json.Marshal(s)
	if s.Kind == "standard-webhooks" && (strings.HasSuffix(header, "-Id") || strings.HasSuffix(header, "-Timestamp")) {
		return true
	}
	header, _, _ = strings.Cut(header, "-Signature-") // of numbered ones
	return strings.Contains(strings.ToLower(string(text)), "header."+strings.ToLower(header))
}

// What the documentation says is not covered is what the provider's file lists, by the last word of each path.
func TestRule7_TheDocumentationListsWhatIsUnsigned(t *testing.T) {
	page, err := os.ReadFile("../docs/providers.md")
	wantNil(t, err)
	word := regexp.MustCompile("`([^`]+)`")
	for _, p := range everyProvider(t) {
		_, row, _ := strings.Cut(string(page), "\n| `"+p.Name+"` |")
		row, _, _ = strings.Cut(row, "\n")
		cells := strings.Split(row, " | ")
		if len(cells) != 4 {
			t.Errorf("docs/providers.md has no row of %s with five cells: %q", p.Name, row)
			continue
		}
		covered, open := cells[1], cells[2]
		everything := slices.Contains(p.Unsigned, "body")
		if strings.HasPrefix(open, "everything") != everything || strings.HasPrefix(covered, "nothing") != everything ||
			everything != (p.Scheme.Kind == "token" && p.Scheme.Match == nil || p.Scheme.Kind == "none") {
			t.Errorf("%s: the page says %q is covered and %q not, the file says %s and lists %v", p.Name, covered, open, p.Scheme.Kind, p.Unsigned)
		}
		if everything {
			continue // whatever else the file lists is part of it
		}
		var listed, told []string
		for _, path := range p.Unsigned {
			listed = append(listed, path[strings.LastIndex(path, ".")+1:])
		}
		for _, found := range word.FindAllStringSubmatch(open, -1) {
			told = append(told, found[1])
		}
		if strings.Contains(open, "headers") {
			told = append(told, "*")
		}
		slices.Sort(listed)
		slices.Sort(told)
		if !slices.Equal(listed, told) {
			t.Errorf("%s: the page says that %q is not covered, the file lists %v", p.Name, open, p.Unsigned)
		}
	}
}

func TestM2_TimesInThePastAndInTheFuture(t *testing.T) {
	judged := 0
	for _, name := range vectorFiles(t) {
		s, v := provider(t, name).Scheme, verifier(t, name)
		if s.Timestamp == nil && s.Kind != "standard-webhooks" {
			continue
		}
		for _, example := range firstValid(t, name) {
			in, secrets := example.request()
			if in.Settings["version"] != "" {
				continue
			}
			at := in.At
			for _, off := range []time.Duration{-24 * time.Hour, -16 * time.Minute, 16 * time.Minute, 400 * 24 * time.Hour} {
				in.At = at.Add(off)
				got := v.Verify(in, secrets)
				if got.OK || !strings.HasPrefix(got.Why, "the clock is") {
					t.Errorf("%s at %s: got %+v", name, off, got)
				}
				judged++
			}
		}
	}
	if judged < 40 {
		t.Errorf("only %d were judged", judged)
	}
}
