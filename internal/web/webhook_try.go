package web

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// webhookTest is what a test came to: the answer, what the success rule saw of it, where the time went, who answered.
type webhookTest struct {
	Badge                      Badge
	At                         time.Time
	Text, Error, Hint          string
	Notes                      []string // what is to know of a test of what is not saved
	Problems                   []string // why nothing was sent
	Gone                       bool     // it was sent, and nobody remembers how it ended
	Phases                     []testPhase
	Water                      string // the phases as a sentence
	Facts, Saw                 []setting
	Answer                     Cut
	HasAnswer                  bool
	AnswerHeaders, SentHeaders string
	Sent                       Cut
	SentLine                   string
}

// testPhase is one part of the time; X and Width are in a field of 100.
type testPhase struct{ Class, Word, X, Width string }

// tryWebhook really sends what is typed and saves nothing. The page keeps what was typed; where a script asks, it takes
// only the result out of it.
func (v *visit) tryWebhook(t *hub.Target, e hub.Endpoint, wrong error) error {
	var a hub.Attempt
	var err error
	if wrong != nil {
		err = v.allWrong(t, e, wrong)
	} else if in, refused := v.tryWith(e.Subscription); refused != nil {
		err = refused
	} else {
		a, err = v.Settings.TestUnsaved(v.ctx(), v.tenant(), refOf(t), e, in, v.by())
	}
	switch {
	case err != nil && ours(err):
		return err
	case err != nil && v.r.Header.Get("HX-Request") == "":
		return v.refuseWebhook(t, e, err)
	case err != nil:
		return v.showWebhookForm(t, e, v.notSent(&e, err), err)
	}
	test := v.testView(&triedCall{at: v.Now(), attempt: a, success: e.Success})
	test.Notes = append(test.Notes, v.lang.Text("web_webhook.test_unsaved"))
	if t == nil && len(e.Signature.Schemes) > 0 {
		test.Notes = append(test.Notes, v.lang.Text("web_webhook.test_signature"))
	}
	return v.showWebhookForm(t, e, test, nil)
}

func (v *visit) notSent(e *hub.Endpoint, err error) *webhookTest {
	return &webhookTest{At: v.Now(), Badge: Badge{"fail", "fail", v.lang.Text("web_webhook.not_sent")}, Problems: v.problemsOf(e, err)}
}

// testWebhook sends a test of what was just saved, and keeps how it ended for the page that comes next.
func (v *visit) testWebhook(t *hub.Target) error {
	call := triedCall{at: v.Now(), success: t.Endpoint.Success}
	in, err := v.tryWith(t.Endpoint.Subscription)
	if err == nil {
		call.attempt, err = v.Settings.Test(v.ctx(), v.tenant(), refOf(t), in, v.by())
	}
	if err != nil && ours(err) {
		return err
	}
	call.refusal = err
	v.tried.keep(madeFor{v.token, t.ID}, call)
	return nil
}

// testedPath is the form with the test that was just sent: a page one can reload without sending another.
func (v *visit) testedPath(t *hub.Target) string {
	query := url.Values{"tested": {"1"}}
	for _, name := range []string{"view", "with"} {
		if value := v.form(name); value != "" {
			query.Set(name, value)
		}
	}
	return targetPath(t) + "/edit?" + query.Encode() + "#test"
}

// keptTest is how the last test of a webhook in this session ended.
func (v *visit) keptTest(t *hub.Target) *webhookTest {
	call, found := v.tried.of(madeFor{v.token, t.ID}, v.moment)
	switch {
	case !found:
		return &webhookTest{Gone: true}
	case call.refusal != nil:
		return v.notSent(&t.Endpoint, call.refusal)
	}
	return v.testView(&call)
}

// testView says how a test ended, in the reader's language.
func (v *visit) testView(call *triedCall) *webhookTest {
	a := &call.attempt
	text := func(key string, values ...any) string { return v.lang.Text("web_webhook."+key, values...) }
	test := &webhookTest{At: call.at, Error: v.lang.Sentence(a.Error), Hint: v.lang.Sentence(a.Hint), Badge: Badge{"ok", "ok", text("worked")}}
	rule := words(call.success.Status)
	if rule == "" {
		rule = "2xx"
	}
	if call.success.Condition != "" {
		rule += "; " + call.success.Condition
	}
	took := v.lang.Duration(max(a.Took, time.Millisecond))
	test.Text = text("test_good", "result", v.result(a.Result, a.Status), "duration", took, "rule", rule)
	if a.Result != hub.Succeeded {
		test.Badge = Badge{"fail", "fail", text("not_worked")}
		test.Text = text("test_none", "result", v.result(a.Result, a.Status), "duration", took)
		if a.Status > 0 {
			test.Text = text("test_bad", "result", v.result(a.Result, a.Status), "duration", took, "rule", rule)
		}
	}
	test.Phases, test.Water = v.phases(a)
	test.Facts = v.peerFacts(a)
	test.SentLine, test.SentHeaders, test.Sent = a.Request.Method+" "+visible(a.Request.URL), headerText(a.Request.Headers), cut(string(a.Request.Body))
	test.HasAnswer = a.Response.Status > 0
	if test.HasAnswer {
		test.Saw = v.seenByRule(&a.Response, call.success.Condition)
	}
	test.Answer = cut(string(a.Response.Body))
	var lines []string
	for _, name := range sortedKeys(a.Response.Headers) {
		lines = append(lines, strings.ToLower(name)+": "+strings.Join(a.Response.Headers[name], ", "))
	}
	test.AnswerHeaders = visible(strings.Join(lines, "\n"))
	return test
}

// peerFacts are who answered: the name and what it was found to be, the encryption, the certificate.
func (v *visit) peerFacts(a *hub.Attempt) (facts []setting) {
	text := func(key string, values ...any) string { return v.lang.Text("web_webhook."+key, values...) }
	p := &a.Peer
	if p.Address == "" {
		return nil
	}
	address := p.Address
	if u, err := url.Parse(a.Request.URL); err == nil && net.ParseIP(u.Hostname()) == nil && u.Hostname() != "" {
		address = u.Hostname() + " → " + address
	}
	facts = append(facts, setting{text("peer"), address})
	connection := text("unencrypted")
	if p.TLSVersion != "" {
		connection = p.TLSVersion
	}
	facts = append(facts, setting{text("connection"), connection})
	if p.Issuer != "" {
		facts = append(facts, setting{text("certificate"), text("certificate_until", "issuer", p.Issuer, "date", v.lang.Date(p.Expires, v.zone))})
	}
	return facts
}

// ruleNames are the parts of an answer that a success condition speaks of.
var ruleNames = regexp.MustCompile(`response\.(?:status|body|(?:json|headers)(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\]|\["[^"\]]+"\])*)`)

// seenByRule is what the success rule saw of an answer: the status, and each part that its condition names.
func (v *visit) seenByRule(answer *hub.Answer, condition string) (saw []setting) {
	doc, err := expr.ParseDoc(answer.Body)
	for _, name := range append([]string{"response.status"}, ruleNames.FindAllString(condition, -1)...) {
		value, found := "", false
		part, path, _ := strings.Cut(strings.TrimPrefix(bracketless(name), "response."), ".")
		switch part {
		case "status":
			value, found = strconv.Itoa(answer.Status), true
		case "body":
			value, found = hub.Shorten(string(answer.Body), 200), true
		case "headers":
			list := answer.Headers[http.CanonicalHeaderKey(path)]
			value, found = strings.Join(list, ", "), len(list) > 0
		case "json":
			if err == nil && path == "" {
				value, found = hub.Shorten(string(doc.Raw()), 200), true
			} else if at, there := doc.Lookup(path); err == nil && there {
				value, found = hub.Shorten(at.Text(), 200), true
			}
		}
		if !found {
			value = v.lang.Text("web_webhook.op.hasnot")
		}
		if one := (setting{name, value}); len(saw) == 0 || saw[len(saw)-1] != one && saw[0] != one {
			saw = append(saw, one)
		}
	}
	return saw
}

// bracketless writes ["name"] as .name, which is how a document is asked; [0] stays.
func bracketless(path string) string {
	return strings.NewReplacer(`["`, ".", `"]`, "").Replace(path)
}

// phases cuts an attempt's time into name, connection, encryption, their work and the rest of the answer.
func (v *visit) phases(a *hub.Attempt) (list []testPhase, sentence string) {
	total := max(a.Timing.Total, a.Took)
	if total <= 0 {
		return nil, ""
	}
	before := a.Timing.DNS + a.Timing.Connect + a.Timing.TLS
	var words []string
	at := 0.0
	for _, part := range []struct {
		class, key string
		took       time.Duration
	}{
		{"w1", "dns", a.Timing.DNS}, {"w2", "connect", a.Timing.Connect}, {"w3", "tls", a.Timing.TLS}, {"w4", "theirs", max(0, a.Timing.FirstByte-before)},
	} {
		if part.took <= 0 {
			continue
		}
		width := min(float64(part.took)/float64(total)*100, 100-at)
		word := v.lang.Text("web_webhook.phase."+part.key, "duration", v.lang.Duration(max(part.took, time.Millisecond)))
		list = append(list, testPhase{part.class, word, fmt.Sprintf("%.1f", at), fmt.Sprintf("%.1f", width)})
		words = append(words, word)
		at += width
	}
	return list, strings.Join(words, ", ")
}

// triedCall is one test: how it ended, or why it was not sent.
type triedCall struct {
	at      time.Time
	attempt hub.Attempt
	success hub.Success
	refusal error
}

// triedCalls remembers for some minutes how the last test of each webhook ended, for the session that sent it: a page
// shows it, and may be reloaded, without sending again. Its answers are bounded by what an attempt keeps.
type triedCalls struct {
	mu  sync.Mutex
	all map[madeFor]triedCall
}

const (
	triedShown = 15 * time.Minute
	mostTried  = 100
)

func (k *triedCalls) keep(of madeFor, call triedCall) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[madeFor]triedCall{}
	}
	k.all[of] = call
	var oldest madeFor
	for one, kept := range k.all {
		if call.at.Sub(kept.at) >= triedShown {
			delete(k.all, one)
		} else if first, some := k.all[oldest]; !some || kept.at.Before(first.at) {
			oldest = one
		}
	}
	if len(k.all) > mostTried {
		delete(k.all, oldest)
	}
}

func (k *triedCalls) of(one madeFor, now time.Time) (triedCall, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	call, found := k.all[one]
	return call, found && now.Sub(call.at) < triedShown
}
