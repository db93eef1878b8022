package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// callForm is the part of a form that says which call is made: of a webhook, or of a step that calls.
type callForm struct {
	Form       *Form
	FieldsMode string
	Compress   bool
	Variables  []settings.Variable
}

func callOf(r *hub.Request) callForm {
	return callForm{FieldsMode: fieldsMode(r), Compress: r.Compress}
}

// fieldsMode is how much of the event's data is sent.
func fieldsMode(r *hub.Request) string {
	switch {
	case r.Fields == nil:
		return "all"
	case len(*r.Fields) == 0:
		return "none"
	}
	return "some"
}

// insertList is the list of variables beside one field.
type insertList struct {
	Field     string
	Variables []settings.Variable
}

// mostInserted is how many variables stand beside a field; whoever needs more writes the name.
const mostInserted = 100

// Insert is the list for the field with an id.
func (c callForm) Insert(field string) insertList {
	return insertList{field, c.Variables[:min(len(c.Variables), mostInserted)]}
}

// requestFields are the fields of a call; at is the place it stands below, "" for a webhook.
func (v *visit) requestFields(at string, r *hub.Request) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	list := "variables" // what is offered while one types, by its id on the page
	if at != "" {
		list = "paths"
	}
	return []Field{
		{Name: "method", Pointer: at + "/request/method", Label: text("method"), Type: "select", Value: r.Method, Options: append([]Option{{Value: "", Word: text("method_auto")}}, plain("GET", "POST", "PUT", "PATCH", "DELETE")...)},
		{Name: "url", Pointer: at + "/request/url", Label: "URL", Hint: text("url_hint"), Value: r.URL, Mono: true, Required: true},
		{Name: "query", Pointer: at + "/request/query", Label: text("query"), Hint: text("query_hint"), Type: "textarea", Value: linesOf(r.Query, "="), Mono: true, Code: codeTemplate, List: list},
		{Name: "headers", Pointer: at + "/request/headers", Label: text("headers"), Hint: text("headers_hint"), Type: "textarea", Value: linesOf(r.Headers, ": "), Mono: true, Code: codeTemplate, List: list},
		{Name: "payload", Pointer: at + "/request/payload", Label: text("body"), Hint: text("payload_hint"), Type: "choice", Value: r.Payload, Options: v.wordOptions("web_webhook.payload.", hub.PayloadStandard, hub.PayloadTemplate, hub.PayloadNone)},
		{Name: "body", Pointer: at + "/request/body", Label: text("body"), Hint: text("body_hint"), Type: "textarea", Value: deref(r.Body), Mono: true, Code: codeTemplate, List: list},
		{Name: "content_type", Pointer: at + "/request/content_type", Label: text("content_type"), Value: r.ContentType, Mono: true},
		{Name: "charset", Pointer: at + "/request/charset", Label: text("charset"), Value: r.Charset, Mono: true},
		{Name: "fields", Pointer: at + "/request/fields", Label: text("fields"), Hint: text("fields_hint"), Type: "textarea", Value: strings.Join(deref(r.Fields), "\n"), Mono: true},
		{Name: "table", Pointer: at + "/request/table", Label: text("table"), Hint: text("table_hint"), Value: r.Table},
		{Name: "attributes", Pointer: at + "/request/attributes", Label: text("attributes"), Hint: text("attributes_hint"), Type: "textarea", Value: linesOf(r.Attributes, "="), Mono: true, Code: codeTemplate, List: list},
		{Name: "missing", Pointer: at + "/request/missing", Label: text("missing"), Type: "select", Value: r.Missing, Options: v.wordOptions("web_webhook.missing.", "empty", "null", "omit", "fail")},
		{Name: "timeout", Pointer: at + "/request/timeout", Label: text("timeout"), Value: r.Timeout.String()},
	}
}

// authFields are how a call proves itself. Names with "secret" in them never come back.
func (v *visit) authFields(at string, a *hub.Auth) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	x := &hub.Exchange{}
	if a.Request != nil {
		x = a.Request
	}
	return []Field{
		{Name: "login_type", Pointer: at + "/auth/type", Label: text("auth"), Type: "select", Value: a.Type, Options: v.wordOptions("web_webhook.auth.", hub.AuthNone, hub.AuthBearer, hub.AuthBasic, hub.AuthAPIKey, hub.AuthOAuth2, hub.AuthExchange, hub.AuthCertificate)},
		v.secretField("secret_token", at+"/auth/token", "token", a.Token),
		{Name: "login_user", Pointer: at + "/auth/username", Label: text("user"), Value: a.Username, Autocomplete: "off"},
		v.secretField("secret_password", at+"/auth/password", "password", a.Password),
		{Name: "login_header", Pointer: at + "/auth/header", Label: text("login_header"), Hint: text("login_header_hint"), Value: a.Header, Mono: true},
		{Name: "api_in", Pointer: at + "/auth/in", Label: text("in"), Type: "select", Value: cmp.Or(a.In, "header"), Options: v.wordOptions("web_webhook.in.", "header", "query")},
		{Name: "api_name", Pointer: at + "/auth/name", Label: v.lang.Text("web.column.name"), Value: a.Name, Mono: true},
		v.secretField("secret_value", at+"/auth/value", "value", a.Value),
		{Name: "grant_url", Pointer: at + "/auth/token_url", Label: text("grant_url"), Value: a.TokenURL, Mono: true},
		{Name: "grant_client", Pointer: at + "/auth/client_id", Label: text("grant_client"), Value: a.ClientID, Autocomplete: "off", Mono: true},
		v.secretField("secret_client", at+"/auth/client_secret", "grant_secret", a.ClientSecret),
		{Name: "grant_scopes", Pointer: at + "/auth/scopes", Label: text("grant_scopes"), Value: strings.Join(a.Scopes, " "), Mono: true},
		{Name: "login_url", Pointer: at + "/auth/request/url", Label: text("login_url"), Value: x.URL, Mono: true},
		{Name: "login_method", Pointer: at + "/auth/request/method", Label: text("method"), Type: "select", Value: cmp.Or(x.Method, "POST"), Options: plain("POST", "GET", "PUT", "PATCH")},
		{Name: "login_media", Pointer: at + "/auth/request/content_type", Label: text("content_type"), Value: x.ContentType, Mono: true},
		v.secretField("secret_body", at+"/auth/request/body", "body", x.Body),
		{Name: "secret_headers", Pointer: at + "/auth/request/headers", Label: text("headers"), Hint: text("kept_lines"), Type: "password", Value: maskedLines(x.Headers), Mono: true},
		{Name: "answer_path", Pointer: at + "/auth/token_path", Label: text("answer_path"), Value: a.TokenPath, Mono: true},
		{Name: "answer_expires", Pointer: at + "/auth/expires_path", Label: text("answer_expires"), Value: a.ExpiresPath, Mono: true},
		{Name: "certificate", Pointer: at + "/auth/certificate", Label: text("certificate"), Type: "textarea", Value: a.Certificate, Mono: true},
		v.secretField("secret_pem", at+"/auth/key", "private_key", a.Key),
		{Name: "ca", Pointer: at + "/auth/ca", Label: text("ca"), Type: "textarea", Value: a.CA, Mono: true},
	}
}

// secretField is one that shows only whether something is stored.
func (v *visit) secretField(name, pointer, label string, s hub.Secret) Field {
	f := Field{Name: name, Pointer: pointer, Label: v.lang.Text("web_webhook." + label), Type: "password", Autocomplete: "off", Mono: true}
	if !s.IsZero() {
		f.Hint = v.lang.Text("web_webhook.kept")
	}
	return f
}

// wordOptions are the values of a choice with what a group of words calls them.
func (v *visit) wordOptions(group string, values ...string) []Option {
	var list []Option
	for _, value := range values {
		list = append(list, Option{Value: value, Word: v.lang.Text(group + value)})
	}
	return list
}

func maskedLines(headers map[string]hub.Secret) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		lines = append(lines, name+": "+headers[name].String())
	}
	return strings.Join(lines, "\n")
}

func (v *visit) typedRequest(at string, r, stored *hub.Request, wrong *hub.Problems) {
	r.Method, r.URL = v.form("method"), strings.TrimSpace(v.form("url"))
	r.Payload = v.form("payload")
	r.ContentType, r.Charset = strings.TrimSpace(v.form("content_type")), strings.TrimSpace(v.form("charset"))
	r.Table, r.Missing, r.Compress = strings.TrimSpace(v.form("table")), v.form("missing"), v.r.PostForm.Has("compress")
	r.Query = v.typedLines("query", "=", at+"/request/query", wrong)
	r.Headers = v.typedLines("headers", ":", at+"/request/headers", wrong)
	r.Attributes = v.typedLines("attributes", "=", at+"/request/attributes", wrong)
	r.Timeout = v.typedDuration("timeout", at+"/request/timeout", wrong)
	r.Body, r.Fields = nil, nil
	switch r.Payload {
	case hub.PayloadTemplate:
		body := unixLines(v.form("body"))
		if was := deref(stored.Body); unixLines(was) == body {
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
