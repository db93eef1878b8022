package web

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// handling is what a webhook and a pipeline have alike: when it is tried again, what counts as done, how fast and in which
// sequence, and who is told.
type handling struct {
	Retry        *hub.Retry
	Success      *hub.Success
	Order        *hub.Order
	Limits       *hub.Limits
	DisableAfter *hub.Duration
	Notify       *hub.Notify
}

func endpointHandling(e *hub.Endpoint) handling {
	return handling{&e.Retry, &e.Success, &e.Order, &e.Limits, &e.DisableAfter, &e.Notify}
}

func pipelineHandling(p *hub.Pipeline) handling {
	return handling{&p.Retry, &p.Success, &p.Order, &p.Limits, &p.DisableAfter, &p.Notify}
}

func (v *visit) handlingFields(p handling) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	retry := []Field{
		{Name: "retries", Pointer: "/retry/intervals", Label: text("retries"), Hint: text("retries_hint"), Value: durationList(p.Retry.Intervals)},
		{Name: "jitter", Pointer: "/retry/jitter", Label: text("jitter"), Hint: text("jitter_hint"), Value: percent(p.Retry.Jitter)},
	}
	order := []Field{
		{Name: "order_by", Pointer: "/order/by", Label: text("order"), Type: "select", Value: p.Order.By, Options: v.wordOptions("web_webhook.order.", hub.OrderNone, hub.OrderKey, hub.OrderAll)},
		{Name: "set_aside", Pointer: "/order/stuck", Label: text("set_aside"), Hint: text("set_aside_hint"), Value: blankZero(p.Order.Stuck.SetAsideAfter)},
	}
	rest := []Field{
		{Name: "disable_after", Pointer: "/disable_after", Label: text("disable_after"), Hint: text("disable_after_hint"), Value: p.DisableAfter.String()},
		{Name: "after_failures", Pointer: "/notify/after_failures", Label: text("after_failures"), Value: strconv.Itoa(p.Notify.AfterFailures)},
		{Name: "notify_failing", Pointer: "/notify/failing", Label: text("notify_failing"), Hint: text("notify_hint"), Value: strings.Join(p.Notify.Failing, ", ")},
		{Name: "notify_disabled", Pointer: "/notify/disabled", Label: text("notify_disabled"), Value: strings.Join(p.Notify.Disabled, ", ")},
		{Name: "notify_recovered", Pointer: "/notify/recovered", Label: text("notify_recovered"), Value: strings.Join(p.Notify.Recovered, ", ")},
		{Name: "notify_language", Pointer: "/notify/language", Label: text("notify_language"), Type: "select", Value: p.Notify.Language, Options: languageOptions()},
	}
	return slices.Concat(retry, v.successFields("", p.Success), order, v.limitFields("", p.Limits), rest)
}

// successFields are the rule by which an answer is a success; at is the place it stands below, "" for a webhook.
func (v *visit) successFields(at string, s *hub.Success) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	return []Field{
		{Name: "success", Pointer: at + "/success/status", Label: text("success"), Hint: text("success_hint"), Value: strings.Join(s.Status, ", ")},
		{Name: "success_condition", Pointer: at + "/success/condition", Label: text("success_condition"), Hint: text("success_condition_hint"), Type: "textarea", Value: s.Condition, Mono: true, Code: codeCondition, List: "answer"},
		{Name: "final", Pointer: at + "/success/final", Label: text("final"), Hint: text("final_hint"), Type: "textarea", Value: finalLines(s.Final), Mono: true},
	}
}

func (v *visit) limitFields(at string, l *hub.Limits) []Field {
	text := func(key string) string { return v.lang.Text("web_webhook." + key) }
	return []Field{
		{Name: "rate", Pointer: at + "/limits/rate", Label: text("rate"), Hint: text("rate_hint"), Value: l.Rate.String()},
		{Name: "concurrency", Pointer: at + "/limits/concurrency", Label: text("concurrency"), Value: blankZero(l.Concurrency)},
	}
}

// uidField and labelsField are how the hub's own people name and sort a thing; sourcesField and channelsField, from where it
// takes events.
func (v *visit) uidField(uid *string) Field {
	return Field{Name: "uid", Pointer: "/uid", Label: v.lang.Text("web_settings.uid"), Hint: v.lang.Text("web_webhook.uid_hint"), Value: deref(uid), Mono: true}
}

func (v *visit) labelsField(labels map[string]string) Field {
	return Field{Name: "labels", Pointer: "/labels", Label: v.lang.Text("web_webhook.labels"), Hint: v.lang.Text("web_webhook.labels_hint"), Type: "textarea", Value: linesOf(labels, "="), Mono: true}
}

func (v *visit) sourcesField(sources []string) Field {
	return Field{
		Name: "sources", Pointer: "/subscription/sources", Label: v.lang.Text("web_pipeline.sources"), Hint: v.lang.Text("web_pipeline.sources_hint"), Type: "textarea",
		Value: strings.Join(sources, "\n"),
	}
}

func (v *visit) channelsField(channels []string) Field {
	return Field{
		Name: "channels", Pointer: "/subscription/channels", Label: v.lang.Text("web_history.channels"), Hint: v.lang.Text("web_webhook.channels_hint"), Type: "textarea",
		Value: strings.Join(channels, "\n"),
	}
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

// typedUID and typedLabels read what uidField and labelsField show.
func (v *visit) typedUID() *string {
	uid := strings.TrimSpace(v.form("uid"))
	return &uid
}

func (v *visit) typedLabels(stored map[string]string, wrong *hub.Problems) map[string]string {
	if unixLines(v.form("labels")) == linesOf(stored, "=") {
		return stored // a name that holds = stays what it is
	}
	return v.typedLines("labels", "=", "/labels", wrong)
}

// typedHandling reads handlingFields over what is stored.
func (v *visit) typedHandling(p handling, wrong *hub.Problems) {
	p.Retry.Intervals = []hub.Duration{}
	for i, text := range entries(v.form("retries")) {
		d, err := hub.ParseDuration(text)
		if err != nil {
			wrong.Add(fmt.Sprintf("/retry/intervals/%d", i), "%v", err)
		}
		p.Retry.Intervals = append(p.Retry.Intervals, d)
	}
	if text := strings.TrimSpace(v.form("jitter")); text != percent(p.Retry.Jitter) {
		number := strings.TrimSpace(strings.TrimSuffix(text, "%"))
		share, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", "."), 64)
		if err != nil {
			wrong.Add("/retry/jitter", "%s", v.lang.Text("web_webhook.percent_needed"))
		}
		p.Retry.Jitter = share / 100
	}
	v.typedSuccess(p.Success)
	p.Order.By = v.form("order_by")
	p.Order.Stuck.SetAsideAfter = v.typedNumber("set_aside", "/order/stuck", wrong)
	if p.Order.Stuck.SetAsideAfter < 0 {
		wrong.Add("/order/stuck", "%s", v.lang.Text("web_webhook.whole_number"))
	}
	*p.Limits = v.typedLimits("", wrong)
	*p.DisableAfter = v.typedDuration("disable_after", "/disable_after", wrong)
	*p.Notify = hub.Notify{
		Failing: entries(v.form("notify_failing")), Disabled: entries(v.form("notify_disabled")), Recovered: entries(v.form("notify_recovered")),
		AfterFailures: v.typedNumber("after_failures", "/notify/after_failures", wrong), Language: v.form("notify_language"),
	}
}

// typedSuccess reads successFields over what is stored.
func (v *visit) typedSuccess(s *hub.Success) {
	s.Status, s.Condition = entries(v.form("success")), v.typedRule("success_condition")
	if text := unixLines(v.form("final")); text != finalLines(s.Final) { // else a condition keeps its line breaks
		s.Final = typedFinal(text)
	}
}

func (v *visit) typedLimits(at string, wrong *hub.Problems) (l hub.Limits) {
	if text := strings.TrimSpace(v.form("rate")); text != "" {
		rate, err := hub.ParseRate(text)
		if err != nil {
			wrong.Add(at+"/limits/rate", "%v", err)
		}
		l.Rate = rate
	}
	l.Concurrency = v.typedNumber("concurrency", at+"/limits/concurrency", wrong)
	return l
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
