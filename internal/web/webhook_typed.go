package web

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// maskedEndpoint is a copy whose secrets are ***, which keeps them when it is stored.
func maskedEndpoint(e hub.Endpoint) (hub.Endpoint, error) {
	raw, err := json.Marshal(e)
	if err != nil {
		return e, fmt.Errorf("write endpoint as JSON: %w", err)
	}
	var out hub.Endpoint
	if err := json.Unmarshal(raw, &out); err != nil {
		return e, fmt.Errorf("BUG: read our own JSON: %w", err)
	}
	return out, nil
}

// typedEndpoint is the form over what is stored: settings that the form does not show stay. The endpoint holds what
// could be read also when there is an error.
func (v *visit) typedEndpoint(stored hub.Endpoint) (hub.Endpoint, error) {
	e, err := maskedEndpoint(stored)
	if err != nil {
		return e, err
	}
	var wrong hub.Problems
	line := func(name string) string { return strings.TrimSpace(v.form(name)) }
	e.Name, e.Description, e.Active = line("name"), v.form("description"), v.r.PostForm.Has("active")
	e.Subscription.EventTypes = append(slices.Clone(v.r.PostForm["types"]), entries(v.form("own_types"))...)
	slices.Sort(e.Subscription.EventTypes)
	e.Subscription.EventTypes = slices.Compact(e.Subscription.EventTypes)
	if sameMembers(e.Subscription.EventTypes, stored.Subscription.EventTypes) { // another order is no change
		e.Subscription.EventTypes = slices.Clone(stored.Subscription.EventTypes)
	}
	e.Subscription.Condition = v.typedCondition(&stored, &wrong)
	e.Subscription.Channels = entries(v.form("channels"))
	v.typedOurs(&e, &stored, &wrong)
	v.typedRequest(&e, &stored, &wrong)
	e.Auth = v.typedAuth(&stored.Auth)
	v.typedSignature(&e, &stored)
	v.typedTrouble(&e, &wrong)
	return e, wrong.Err()
}

// typedOurs reads what the console shows and the portal does not: how the hub's own people name and sort a webhook, and
// which of their sources it hears.
func (v *visit) typedOurs(e, stored *hub.Endpoint, wrong *hub.Problems) {
	if v.portal != nil {
		return
	}
	uid := strings.TrimSpace(v.form("uid"))
	e.UID, e.Subscription.Sources = &uid, entries(v.form("sources"))
	if unixLines(v.form("labels")) != linesOf(stored.Labels, "=") { // else a name that holds = stays what it is
		e.Labels = v.typedLines("labels", "=", "/labels", wrong)
	}
}

func sameMembers(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// typedCondition is the lines of the builder, or the text. Lines that say what is stored leave its words alone.
func (v *visit) typedCondition(stored *hub.Endpoint, wrong *hub.Problems) string {
	c := v.typedRules()
	if c.ByText {
		return strings.TrimSpace(v.form("condition"))
	}
	text, bad := c.condition()
	if bad > 0 {
		wrong.Add("/subscription/condition", "%s", v.lang.Text("web_webhook.number_needed", "line", strconv.Itoa(bad)))
	}
	if was, ok := rulesOf(stored.Subscription.Condition); ok {
		if before, _ := was.condition(); before == text {
			return stored.Subscription.Condition
		}
	}
	return text
}

func (v *visit) typedRequest(e, stored *hub.Endpoint, wrong *hub.Problems) {
	r := &e.Request
	r.Method, r.URL = v.form("method"), strings.TrimSpace(v.form("url"))
	r.Payload = v.form("payload")
	r.ContentType, r.Charset = strings.TrimSpace(v.form("content_type")), strings.TrimSpace(v.form("charset"))
	r.Table, r.Missing, r.Compress = strings.TrimSpace(v.form("table")), v.form("missing"), v.r.PostForm.Has("compress")
	r.Query = v.typedLines("query", "=", "/request/query", wrong)
	r.Headers = v.typedLines("headers", ":", "/request/headers", wrong)
	r.Attributes = v.typedLines("attributes", "=", "/request/attributes", wrong)
	r.Timeout = v.typedDuration("timeout", "/request/timeout", wrong)
	r.Body, r.Fields = nil, nil
	switch r.Payload {
	case hub.PayloadTemplate:
		body := unixLines(v.form("body"))
		if was := deref(stored.Request.Body); unixLines(was) == body {
			body = was
		}
		r.Body = &body
	case hub.PayloadNone:
	default:
		switch v.form("fields_mode") {
		case "some":
			list := entries(v.form("fields"))
			r.Fields = &list
		case "none":
			r.Fields = &[]string{}
		}
	}
}

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// typedLines reads names and values one a line.
func (v *visit) typedLines(name, join, pointer string, wrong *hub.Problems) map[string]string {
	pairs := map[string]string{}
	for line := range strings.SplitSeq(unixLines(v.form(name)), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		left, right, found := strings.Cut(line, join)
		left = strings.TrimSpace(left)
		if !found || left == "" {
			wrong.Add(pointer, "%s", v.lang.Text("web_webhook.line_needed", "line", line, "example", "name"+join+"value"))
			continue
		}
		if join == ":" {
			right = strings.TrimSpace(right)
		}
		if strings.HasPrefix(right, `"`) && strings.Contains(right, `\n`) {
			var text string
			if json.Unmarshal([]byte(right), &text) == nil {
				right = text
			}
		}
		pairs[left] = right
	}
	return pairs
}

func (v *visit) typedDuration(name, pointer string, wrong *hub.Problems) hub.Duration {
	d, err := hub.ParseDuration(strings.TrimSpace(v.form(name)))
	if err != nil {
		wrong.Add(pointer, "%v", err)
	}
	return d
}

func (v *visit) typedNumber(name, pointer string, wrong *hub.Problems) int {
	text := strings.TrimSpace(v.form(name))
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		wrong.Add(pointer, "%s", v.lang.Text("web_webhook.whole_number"))
	}
	return n
}

// typedAuth takes only what belongs to the type. A secret that was left empty stays, while the type stays.
func (v *visit) typedAuth(stored *hub.Auth) hub.Auth {
	a := hub.Auth{Type: v.form("login_type"), CA: unixLines(v.form("ca"))}
	same := a.Type == stored.Type
	secret := func(name string, was hub.Secret) hub.Secret {
		if typed := unixLines(v.form(name)); typed != "" {
			return hub.NewSecret(typed)
		}
		if same && !was.IsZero() {
			return hub.NewSecret(hub.Masked)
		}
		return hub.Secret{}
	}
	line := func(name string) string { return strings.TrimSpace(v.form(name)) }
	switch a.Type {
	case hub.AuthBearer:
		a.Token = secret("secret_token", stored.Token)
	case hub.AuthBasic:
		a.Username, a.Password, a.Header = line("login_user"), secret("secret_password", stored.Password), line("login_header")
	case hub.AuthAPIKey:
		a.In, a.Name, a.Value = line("api_in"), line("api_name"), secret("secret_value", stored.Value)
	case hub.AuthOAuth2:
		a.TokenURL, a.ClientID, a.ClientSecret = line("grant_url"), line("grant_client"), secret("secret_client", stored.ClientSecret)
		a.Scopes = strings.Fields(v.form("grant_scopes"))
	case hub.AuthExchange:
		was := &hub.Exchange{}
		if same && stored.Request != nil {
			was = stored.Request
		}
		a.Request = &hub.Exchange{
			Method: line("login_method"), URL: line("login_url"), ContentType: line("login_media"), Body: secret("secret_body", was.Body),
			Headers: map[string]hub.Secret{},
		}
		for one := range strings.SplitSeq(unixLines(v.form("secret_headers")), "\n") {
			if name, value, found := strings.Cut(one, ":"); found {
				a.Request.Headers[strings.TrimSpace(name)] = hub.NewSecret(strings.TrimSpace(value))
			}
		}
		a.TokenPath, a.ExpiresPath, a.Header = line("answer_path"), line("answer_expires"), line("login_header")
	case hub.AuthCertificate:
		a.Certificate, a.Key = unixLines(v.form("certificate")), secret("secret_pem", stored.Key)
	}
	return a
}

func (v *visit) typedSignature(e, stored *hub.Endpoint) {
	s := &e.Signature
	s.Schemes = append([]string{}, v.r.PostForm["schemes"]...)
	if typed := strings.TrimSpace(v.form("secret_ed25519")); typed != "" {
		s.PrivateKey = hub.NewSecret(typed)
	}
	s.HMAC = nil
	if !slices.Contains(s.Schemes, hub.SchemeHMAC) {
		return
	}
	for i, place := range v.typedPlaces() {
		name := "hmac." + place + "."
		h := hub.HMAC{
			Header: strings.TrimSpace(v.form(name + "header")), Algorithm: v.form(name + "algorithm"), Encoding: v.form(name + "encoding"),
			Prefix: v.form(name + "prefix"), Signed: v.form(name + "signed"),
		}
		was, err := strconv.Atoi(place)
		switch typed := v.form(name + "secret"); {
		case typed != "":
			h.Secret = hub.NewSecret(typed)
		case err != nil || was < 0 || was >= len(stored.Signature.HMAC) || stored.Signature.HMAC[was].Secret.IsZero():
		case was == i:
			h.Secret = hub.NewSecret(hub.Masked)
		default: // one before it was removed, and *** keeps a secret only where it stood
			h.Secret = stored.Signature.HMAC[was].Secret
		}
		s.HMAC = append(s.HMAC, h)
	}
}

// mostSignatures is how many HMACs the form adds up to.
const mostSignatures = 10

// storedPlaces name the HMACs of an endpoint by where they stand; one at least, to be filled.
func storedPlaces(e *hub.Endpoint) []string {
	places := []string{"0"}
	for i := 1; i < len(e.Signature.HMAC); i++ {
		places = append(places, strconv.Itoa(i))
	}
	return places
}

// typedPlaces are those in the form; one at least.
func (v *visit) typedPlaces() []string {
	if places := v.places("hmac", mostSignatures); len(places) > 0 {
		return places
	}
	return []string{"0"}
}

var (
	statusList = regexp.MustCompile(`^[\dxX, ]+$`)
	finalRule  = regexp.MustCompile(`^([\dxX, ]+):(.*)$`)
)

// typedFinal reads the lines that finalLines writes.
func typedFinal(text string) []hub.Final {
	final := []hub.Final{}
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		both := finalRule.FindStringSubmatch(line)
		switch {
		case line == "":
		case both != nil:
			final = append(final, hub.Final{Status: entries(both[1]), Condition: strings.TrimSpace(both[2])})
		case statusList.MatchString(line):
			final = append(final, hub.Final{Status: entries(line)})
		default:
			final = append(final, hub.Final{Condition: line})
		}
	}
	return final
}

// typedTrouble reads what holds when it does not work: retries, success rule, order, limits and notices.
func (v *visit) typedTrouble(e *hub.Endpoint, wrong *hub.Problems) {
	e.Retry.Intervals = []hub.Duration{}
	for i, text := range entries(v.form("retries")) {
		d, err := hub.ParseDuration(text)
		if err != nil {
			wrong.Add(fmt.Sprintf("/retry/intervals/%d", i), "%v", err)
		}
		e.Retry.Intervals = append(e.Retry.Intervals, d)
	}
	if text := strings.TrimSpace(v.form("jitter")); text != percent(e.Retry.Jitter) {
		number := strings.TrimSpace(strings.TrimSuffix(text, "%"))
		share, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", "."), 64)
		if err != nil {
			wrong.Add("/retry/jitter", "%s", v.lang.Text("web_webhook.percent_needed"))
		}
		e.Retry.Jitter = share / 100
	}
	e.Success.Status, e.Success.Condition = entries(v.form("success")), strings.TrimSpace(v.form("success_condition"))
	if text := unixLines(v.form("final")); text != finalLines(e.Success.Final) { // else a condition keeps its line breaks
		e.Success.Final = typedFinal(text)
	}
	e.Order.By = v.form("order_by")
	e.Order.Stuck.SetAsideAfter = v.typedNumber("set_aside", "/order/stuck", wrong)
	if e.Order.Stuck.SetAsideAfter < 0 {
		wrong.Add("/order/stuck", "%s", v.lang.Text("web_webhook.whole_number"))
	}
	e.Limits.Rate = hub.Rate{}
	if text := strings.TrimSpace(v.form("rate")); text != "" {
		rate, err := hub.ParseRate(text)
		if err != nil {
			wrong.Add("/limits/rate", "%v", err)
		}
		e.Limits.Rate = rate
	}
	e.Limits.Concurrency = v.typedNumber("concurrency", "/limits/concurrency", wrong)
	e.DisableAfter = v.typedDuration("disable_after", "/disable_after", wrong)
	e.Notify = hub.Notify{
		Failing: entries(v.form("notify_failing")), Disabled: entries(v.form("notify_disabled")), Recovered: entries(v.form("notify_recovered")),
		AfterFailures: v.typedNumber("after_failures", "/notify/after_failures", wrong), Language: v.form("notify_language"),
	}
}
