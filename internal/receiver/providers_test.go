package receiver_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/packs"
)

// example is one of the vectors of packs/testdata.
type example struct {
	Provider, Secret, Method, URL, Body, Expect, Mode string
	Headers, Settings                                 map[string]string
	Now                                               int64
	Offline                                           *bool
	SecretKind                                        string        `json:"secret_kind"`
	CertPEM                                           string        `json:"cert_pem"`
	ExpectResponse                                    *wantedAnswer `json:"expect_response"`
}

// wantedAnswer is an answer as the vectors write it. Of a header they tell what it may be: "a or b", "<=120", "contains POST".
type wantedAnswer struct {
	Status      int
	Text        *string
	Part        string `json:"text_contains"`
	ContentType string `json:"content_type"`
	JSON        any
	Headers     map[string]string
}

// exactAnswers are what some providers insist on, written out: a changed file of theirs alone must show.
var exactAnswers = map[string]*wantedAnswer{
	"xero valid":   {Status: 200, Text: new("")},
	"xero invalid": {Status: 401, Text: new("")},
	"salesforce valid": {Status: 200, ContentType: "text/xml", Text: new(`<?xml version="1.0" encoding="UTF-8"?>` +
		`<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
		`<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>`)},
	"adyen valid":  {Status: 202, ContentType: "text/plain", Text: new("[accepted]")},
	"twilio valid": {Status: 200, ContentType: "text/xml", Text: new("<Response></Response>")},
}

func examples(t *testing.T) []example {
	t.Helper()
	files, err := filepath.Glob("../../packs/testdata/vectors/*.json")
	if err != nil || len(files) < 30 {
		t.Fatalf("%d files of vectors (%v)", len(files), err)
	}
	var all []example
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var some []example
		if err := json.Unmarshal(raw, &some); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, some...)
	}
	return all
}

// shipped are the providers that the hub comes with.
func shipped(t *testing.T) func(name string) *packs.Provider {
	return func(name string) *packs.Provider {
		p, err := packs.OpenProvider(name)
		if err != nil {
			t.Error(err)
		}
		return p
	}
}

func presetOf(t *testing.T, p *packs.Provider) hub.Source {
	t.Helper()
	s := hub.DefaultSource()
	if err := json.Unmarshal(p.Source, &s); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return s
}

// Every vector of every provider goes the whole way, with the provider's preset: what is right is answered as the
// provider wants it, what is wrong is refused as it wants that, and handshakes get their exact answer. The hub is known by the
// host that the vector names; where the address is signed, it is signed anew with /in before its path.
func TestM2_EveryProviderTheWholeWay(t *testing.T) {
	g := onSQLite(t)
	g.Provider = shipped(t)
	seen := map[string]int{}
	all := examples(t)
	for i, v := range all {
		if v.Offline != nil && !*v.Offline {
			continue // nobody has its certificate
		}
		v = v.below(t, "/in", all)
		address, err := url.Parse(v.URL)
		if err != nil {
			t.Fatal(err)
		}
		g.PublicURL = func(string) string { return address.Scheme + "://" + address.Host }
		p := g.Provider(v.Provider)
		preset := presetOf(t, p)
		g.source(int64(i+1), func(s *settings.Source) {
			s.Source = preset
			s.Name, s.Path = v.Provider, strings.TrimPrefix(address.Path, "/in/")
			s.Verify.Secrets, s.Verify.Settings = []hub.Secret{hub.NewSecret(v.Secret)}, map[string]string{}
			maps.Copy(s.Verify.Settings, v.Settings)
			g.at.Store(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).Unix())
			if v.Now != 0 {
				g.at.Store(v.Now)
			}
			switch {
			case v.Provider == "adyen" && v.Mode == "header":
				s.Verify.Settings["version"] = "platform"
			case v.SecretKind == "verify token":
				s.Verify.Settings["verify_token"] = v.Secret
			case v.Provider == "hubspot":
				s.Verify.Settings["version"] = v.Headers["X-HubSpot-Signature-Version"]
			case v.Provider == "paypal":
				s.Verify.Secrets, s.Verify.Settings["webhook_id"] = nil, v.Secret
			case v.Provider == "aws-sns":
				var body struct {
					TopicArn, SignatureVersion string
					Timestamp                  time.Time
				}
				_ = json.Unmarshal([]byte(v.Body), &body)
				s.Verify.Secrets, s.Verify.Settings["topic_arns"] = nil, body.TopicArn
				if body.SignatureVersion == "1" {
					s.Verify.Settings["version"] = "1"
				}
				g.at.Store(body.Timestamp.Unix())
			}
		})
		g.Fetch = func(context.Context, int64, string) ([]byte, error) { return []byte(v.Secret), nil }
		if g.Roots = nil; v.CertPEM != "" {
			g.Fetch = func(context.Context, int64, string) ([]byte, error) { return []byte(v.CertPEM), nil }
			g.Roots = x509.NewCertPool()
			g.Roots.AppendCertsFromPEM([]byte(v.CertPEM))
		}
		g.Confirm = func(context.Context, int64, string) error { return nil }
		send := func(address string) (*http.Response, string) {
			req := httptest.NewRequest(v.Method, address, strings.NewReader(v.Body))
			for name, value := range v.Headers {
				req.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			g.ServeHTTP(w, req)
			return w.Result(), w.Body.String()
		}
		got, text := send(address.Path + "?" + address.RawQuery)
		refused := http.StatusUnauthorized
		if p.Refusal != nil {
			refused = p.Refusal.Status
		}
		if v.SecretKind == "verify token" {
			refused = http.StatusForbidden
		}
		switch v.Expect {
		case "valid":
			if got.StatusCode != preset.Respond.Status || text != preset.Respond.Body {
				t.Errorf("%s %d: answered %d %q, want %d %q", v.Provider, i, got.StatusCode, text, preset.Respond.Status, preset.Respond.Body)
			}
			if field, _ := v.signedHere(""); field != "" {
				if got, text := send(address.Path + "?" + address.RawQuery + "&more"); got.StatusCode != refused {
					t.Errorf("%s %d, with more in the address: answered %d %q, want %d", v.Provider, i, got.StatusCode, text, refused)
				}
			}
		case "invalid":
			if got.StatusCode != refused {
				t.Errorf("%s %d: answered %d %q, want %d", v.Provider, i, got.StatusCode, text, refused)
			}
		}
		v.ExpectResponse.hold(t, v.Provider, got, text)
		exactAnswers[v.Provider+" "+v.Expect].hold(t, v.Provider, got, text)
		if v.Expect == "handshake" && v.ExpectResponse == nil {
			t.Errorf("%s %d: the handshake does not say which answer is right", v.Provider, i)
		}
		seen[v.Expect]++
		seen[v.Provider+" "+v.Expect]++
	}
	for _, name := range []string{"twilio", "square", "hubspot", "paypal"} {
		if seen[name+" valid"] == 0 || seen[name+" invalid"] == 0 {
			t.Errorf("%s: %d right ones were sent and %d wrong ones", name, seen[name+" valid"], seen[name+" invalid"])
		}
	}
	for one := range exactAnswers {
		if seen[one] == 0 {
			t.Errorf("%s: none was sent", one)
		}
	}
	if seen["valid"] < 40 || seen["invalid"] < 40 || seen["handshake"] < 6 {
		t.Errorf("only %v were sent", seen)
	}
	for _, e := range g.events() {
		if e.Type == "" || !json.Valid(e.Data) {
			t.Errorf("event %+v", e)
		}
	}
}

// signedHere is the signature of the providers that sign the address, in the field that carries it, for an address.
func (v *example) signedHere(address string) (field, text string) {
	switch {
	case v.Provider == "twilio":
		text := address
		if form, err := url.ParseQuery(v.Body); err == nil && v.Headers["Content-Type"] != "application/json" {
			for _, name := range slices.Sorted(maps.Keys(form)) {
				text += name + form.Get(name)
			}
		}
		return "X-Twilio-Signature", base64.StdEncoding.EncodeToString(sum(sha1.New, v.Secret, text))
	case v.Provider == "square":
		return "x-square-hmacsha256-signature", base64.StdEncoding.EncodeToString(sum(sha256.New, v.Secret, address+v.Body))
	case v.Provider != "hubspot":
		return "", ""
	case v.Headers["X-HubSpot-Signature-v3"] != "":
		text := v.Method + address + v.Body + v.Headers["X-HubSpot-Request-Timestamp"]
		return "X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(sum(sha256.New, v.Secret, text))
	case v.Headers["X-HubSpot-Signature-Version"] == "v2":
		digest := sha256.Sum256([]byte(v.Secret + v.Method + address + v.Body))
		return "X-HubSpot-Signature", hex.EncodeToString(digest[:])
	}
	return "", "" // v1 signs the body alone
}

func sum(hash func() hash.Hash, secret, text string) []byte {
	m := hmac.New(hash, []byte(secret))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// below moves a vector to an address with something before its path. A signature over the address becomes that of the same
// sender over the moved one; the vector that it is of, which may be another one, must be the published one for that.
func (v example) below(t *testing.T, prefix string, all []example) example {
	t.Helper()
	move := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = prefix + u.Path
		return u.String()
	}
	published := v
	v.URL, v.Headers = move(v.URL), maps.Clone(v.Headers)
	field, _ := published.signedHere("")
	if field == "" {
		return v
	}
	for _, of := range append([]example{published}, all...) {
		if of.Provider != v.Provider {
			continue
		}
		for _, address := range []string{of.URL, strings.Replace(of.URL, ":1234", "", 1)} {
			if in, text := of.signedHere(address); in == field && text == published.Headers[field] {
				_, v.Headers[field] = of.signedHere(move(address))
				return v
			}
		}
	}
	if v.Expect == "valid" {
		t.Errorf("%s: the signature of %s is not the published one", v.Provider, published.URL)
	}
	return v
}

// hold compares an answer with the wanted one; nil wants nothing.
func (want *wantedAnswer) hold(t *testing.T, name string, got *http.Response, text string) {
	t.Helper()
	if want == nil {
		return
	}
	status, words := want.Status, want.Part
	if status == 0 {
		status = http.StatusOK
	}
	if want.Text != nil {
		words = *want.Text
	}
	if got.StatusCode != status || want.Text != nil && text != words || !strings.Contains(text, words) {
		t.Errorf("%s: answered %d %q, want %d %q", name, got.StatusCode, text, status, words)
	}
	if kind, _, _ := strings.Cut(got.Header.Get("Content-Type"), ";"); want.ContentType != "" && kind != want.ContentType {
		t.Errorf("%s: answered with %q, want %s", name, kind, want.ContentType)
	}
	if want.JSON != nil {
		var told any
		if err := json.Unmarshal([]byte(text), &told); err != nil || !reflect.DeepEqual(told, want.JSON) {
			t.Errorf("%s: answered %s, want %v", name, text, want.JSON)
		}
	}
	for header, may := range want.Headers {
		if value := got.Header.Get(header); !meets(value, may) {
			t.Errorf("%s: %s: %q, want %s", name, header, value, may)
		}
	}
}

func meets(value, may string) bool {
	return slices.ContainsFunc(strings.Split(may, " or "), func(want string) bool {
		if part, is := strings.CutPrefix(want, "contains "); is {
			return strings.Contains(value, part)
		}
		if most, is := strings.CutPrefix(want, "<="); is {
			limit, _ := strconv.Atoi(most)
			rate, err := strconv.Atoi(value)
			return err == nil && rate > 0 && rate <= limit
		}
		return value == want
	})
}

// Every sample of every provider, and of the pack of its name, becomes an event with the type it is filed under.
func TestM8_EverySampleCanBeTriggered(t *testing.T) {
	g := onSQLite(t)
	g.Provider = func(name string) *packs.Provider {
		p, _ := packs.OpenProvider(name)
		return p
	}
	all, err := packs.Providers()
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]int{}
	for i, p := range all {
		preset := presetOf(t, p)
		s := g.source(int64(i+1), func(s *settings.Source) {
			s.Source = preset
			s.Name, s.Path = p.Name, p.Name
			s.Verify.Secrets = []hub.Secret{hub.NewSecret("4b0a5e3f6c1d2e8f9a7b6c5d4e3f2a1b")}
			s.Verify.Settings = map[string]string{"webhook_id": "1", "client_state": "x", "verify_token": "y"}
		})
		words := slices.Collect(maps.Keys(p.Samples))
		if pack, err := packs.Open(p.Name); err == nil { // most providers have none
			for _, typ := range pack.Types {
				if typ.AsSent() != nil && p.Samples[typ.VendorName].Body == nil {
					words = append(words, typ.VendorName)
				}
			}
		}
		for _, word := range words {
			r, err := g.Trigger(g.ctx, s, word)
			tried[p.Name]++
			if err != nil || r.Outcome != hub.RequestAccepted && r.Outcome != hub.RequestDuplicate {
				t.Errorf("%s %s: %s %q, %v", p.Name, word, r.Outcome, r.Reason, err)
				continue
			}
			e, err := g.store.Event(g.ctx, tenant, r.Events[0])
			if err != nil || e.VendorType != word {
				t.Errorf("%s: the sample %s has become %q (%v)", p.Name, word, e.VendorType, err)
			}
		}
	}
	for name, least := range map[string]int{"shoptet": 100, "stripe": 3, "woocommerce": 1, "shopify": 1} {
		if tried[name] < least {
			t.Errorf("%s: %d samples were tried, want %d", name, tried[name], least)
		}
	}

	// A shop's samples are those of its pack: by its own word, by the catalogue's, or the first; and they are offered.
	shop, err := packs.OpenProvider("shoptet")
	if err != nil {
		t.Fatal(err)
	}
	s := g.source(1000, func(s *settings.Source) {
		s.Source = presetOf(t, shop)
		s.Name, s.Path, s.DuplicateOf = "shoptet", "the-shop", hub.DuplicateOf{}
		s.Verify.Secrets = []hub.Secret{hub.NewSecret("4b0a5e3f6c1d2e8f")}
	})
	for _, word := range []string{"order:create", "order.created", ""} {
		if r, err := g.Trigger(g.ctx, s, word); err != nil || r.Outcome != hub.RequestAccepted {
			t.Errorf("%q: %s %s, %v", word, r.Outcome, r.Reason, err)
		}
	}
	for word, hint := range map[string]string{"order.creat": "did you mean order.created?", "nothing of the kind": "there are availability.created"} {
		var refused *hub.Error
		if _, err := g.Trigger(g.ctx, s, word); !errors.As(err, &refused) || !strings.Contains(refused.Hint, hint) {
			t.Errorf("%s: %v (%q), want the hint %q", word, err, refused.Hint, hint)
		}
	}
}
