package locale

import (
	"strings"
	"time"
	"unicode"
)

// Notice is what the hub has to tell a person about an endpoint or a pipeline.
type Notice struct {
	Kind     string // endpoint, pipeline
	What     string // failing, disabled, recovered
	Name     string // as people named it
	State    string // active, off, paused, disabled
	Failures int    // attempts that failed in a row; zero is not mentioned
	Since    time.Time
	At       time.Time      // of recovery: with Since it gives the length of the outage; zero leaves that out
	Zone     *time.Location // for Since; nil means UTC
	Why      string         // the newest cause as the program said it, in English; may be empty
	Hint     string         // what to do about it, likewise
	Waiting  int            // deliveries that are owed
	Address  string         // the target's page; may be empty
}

// noticeKeys are the messages that one kind of notice is made of.
type noticeKeys struct{ subject, happened, kept, next, stop string }

var notices = map[string]noticeKeys{
	"endpoint failing": {"notice.endpoint.failing.subject", "notice.endpoint.failing.happened",
		"notice.endpoint.failing.kept", "notice.failing.next", "notice.endpoint.stop"},
	"endpoint disabled": {"notice.endpoint.disabled.subject", "notice.endpoint.disabled.happened",
		"notice.endpoint.disabled.kept", "notice.disabled.next", "notice.endpoint.stop"},
	"endpoint recovered": {"notice.endpoint.recovered.subject", "notice.endpoint.recovered.happened",
		"notice.endpoint.recovered.kept", "notice.recovered.next", "notice.endpoint.stop"},
	"pipeline failing": {"notice.pipeline.failing.subject", "notice.pipeline.failing.happened",
		"notice.pipeline.failing.kept", "notice.failing.next", "notice.pipeline.stop"},
	"pipeline disabled": {"notice.pipeline.disabled.subject", "notice.pipeline.disabled.happened",
		"notice.pipeline.disabled.kept", "notice.disabled.next", "notice.pipeline.stop"},
	"pipeline recovered": {"notice.pipeline.recovered.subject", "notice.pipeline.recovered.happened",
		"notice.pipeline.recovered.kept", "notice.recovered.next", "notice.pipeline.stop"},
}

// Notice words a notice as a mail in plain text: what happened and since when, the cause, what is kept and what to do
// next, how to get no more of them. No value breaks a line; the subject is one line.
// A kind that is not known says only which it is, about whom, and why.
func (l Language) Notice(n Notice) (subject, body string) {
	name, why, hint := oneLine(n.Name), l.Sentence(oneLine(n.Why)), l.Sentence(oneLine(n.Hint))
	keys, known := notices[n.Kind+" "+n.What]
	if !known {
		return oneLine("hacek." + n.Kind + "." + n.What + ": " + name), why + "\n"
	}
	values := map[string]any{"name": name, "date": l.Date(n.Since, n.Zone), "time": l.Clock(n.Since, n.Zone),
		"zone": zoneName(n.Since, n.Zone)}

	happened := l.Text(keys.happened, values)
	switch {
	case n.What == "recovered" && n.At.After(n.Since):
		happened += " " + l.Text("notice.lasted", "duration", n.At.Sub(n.Since))
	case n.What != "recovered" && n.Failures > 0:
		happened += " " + l.Text("notice.failures", "count", n.Failures)
	}
	var cause []string
	if why != "" {
		cause = append(cause, l.Text("notice.error", "why", why))
	}
	if hint != "" {
		cause = append(cause, l.Text("notice.hint", "hint", hint))
	}
	kept := []string{l.Text(keys.kept, "count", n.Waiting)}
	if next := n.next(keys); next != "" {
		kept = append(kept, l.Text(next))
	}
	if n.Address != "" {
		kept = append(kept, l.Text("notice.address", "address", oneLine(n.Address)))
	}
	paragraphs := []string{happened}
	if cause != nil {
		paragraphs = append(paragraphs, strings.Join(cause, "\n"))
	}
	paragraphs = append(paragraphs, strings.Join(kept, "\n"), l.Text(keys.stop, values))
	return l.Text(keys.subject, values), strings.Join(paragraphs, "\n\n") + "\n"
}

// next is the key of what comes next; a person's switch outweighs what the hub would do by itself.
func (n Notice) next(keys noticeKeys) string {
	switch {
	case n.State == "paused":
		return "notice.paused"
	case n.State == "off":
		return "notice.off"
	case n.What == "recovered" && n.Waiting == 0:
		return "" // said already
	}
	return keys.next
}

// oneLine has a space for every run of characters that break a line, turn its direction or are seen by nobody.
func oneLine(text string) string {
	breaks := func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Cf)
	}
	return strings.TrimSpace(strings.Join(strings.FieldsFunc(text, breaks), " "))
}
