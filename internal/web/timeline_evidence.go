package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hacek/internal/hub"
)

// Evidence is what stands behind a moment: facts, texts that went or came, and where the time went.
type Evidence struct {
	Summary string // the words one opens it by
	Facts   []setting
	Parts   []Part
	Water   *Water
	Steps   []Evidence // of a pipeline
	Badge   *Badge
}

// Part is one text of the evidence: a request, an answer, data.
type Part struct {
	Title       string
	Method, URL string
	Lines       string // header lines
	Body        Cut
	Truncated   bool
}

// Water is where the time of a call went, as bars in a field of 200 by 14.
type Water struct {
	Label string
	Bars  []WaterBar
	Names []setting // phase and its length
}

// WaterBar is one phase.
type WaterBar struct{ Class, X, Width string }

// evidence shows one attempt.
func (v *visit) evidence(a *hub.Attempt, steps []hub.StepRecord) *Evidence {
	e := &Evidence{Summary: v.lang.Text("web_history.evidence"), Water: v.water(a.Timing)}
	fact := func(key, value string) {
		if value != "" {
			e.Facts = append(e.Facts, setting{v.lang.Text(key), visible(value)})
		}
	}
	fact("web_history.peer_address", a.Peer.Address)
	if a.Peer.TLSVersion != "" {
		fact("web_history.peer_tls", a.Peer.TLSVersion)
		fact("web_history.peer_issuer", a.Peer.Issuer)
		if !a.Peer.Expires.IsZero() {
			fact("web_history.peer_expires", v.lang.Moment(a.Peer.Expires, v.zone))
		}
	}
	if a.SettingsVersion > 0 {
		fact("web_history.settings_version", strconv.FormatInt(a.SettingsVersion, 10))
	}
	if r := &a.Request; r.URL != "" {
		var lines strings.Builder
		for _, h := range r.Headers {
			fmt.Fprintf(&lines, "%s: %s\n", h.Name, h.Value)
		}
		e.Parts = append(e.Parts, Part{Title: v.lang.Text("web_history.request"), Method: r.Method, URL: visible(r.URL), Lines: visible(lines.String()), Body: code(bodyText(r.Body))})
	}
	if status := max(a.Response.Status, a.Status); status != 0 {
		e.Parts = append(e.Parts, Part{
			Title: v.lang.Text("web_history.answer", "status", strconv.Itoa(status)), Lines: visible(headerLines(a.Response.Headers)),
			Body: code(bodyText(a.Response.Body)), Truncated: a.Response.Truncated,
		})
	}
	for i := range steps {
		s := v.stepEvidence(&steps[i])
		s.Summary = strings.TrimSpace(v.lang.Text("web_history.step."+steps[i].Type) + " " + visible(steps[i].Name))
		s.Badge = v.stepBadge(&steps[i])
		e.Steps = append(e.Steps, *s)
	}
	return e
}

func (v *visit) stepBadge(s *hub.StepRecord) *Badge {
	word := v.lang.Text("web_history.step_state." + s.Result)
	switch s.Result {
	case hub.StepDone:
		return &Badge{"ok", "ok", word}
	case hub.StepBroken:
		return &Badge{"fail", "fail", word}
	case hub.StepWaiting:
		return &Badge{"", "wait", word}
	}
	return &Badge{"skip", "skip", word}
}

func (v *visit) stepEvidence(s *hub.StepRecord) *Evidence {
	e := &Evidence{Summary: v.lang.Text("web_history.step_evidence")}
	if s.Took > 0 {
		e.Facts = append(e.Facts, setting{v.lang.Text("web.column.took"), v.lang.Duration(max(s.Took.D(), time.Millisecond))})
	}
	if s.Error != "" {
		e.Facts = append(e.Facts, setting{v.lang.Text("web.column.reason"), v.said(s.Error)})
	}
	if s.Hint != "" {
		e.Facts = append(e.Facts, setting{v.lang.Text("web_history.hint"), v.said(s.Hint)})
	}
	for _, part := range []struct{ key, text string }{{"web_history.step_input", s.Input}, {"web_history.step_output", s.Output}} {
		if part.text != "" {
			e.Parts = append(e.Parts, Part{Title: v.lang.Text(part.key), Body: code(part.text), Truncated: s.Truncated})
		}
	}
	return e
}

func headerLines(headers map[string][]string) string {
	names := make([]string, 0, len(headers))
	for name := range headers {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		for _, value := range headers[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	return b.String()
}

// bodyText is a body as people can look at it; bytes that are no text are only counted.
func bodyText(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return fmt.Sprintf("%q…", raw[:min(len(raw), 512)])
}

// code is a text for reading: JSON is laid out, its numbers and texts stay as they came.
func code(text string) Cut {
	const most = 256 << 10 // larger documents are shown as they came
	var out bytes.Buffer
	if trimmed := strings.TrimSpace(text); len(trimmed) > 1 && len(trimmed) <= most && (trimmed[0] == '{' || trimmed[0] == '[') && json.Indent(&out, []byte(trimmed), "", "  ") == nil {
		text = out.String()
	}
	return cut(text)
}

const waterWidth = 200.0

// water draws the phases of a call one behind the other; nil when nothing was measured.
func (v *visit) water(t hub.Timing) *Water {
	total := max(t.Total, t.DNS+t.Connect+t.TLS+t.FirstByte)
	if total <= 0 {
		return nil
	}
	w := &Water{}
	x, spent := 0.0, time.Duration(0)
	var said []string
	for _, phase := range []struct {
		class, key string
		length     time.Duration
	}{
		{"w1", "web_history.water_dns", t.DNS}, {"w2", "web_history.water_connect", t.Connect}, {"w3", "web_history.water_tls", t.TLS},
		{"w4", "web_history.water_wait", t.FirstByte},
		{"w2", "web_history.water_read", total - t.DNS - t.Connect - t.TLS - t.FirstByte},
	} {
		if phase.length <= 0 {
			continue
		}
		spent += phase.length
		end := float64(spent) / float64(total) * waterWidth
		w.Bars = append(w.Bars, WaterBar{phase.class, decimal(x), decimal(max(end-x, 0.5))})
		x = end
		length := v.lang.Duration(max(phase.length.Round(time.Millisecond), time.Millisecond))
		name := v.lang.Text(phase.key)
		w.Names = append(w.Names, setting{name, length})
		said = append(said, name+" "+length)
	}
	w.Label = strings.Join(said, ", ")
	return w
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
