package web

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// webhookFields are the form's fields with what an endpoint has in them; signatures are the places of its HMACs. Names with
// "secret" in them never come back.
func (v *visit) webhookFields(e *hub.Endpoint, own, signatures []string) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	r, a, x := &e.Request, &e.Auth, &hub.Exchange{}
	if a.Request != nil {
		x = a.Request
	}
	kept := func(s hub.Secret) string {
		if s.IsZero() {
			return ""
		}
		return text("kept")
	}
	secret := func(name, pointer, label string, s hub.Secret) Field {
		return Field{Name: name, Pointer: pointer, Label: text(label), Type: "password", Hint: kept(s), Autocomplete: "off", Mono: true}
	}
	words := func(group string, values ...string) []Option {
		var list []Option
		for _, value := range values {
			list = append(list, Option{Value: value, Word: v.lang.Text(group + value)})
		}
		return list
	}
	fields := []Field{
		{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Value: e.Name, Hint: text("name_hint")},
		{Name: "description", Pointer: "/description", Label: text("description"), Value: e.Description},
		{Name: "uid", Pointer: "/uid", Label: v.lang.Text("web_settings.uid"), Hint: text("uid_hint"), Value: deref(e.UID), Mono: true},
		{Name: "labels", Pointer: "/labels", Label: text("labels"), Hint: text("labels_hint"), Type: "textarea", Value: linesOf(e.Labels, "="), Mono: true},
		{Name: "own_types", Pointer: "/subscription/event_types", Label: text("own_types"), Hint: text("own_types_hint"), Value: strings.Join(own, ", "), Mono: true},
		{Name: "sources", Pointer: "/subscription/sources", Label: v.lang.Text("web_pipeline.sources"), Hint: v.lang.Text("web_pipeline.sources_hint"), Type: "textarea", Value: strings.Join(e.Subscription.Sources, "\n")},
		{Name: "channels", Pointer: "/subscription/channels", Label: v.lang.Text("web_history.channels"), Hint: text("channels_hint"), Type: "textarea", Value: strings.Join(e.Subscription.Channels, "\n")},
		{Name: "condition", Pointer: "/subscription/condition", Label: text("cel"), Hint: text("cel_hint"), Value: e.Subscription.Condition, Mono: true},

		{Name: "method", Pointer: "/request/method", Label: text("method"), Type: "select", Value: r.Method, Options: append([]Option{{Value: "", Word: text("method_auto")}}, plain("GET", "POST", "PUT", "PATCH", "DELETE")...)},
		{Name: "url", Pointer: "/request/url", Label: "URL", Hint: text("url_hint"), Value: r.URL, Mono: true, Required: true},
		{Name: "query", Pointer: "/request/query", Label: text("query"), Hint: text("query_hint"), Type: "textarea", Value: linesOf(r.Query, "="), Mono: true},
		{Name: "headers", Pointer: "/request/headers", Label: text("headers"), Hint: text("headers_hint"), Type: "textarea", Value: linesOf(r.Headers, ": "), Mono: true},
		{Name: "body", Pointer: "/request/body", Label: text("body"), Hint: text("body_hint"), Type: "textarea", Value: deref(r.Body), Mono: true},
		{Name: "content_type", Pointer: "/request/content_type", Label: text("content_type"), Value: r.ContentType, Mono: true},
		{Name: "charset", Pointer: "/request/charset", Label: text("charset"), Value: r.Charset, Mono: true},
		{Name: "fields", Pointer: "/request/fields", Label: text("fields"), Hint: text("fields_hint"), Type: "textarea", Value: strings.Join(deref(r.Fields), "\n"), Mono: true},
		{Name: "table", Pointer: "/request/table", Label: text("table"), Hint: text("table_hint"), Value: r.Table},
		{Name: "attributes", Pointer: "/request/attributes", Label: text("attributes"), Hint: text("attributes_hint"), Type: "textarea", Value: linesOf(r.Attributes, "="), Mono: true},
		{Name: "missing", Pointer: "/request/missing", Label: text("missing"), Type: "select", Value: r.Missing, Options: words("web_webhook.missing.", "empty", "null", "omit", "fail")},
		{Name: "timeout", Pointer: "/request/timeout", Label: text("timeout"), Value: r.Timeout.String()},

		{Name: "login_type", Pointer: "/auth/type", Label: text("auth"), Type: "select", Value: a.Type, Options: words("web_webhook.auth.", hub.AuthNone, hub.AuthBearer, hub.AuthBasic, hub.AuthAPIKey, hub.AuthOAuth2, hub.AuthExchange, hub.AuthCertificate)},
		secret("secret_token", "/auth/token", "token", a.Token),
		{Name: "login_user", Pointer: "/auth/username", Label: text("user"), Value: a.Username, Autocomplete: "off"},
		secret("secret_password", "/auth/password", "password", a.Password),
		{Name: "login_header", Pointer: "/auth/header", Label: text("login_header"), Hint: text("login_header_hint"), Value: a.Header, Mono: true},
		{Name: "api_in", Pointer: "/auth/in", Label: text("in"), Type: "select", Value: a.In, Options: words("web_webhook.in.", "header", "query")},
		{Name: "api_name", Pointer: "/auth/name", Label: v.lang.Text("web.column.name"), Value: a.Name, Mono: true},
		secret("secret_value", "/auth/value", "value", a.Value),
		{Name: "grant_url", Pointer: "/auth/token_url", Label: text("grant_url"), Value: a.TokenURL, Mono: true},
		{Name: "grant_client", Pointer: "/auth/client_id", Label: text("grant_client"), Value: a.ClientID, Autocomplete: "off", Mono: true},
		secret("secret_client", "/auth/client_secret", "grant_secret", a.ClientSecret),
		{Name: "grant_scopes", Pointer: "/auth/scopes", Label: text("grant_scopes"), Value: strings.Join(a.Scopes, " "), Mono: true},
		{Name: "login_url", Pointer: "/auth/request/url", Label: text("login_url"), Value: x.URL, Mono: true},
		{Name: "login_method", Pointer: "/auth/request/method", Label: text("method"), Type: "select", Value: cmp.Or(x.Method, "POST"), Options: plain("POST", "GET", "PUT", "PATCH")},
		{Name: "login_media", Pointer: "/auth/request/content_type", Label: text("content_type"), Value: x.ContentType, Mono: true},
		secret("secret_body", "/auth/request/body", "body", x.Body),
		{Name: "secret_headers", Pointer: "/auth/request/headers", Label: text("headers"), Hint: text("kept_lines"), Type: "password", Value: maskedLines(x.Headers), Mono: true},
		{Name: "answer_path", Pointer: "/auth/token_path", Label: text("answer_path"), Value: a.TokenPath, Mono: true},
		{Name: "answer_expires", Pointer: "/auth/expires_path", Label: text("answer_expires"), Value: a.ExpiresPath, Mono: true},
		{Name: "certificate", Pointer: "/auth/certificate", Label: text("certificate"), Type: "textarea", Value: a.Certificate, Mono: true},
		secret("secret_pem", "/auth/key", "private_key", a.Key),
		{Name: "ca", Pointer: "/auth/ca", Label: text("ca"), Type: "textarea", Value: a.CA, Mono: true},

		secret("secret_ed25519", "/signature/private_key", "ed25519_key", e.Signature.PrivateKey),

		{Name: "retries", Pointer: "/retry/intervals", Label: text("retries"), Hint: text("retries_hint"), Value: durationList(e.Retry.Intervals)},
		{Name: "jitter", Pointer: "/retry/jitter", Label: text("jitter"), Hint: text("jitter_hint"), Value: percent(e.Retry.Jitter)},
		{Name: "success", Pointer: "/success/status", Label: text("success"), Hint: text("success_hint"), Value: strings.Join(e.Success.Status, ", ")},
		{Name: "success_condition", Pointer: "/success/condition", Label: text("success_condition"), Hint: text("success_condition_hint"), Value: e.Success.Condition, Mono: true},
		{Name: "final", Pointer: "/success/final", Label: text("final"), Hint: text("final_hint"), Type: "textarea", Value: finalLines(e.Success.Final), Mono: true},
		{Name: "order_by", Pointer: "/order/by", Label: text("order"), Type: "select", Value: e.Order.By, Options: words("web_webhook.order.", hub.OrderNone, hub.OrderKey, hub.OrderAll)},
		{Name: "set_aside", Pointer: "/order/stuck", Label: text("set_aside"), Hint: text("set_aside_hint"), Value: blankZero(e.Order.Stuck.SetAsideAfter)},
		{Name: "rate", Pointer: "/limits/rate", Label: text("rate"), Hint: text("rate_hint"), Value: e.Limits.Rate.String()},
		{Name: "concurrency", Pointer: "/limits/concurrency", Label: text("concurrency"), Value: strconv.Itoa(e.Limits.Concurrency)},
		{Name: "disable_after", Pointer: "/disable_after", Label: text("disable_after"), Hint: text("disable_after_hint"), Value: e.DisableAfter.String()},
		{Name: "after_failures", Pointer: "/notify/after_failures", Label: text("after_failures"), Value: strconv.Itoa(e.Notify.AfterFailures)},
		{Name: "notify_failing", Pointer: "/notify/failing", Label: text("notify_failing"), Hint: text("notify_hint"), Value: strings.Join(e.Notify.Failing, ", ")},
		{Name: "notify_disabled", Pointer: "/notify/disabled", Label: text("notify_disabled"), Value: strings.Join(e.Notify.Disabled, ", ")},
		{Name: "notify_recovered", Pointer: "/notify/recovered", Label: text("notify_recovered"), Value: strings.Join(e.Notify.Recovered, ", ")},
		{Name: "notify_language", Pointer: "/notify/language", Label: text("notify_language"), Type: "select", Value: e.Notify.Language, Options: languageOptions()},
	}
	for i, place := range signatures {
		var h hub.HMAC
		if i < len(e.Signature.HMAC) {
			h = e.Signature.HMAC[i]
		}
		at, name := fmt.Sprintf("/signature/hmac/%d", i), "hmac."+place+"."
		fields = append(fields,
			Field{Name: name + "header", Pointer: at + "/header", Label: text("hmac_header"), Value: h.Header, Mono: true},
			Field{Name: name + "algorithm", Pointer: at + "/algorithm", Label: text("hmac_algorithm"), Type: "select", Value: cmp.Or(h.Algorithm, "sha256"), Options: plain("sha256", "sha512", "sha1")},
			Field{Name: name + "encoding", Pointer: at + "/encoding", Label: text("hmac_encoding"), Type: "select", Value: cmp.Or(h.Encoding, "hex"), Options: plain("hex", "base64")},
			Field{Name: name + "prefix", Pointer: at + "/prefix", Label: text("hmac_prefix"), Value: h.Prefix, Mono: true},
			Field{Name: name + "signed", Pointer: at + "/signed", Label: text("hmac_signed"), Value: cmp.Or(h.Signed, "#body#"), Mono: true},
			secret(name+"secret", at+"/secret", "hmac_secret", h.Secret))
	}
	return fields
}

// percent is a share as people write it.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 6, 64) }

func languageOptions() []Option {
	var list []Option
	for code, name := range languageNames {
		list = append(list, Option{Value: string(code), Word: name})
	}
	slices.SortFunc(list, func(a, b Option) int { return cmp.Compare(a.Value, b.Value) })
	return list
}

func deref[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

func blankZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func durationList(list []hub.Duration) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].String()
	}
	return strings.Join(texts, ", ")
}

// finalLines are the rules one a line: statuses, a condition, or both as 422: response.json.code == 7.
func finalLines(final []hub.Final) string {
	lines := make([]string, len(final))
	for i, f := range final {
		lines[i] = strings.Join(f.Status, ", ")
		if condition := strings.Join(strings.Fields(f.Condition), " "); condition != "" {
			lines[i] += ": " + condition
		}
		lines[i] = strings.TrimPrefix(lines[i], ": ")
	}
	return strings.Join(lines, "\n")
}

// linesOf writes names and values one a line; a value with a line break stands in quotes.
func linesOf(pairs map[string]string, join string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		value := pairs[name]
		if strings.ContainsAny(value, "\r\n") {
			value = quoted(value)
		}
		lines = append(lines, name+join+value)
	}
	return strings.Join(lines, "\n")
}

func maskedLines(headers map[string]hub.Secret) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, name+": "+headers[name].String())
	}
	return strings.Join(lines, "\n")
}
