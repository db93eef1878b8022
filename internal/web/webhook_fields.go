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
	fields := []Field{
		{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Value: e.Name, Hint: text("name_hint")},
		{Name: "description", Pointer: "/description", Label: text("description"), Type: "textarea", Value: e.Description},
		v.uidField(e.UID),
		v.labelsField(e.Labels),
		{Name: "own_types", Pointer: "/subscription/event_types", Label: text("own_types"), Hint: text("own_types_hint"), Value: strings.Join(own, ", "), Mono: true},
		v.sourcesField(e.Subscription.Sources),
		v.channelsField(e.Subscription.Channels),
		{Name: "condition", Pointer: "/subscription/condition", Label: text("cel"), Hint: text("cel_hint"), Type: "textarea", Value: e.Subscription.Condition, Mono: true, Code: codeCondition, List: "variables"},
	}
	fields = slices.Concat(fields, v.requestFields("", &e.Request), v.authFields("", &e.Auth))
	fields = append(fields, v.secretField("secret_ed25519", "/signature/private_key", "ed25519_key", e.Signature.PrivateKey))
	fields = append(fields, v.handlingFields(endpointHandling(e))...)
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
			v.secretField(name+"secret", at+"/secret", "hmac_secret", h.Secret))
	}
	return fields
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
