package sender

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// success is the compiled success rule.
type success struct {
	status    statusSet
	condition *expr.Condition
	final     []finalRule
}

// finalRule marks failures that no retry will mend. Of a rule with both, both must hold.
type finalRule struct {
	status    statusSet
	condition *expr.Condition
}

// statusSet has a bit for each status from 100 to 599.
type statusSet struct {
	bits [8]uint64
	any  bool
}

func (s *statusSet) add(status int) {
	s.bits[(status-100)/64] |= 1 << ((status - 100) % 64)
	s.any = true
}

func (s *statusSet) has(status int) bool {
	return status >= 100 && status < 600 && s.bits[(status-100)/64]&(1<<((status-100)%64)) != 0
}

// parseStatus reads "204", "2xx".
func (s *statusSet) parse(text string) bool {
	lower := strings.ToLower(text)
	if len(lower) == 3 && lower[1:] == "xx" && lower[0] >= '1' && lower[0] <= '5' {
		for n := range 100 {
			s.add(int(lower[0]-'0')*100 + n)
		}
		return true
	}
	n, err := strconv.Atoi(text)
	if err != nil || len(text) != 3 || n < 100 || n > 599 {
		return false
	}
	s.add(n)
	return true
}

func (c *compiler) compileSuccess() {
	s := &c.e.Success
	list := s.Status
	if len(list) == 0 {
		list = []string{"2xx"}
	}
	c.success.status = c.statusSet("/success/status", list)
	c.success.condition = c.successCondition("/success/condition", s.Condition)
	for i, f := range s.Final {
		pointer := "/success/final/" + itoa(i)
		if len(f.Status) == 0 && f.Condition == "" {
			c.problems.Add(pointer, "is empty: give a status or a condition")
			continue
		}
		c.success.final = append(c.success.final, finalRule{
			status:    c.statusSet(pointer+"/status", f.Status),
			condition: c.successCondition(pointer+"/condition", f.Condition),
		})
	}
}

func (c *compiler) statusSet(pointer string, list []string) (s statusSet) {
	for i, text := range list {
		if !s.parse(text) {
			c.problems.Add(pointer+"/"+itoa(i), "%q is not a status: write 200 or 2xx", text)
		}
	}
	return s
}

func (c *compiler) successCondition(pointer, text string) *expr.Condition {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	condition, err := expr.ParseCondition(text)
	if err != nil {
		c.templateProblem(pointer, err)
		return nil
	}
	return condition
}

// judge turns an answer into a result.
func (c *Compiled) judge(answer *hub.Answer, now time.Time, a *hub.Attempt) {
	a.Status = answer.Status
	var scope *expr.Scope
	holds := func(condition *expr.Condition) (bool, error) {
		if scope == nil {
			scope = answerScope(answer)
		}
		return condition.Match(scope)
	}
	switch {
	case answer.Status >= 300 && answer.Status < 400 && !c.success.status.has(answer.Status):
		a.Result = hub.Redirected
		a.Error = "answered " + statusLine(answer.Status)
		a.Hint = "redirects are not followed, because they could lead anywhere"
		if to := answer.Headers.Get("Location"); to != "" {
			a.Error += ", a redirect to " + visible(hub.Shorten(to, 500))
			a.Hint += "; if the new address is right, write it into the endpoint"
		}
	case !c.success.status.has(answer.Status):
		a.Result = hub.Refused
		a.Error = "answered " + statusLine(answer.Status)
		a.Hint = statusHint(answer.Status)
	case c.success.condition != nil:
		ok, err := holds(c.success.condition)
		switch {
		case err != nil:
			a.Result = hub.Refused
			a.Error = "answered " + statusLine(answer.Status) + ", but the success condition could not be judged: " + err.Error()
			a.Hint = "the answer is not what the condition expects; look at the answer, then at the condition"
			if answer.Truncated {
				a.Hint = "of a long answer only the first 64 KiB are kept, and a part is no JSON or XML"
			}
		case !ok:
			a.Result = hub.Refused
			a.Error = "answered " + statusLine(answer.Status) + ", but the success condition says no"
			if why := c.success.condition.Explain(scope); why != "" {
				a.Error = "answered " + statusLine(answer.Status) + ", but the success condition says no: " + why
			}
		default:
			a.Result = hub.Succeeded
		}
	default:
		a.Result = hub.Succeeded
	}
	if a.Result == hub.Succeeded {
		return
	}
	a.RetryAfter = retryAfter(answer.Headers.Get("Retry-After"), now)
	for _, f := range c.success.final {
		if f.status.any && !f.status.has(answer.Status) {
			continue
		}
		if f.condition != nil {
			if ok, err := holds(f.condition); err != nil || !ok {
				continue
			}
		}
		a.Final = true
		return
	}
}

// answerScope shows an answer to conditions as `response`.
func answerScope(answer *hub.Answer) *expr.Scope {
	s := expr.NewScope()
	s.SetNumber("response", "status", int64(answer.Status))
	headers := make(map[string]string, len(answer.Headers))
	for name, values := range answer.Headers {
		headers[strings.ToLower(name)] = strings.ToValidUTF8(strings.Join(values, ", "), "\uFFFD")
	}
	if raw, err := json.Marshal(headers); err == nil {
		if doc, err := expr.ParseDoc(raw); err == nil {
			s.SetField("response", "headers", doc)
		}
	}
	s.SetText("response", "body", strings.ToValidUTF8(string(answer.Body), "\uFFFD"))
	if answer.Truncated {
		return s // half a document is none
	}
	if doc, err := expr.ParseDoc(answer.Body); err == nil {
		s.SetField("response", "json", doc)
	} else if view, err := xmlView(answer.Body); err == nil {
		if doc, err := expr.ParseDoc(view); err == nil {
			s.SetField("response", "xml", doc)
		}
	}
	return s
}

// retryAfter reads seconds or a date. What cannot be read asks for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(hub.LongestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), hub.LongestWait)
	}
	return 0
}

func statusLine(status int) string {
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}

func statusHint(status int) string {
	switch {
	case status == 400 || status == 422:
		return "the receiver does not understand the content; its answer often says what is missing"
	case status == 401:
		return "the receiver does not accept the credentials: check the authentication of the endpoint"
	case status == 403:
		return "the receiver knows the caller and forbids the call: ask its operator for the right"
	case status == 404:
		return "there is nothing at this address: check the path of the URL"
	case status == 405:
		return "the receiver does not take this method at this address: check method and path"
	case status == 410:
		return "the receiver says that this address is gone for good"
	case status == 413:
		return "the content is too large for the receiver: choose fewer fields"
	case status == 415:
		return "the receiver does not take this content type"
	case status == 429:
		return "the receiver asks for fewer calls: set a rate in the endpoint's limits"
	case status >= 500:
		return "the fault is the receiver's; the hub tries again as its retry plan says"
	}
	return ""
}
