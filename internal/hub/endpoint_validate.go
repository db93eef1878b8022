package hub

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What an endpoint's numbers may be. docs/endpoints.md repeats them for readers.
const (
	MaxIntervals      = 50
	ShortestInterval  = 100 * time.Millisecond
	ShortestTimeout   = 100 * time.Millisecond
	LongestTimeout    = 60 * time.Second
	MaxConcurrency    = 1000
	ShortestDisable   = time.Second
	LongestDisable    = 365 * 24 * time.Hour
	MaxNameLen        = 255
	MaxURLLen         = 8 << 10
	MaxBodyLen        = 256 << 10
	MaxConditionLen   = 8 << 10
	MaxListLen        = 1000
	MaxDescriptionLen = 8 << 10
	MaxSecretLen      = 64 << 10
	MaxNotified       = 20 // addresses for one kind of notice
	MaxAfterFailures  = 1000
)

// Complete fills what other settings imply: a body makes the payload a template, GET has none, and an absent list
// (null) is the default one.
func (e *Endpoint) Complete() {
	def := DefaultEndpoint()
	e.Request.complete()
	fill(&e.Auth.Type, def.Auth.Type)
	fill(&e.Order.By, def.Order.By)
	if e.Signature.Schemes == nil {
		e.Signature.Schemes = def.Signature.Schemes
	}
	for i := range e.Signature.HMAC {
		h := &e.Signature.HMAC[i]
		fill(&h.Algorithm, "sha256")
		fill(&h.Encoding, "hex")
		fill(&h.Signed, "#body#")
	}
	e.Retry.complete(def.Retry)
	e.Success.complete(def.Success)
	if e.UID != nil && *e.UID == "" {
		e.UID = nil
	}
	if e.Name == "" {
		e.Name = hostOf(e.Request.URL)
	}
	e.Subscription.complete()
	e.Notify.complete()
	if e.Labels == nil {
		e.Labels = map[string]string{}
	}
}

func (r *Request) complete() {
	def := DefaultEndpoint().Request
	r.Method = strings.ToUpper(r.Method)
	switch {
	case r.Body != nil && (r.Payload == PayloadStandard || r.Payload == ""):
		r.Payload = PayloadTemplate
	case r.Method == http.MethodGet && r.Payload == PayloadStandard && r.Fields == nil:
		r.Payload = PayloadNone
	}
	fill(&r.Payload, def.Payload)
	fill(&r.ContentType, def.ContentType)
	fill(&r.Charset, def.Charset)
	fill(&r.Missing, def.Missing)
	for _, m := range []*map[string]string{&r.Query, &r.Headers, &r.Attributes} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
}

func (r *Retry) complete(def Retry) {
	if r.Intervals == nil {
		r.Intervals = def.Intervals
	}
}

func (s *Success) complete(def Success) {
	if s.Status == nil {
		s.Status = def.Status
	}
	if s.Final == nil {
		s.Final = []Final{}
	}
}

// Empty lists are written as [], so that a reader need not tell null from empty.
func (s *Subscription) complete() { noNull(&s.EventTypes, &s.Sources, &s.Channels) }

func (n *Notify) complete() {
	def := DefaultEndpoint().Notify
	noNull(&n.Failing, &n.Disabled, &n.Recovered)
	fill(&n.Language, def.Language)
	if n.AfterFailures == 0 {
		n.AfterFailures = def.AfterFailures
	}
}

func noNull(lists ...*[]string) {
	for _, list := range lists {
		if *list == nil {
			*list = []string{}
		}
	}
}

func fill(text *string, def string) {
	if *text == "" {
		*text = def
	}
}

// Validate says everything that is wrong with the settings, each with its JSON Pointer. Templates, conditions and
// charsets are judged where they are compiled. Call Complete first.
func (e *Endpoint) Validate() error {
	var p Problems
	e.validatePlain(&p)
	e.Subscription.validate(&p)
	e.Request.validate(&p)
	e.Auth.validate(&p)
	e.Signature.validate(&p)
	e.Success.validate(&p)
	e.policy().validate(&p)
	return notAvailable(e.NotBuilt(), p)
}

func (e *Endpoint) policy() Policy {
	return Policy{e.Subscription, e.Retry, e.Order, e.Limits, e.DisableAfter, e.Notify}
}

// notAvailable refuses settings that are not built, before those that are wrong.
func notAvailable(unbuilt, wrong Problems) error {
	if len(unbuilt) == 0 {
		return wrong.Err()
	}
	first := unbuilt[0]
	err := Errorf(NotAvailable, "%s: %s", first.Pointer, first.Detail).WithHint("Leave it out; a setting that is accepted works.")
	err.Fields = slices.Concat(unbuilt, wrong)
	return err
}

// NotBuilt lists the settings that this version knows and cannot do yet.
func (e *Endpoint) NotBuilt() Problems {
	var p Problems
	for _, part := range []struct {
		pointer string
		given   json.RawMessage
	}{
		{"/coalesce", e.Coalesce}, {"/batch", e.Batch}, {"/window", e.Window}, {"/expires_after", e.ExpiresAfter},
	} {
		if len(part.given) > 0 && string(part.given) != "null" {
			p.Add(part.pointer, "is not available yet")
		}
	}
	return p
}

func (e *Endpoint) validatePlain(p *Problems) {
	checkName(p, e.Name, EndpointPrefix)
	// Without a name an endpoint bears its host's; without a host the address is what is wrong.
	if e.Name != "" && strings.TrimSpace(e.Name) == "" {
		p.Add("/name", "is empty")
	}
	if e.UID != nil {
		checkUID(p, "/uid", *e.UID, EndpointPrefix)
	}
	if preset := string(e.Preset); preset != "" && preset != "null" && (preset[0] != '"' || len(preset) > MaxNameLen) {
		p.Add("/preset", "is not the name of a preset")
	}
	CheckText(p, "/description", e.Description, MaxDescriptionLen)
	checkTexts(p, "/labels", e.Labels, MaxNameLen)
}

// checkName refuses a name that would be read as an id where either may stand.
func checkName(p *Problems, name, prefix string) {
	CheckText(p, "/name", name, MaxNameLen)
	if _, err := ParseID(prefix, name); err == nil {
		p.Add("/name", "looks like an id of ours")
	}
}

func checkTexts(p *Problems, pointer string, texts map[string]string, limit int) {
	if len(texts) > MaxListLen {
		p.Add(pointer, "has %d entries; at most %d are allowed", len(texts), MaxListLen)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		at := pointer + "/" + EscapePointer(name)
		if name == "" {
			p.Add(at, "has an empty name")
		}
		CheckText(p, at, name, MaxNameLen)
		CheckText(p, at, texts[name], limit)
	}
}

// CheckUID refuses a caller's own id that could not stand in a URL, or that looks like one of ours.
func CheckUID(p *Problems, pointer, uid string) {
	checkUID(p, pointer, uid, TenantPrefix)
}

func checkUID(p *Problems, pointer, uid, prefix string) {
	CheckText(p, pointer, uid, MaxNameLen)
	for _, c := range uid {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-._~:@", c)) {
			p.Add(pointer, "%q must be letters, digits and - . _ ~ : @ only, because it stands in URLs", uid)
			return
		}
	}
	switch {
	case uid == "", uid == ".", uid == "..":
		p.Add(pointer, "must not be empty, . or ..")
	case strings.HasPrefix(uid, prefix):
		p.Add(pointer, "must not begin with %s, as our own ids do", prefix)
	case prefix == EndpointPrefix && uid == "preview", prefix == PipelinePrefix && uid == "dry-run":
		p.Add(pointer, "%q has a meaning of its own in URLs", uid)
	}
}

func (s *Subscription) validate(p *Problems) {
	checkCount(p, "/subscription/event_types", len(s.EventTypes))
	for i, pattern := range s.EventTypes {
		CheckPattern(p, fmt.Sprintf("/subscription/event_types/%d", i), pattern)
	}
	for _, list := range []struct {
		pointer string
		words   []string
	}{{"/subscription/sources", s.Sources}, {"/subscription/channels", s.Channels}} {
		checkCount(p, list.pointer, len(list.words))
		for i, word := range list.words {
			at := fmt.Sprintf("%s/%d", list.pointer, i)
			CheckText(p, at, word, MaxSourceLen)
			if word == "" {
				p.Add(at, "is empty; leave the list empty to take all")
			}
		}
	}
	CheckText(p, "/subscription/condition", s.Condition, MaxConditionLen)
}

func checkCount(p *Problems, pointer string, n int) {
	if n > MaxListLen {
		p.Add(pointer, "has %d entries; at most %d are allowed", n, MaxListLen)
	}
}

// validate judges what happens around a try: retry, order, limits, notices.
func (b Policy) validate(p *Problems) {
	if n := len(b.Retry.Intervals); n > MaxIntervals {
		p.Add("/retry/intervals", "has %d intervals; at most %d are allowed", n, MaxIntervals)
	}
	for i, wait := range b.Retry.Intervals[:min(len(b.Retry.Intervals), MaxIntervals)] {
		if wait.D() < ShortestInterval || wait.D() > LongestWait {
			p.Add(fmt.Sprintf("/retry/intervals/%d", i), "is %s; from 100ms to 24h are allowed", wait)
		}
	}
	if !(b.Retry.Jitter >= 0 && b.Retry.Jitter <= 1) {
		p.Add("/retry/jitter", "is %v; from 0 to 1 is allowed, 0.1 being plus or minus a tenth", b.Retry.Jitter)
	}
	if !slices.Contains([]string{OrderNone, OrderKey, OrderAll}, b.Order.By) {
		p.Add("/order/by", "%q is none of none, key, all", b.Order.By)
	}
	if n := b.Order.Stuck.SetAsideAfter; n < 0 {
		p.Add("/order/stuck/set_aside_after", "is %d; at least 1 is allowed", n)
	}
	if c := b.Limits.Concurrency; c < 1 || c > MaxConcurrency {
		p.Add("/limits/concurrency", "is %d; from 1 to %d are allowed", c, MaxConcurrency)
	}
	b.Notify.validate(p)
	if d := b.DisableAfter.D(); d != 0 && (d < ShortestDisable || d > LongestDisable) {
		p.Add("/disable_after", "is %s; from 1s to 365d are allowed, and 0s is never", b.DisableAfter)
	}
}

// languages of mails, as in internal/locale.
var languages = []string{"en", "cs", "sk", "de", "it", "is"}

func (n *Notify) validate(p *Problems) {
	for _, list := range []struct {
		pointer   string
		addresses []string
	}{{"/notify/failing", n.Failing}, {"/notify/disabled", n.Disabled}, {"/notify/recovered", n.Recovered}} {
		if len(list.addresses) > MaxNotified {
			p.Add(list.pointer, "has %d addresses; at most %d are allowed", len(list.addresses), MaxNotified)
			continue
		}
		for i, address := range list.addresses {
			at := fmt.Sprintf("%s/%d", list.pointer, i)
			CheckText(p, at, address, MaxNameLen)
			if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
				p.Add(at, "%q is not a mail address such as jana@example.com", address)
			}
		}
	}
	if n.AfterFailures < 1 || n.AfterFailures > MaxAfterFailures {
		p.Add("/notify/after_failures", "is %d; from 1 to %d are allowed", n.AfterFailures, MaxAfterFailures)
	}
	if !slices.Contains(languages, n.Language) {
		p.Add("/notify/language", "%q is none of %s", n.Language, strings.Join(languages, ", "))
	}
}

func (s *Success) validate(p *Problems) {
	if len(s.Status) == 0 {
		p.Add("/success/status", "is empty, so that no answer would be a success; 2xx is the usual one")
	}
	checkStatuses(p, "/success/status", s.Status)
	CheckText(p, "/success/condition", s.Condition, MaxConditionLen)
	checkCount(p, "/success/final", len(s.Final))
	for i, f := range s.Final {
		at := fmt.Sprintf("/success/final/%d", i)
		checkStatuses(p, at+"/status", f.Status)
		CheckText(p, at+"/condition", f.Condition, MaxConditionLen)
		if len(f.Status) == 0 && f.Condition == "" {
			p.Add(at, "has neither status nor condition, so that every failure would be final")
		}
	}
}

// checkStatuses takes "204" and "2xx". 1xx are not answers; 3xx are never followed and may be taken by number.
func checkStatuses(p *Problems, pointer string, statuses []string) {
	checkCount(p, pointer, len(statuses))
	for i, s := range statuses {
		ok := len(s) == 3 && s[0] >= '2' && s[0] <= '5'
		if ok {
			rest := s[1:]
			ok = rest == "xx" || rest[0] >= '0' && rest[0] <= '9' && rest[1] >= '0' && rest[1] <= '9'
		}
		if !ok {
			p.Add(fmt.Sprintf("%s/%d", pointer, i), "%q is neither a status such as 204 nor a class such as 2xx", s)
		}
	}
}

// EscapePointer writes one member's name as a JSON Pointer does.
func EscapePointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// CheckLine refuses what could not stand in one line of a header.
func CheckLine(p *Problems, pointer, text string, limit int) {
	CheckText(p, pointer, text, limit)
	if HasControl(text) {
		p.Add(pointer, "contains a line break or another control character")
	}
}

// HasControl reports control characters, a tab not among them.
func HasControl(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f || c == utf8.RuneError })
}
