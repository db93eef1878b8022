package web

import (
	"encoding/json"
	"fmt"
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
	e.Name, e.Description, e.Active = line("name"), unixLines(v.form("description")), v.r.PostForm.Has("active")
	e.Subscription.EventTypes = append(slices.Clone(v.r.PostForm["types"]), entries(v.form("own_types"))...)
	slices.Sort(e.Subscription.EventTypes)
	e.Subscription.EventTypes = slices.Compact(e.Subscription.EventTypes)
	if sameMembers(e.Subscription.EventTypes, stored.Subscription.EventTypes) { // another order is no change
		e.Subscription.EventTypes = slices.Clone(stored.Subscription.EventTypes)
	}
	e.Subscription.Condition = v.typedCondition(&stored, &wrong)
	e.Subscription.Channels = entries(v.form("channels"))
	v.typedOurs(&e, &stored, &wrong)
	v.typedRequest("", &e.Request, &stored.Request, &wrong)
	e.Auth = v.typedAuth(&stored.Auth)
	v.typedSignature(&e, &stored)
	v.typedHandling(endpointHandling(&e), &wrong)
	return e, wrong.Err()
}

// typedOurs reads what the console shows and the portal does not: how the hub's own people name and sort a webhook, and
// which of their sources it hears.
func (v *visit) typedOurs(e, stored *hub.Endpoint, wrong *hub.Problems) {
	if v.portal != nil {
		return
	}
	e.UID, e.Subscription.Sources = v.typedUID(), entries(v.form("sources"))
	e.Labels = v.typedLabels(stored.Labels, wrong)
}

func sameMembers(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// typedCondition is the lines of the builder, or the text. Lines that say what is stored leave its words alone.
func (v *visit) typedCondition(stored *hub.Endpoint, wrong *hub.Problems) string {
	c := v.typedRules()
	if c.ByText {
		return v.typedRule("condition")
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

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// typedRule is a condition, which may have several lines.
func (v *visit) typedRule(name string) string { return strings.TrimSpace(unixLines(v.form(name))) }

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
