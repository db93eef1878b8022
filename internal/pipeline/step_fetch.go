package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
)

// fetch asks an API for the record that a notice is about.
type fetch struct {
	call    *sender.Compiled
	rule    []byte // what else decides whether an answer is taken
	again   *hub.Again
	every   time.Duration
	window  time.Duration
	version string
}

// Defaults and limits of waiting for a record.
const (
	againEvery  = 5 * time.Second
	againFor    = time.Minute
	longestFor  = 7 * 24 * time.Hour
	shortestGap = 100 * time.Millisecond
)

func (c *compiler) fetch(s *hub.Step) action {
	f := &fetch{call: c.caller(s, true), again: s.Again}
	rule := c.pipeline.Success
	if s.Success != nil {
		rule = *s.Success
	}
	text, err := json.Marshal(rule)
	if err != nil {
		c.problems.Add(c.at+"/success", "cannot be read")
	}
	f.rule = text
	a := s.Again
	if a == nil {
		return f
	}
	if len(a.Status) == 0 && a.Version == "" {
		c.problems.Add(c.at+"/again", "is empty: give status, such as 404, or the path of a version")
	}
	for i, status := range a.Status {
		if !isStatus(status) {
			c.problems.Add(fmt.Sprintf("%s/again/status/%d", c.at, i), "%q is not a status: write 404 or 4xx", status)
		}
	}
	hub.CheckText(&c.problems, c.at+"/again/version", a.Version, hub.MaxNameLen)
	f.every, f.window = c.gap("/again/every", a.Every, againEvery), c.span("/again/for", a.For, againFor)
	f.version = strings.Trim(a.Version, "#")
	if prefix := s.As + "."; s.As != "" {
		f.version = strings.TrimPrefix(f.version, prefix)
	}
	return f
}

// gap and span check lengths of time.
func (c *compiler) gap(pointer string, d hub.Duration, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	if d.D() < shortestGap || d.D() > 24*time.Hour {
		c.problems.Add(c.at+pointer, "is %s; from 100ms to 24h are allowed", d)
	}
	return d.D()
}

func (c *compiler) span(pointer string, d hub.Duration, def time.Duration) time.Duration {
	if d == 0 {
		return def
	}
	if d.D() > longestFor {
		c.problems.Add(c.at+pointer, "is %s; at most 7d are allowed", d)
	}
	return d.D()
}

func isStatus(text string) bool {
	if len(text) == 3 && strings.EqualFold(text[1:], "xx") {
		return text[0] >= '1' && text[0] <= '5'
	}
	n, err := strconv.Atoi(text)
	return err == nil && n >= 100 && n <= 599
}

// hasStatus tells whether a list such as ["404", "5xx"] has a status.
func hasStatus(list []string, status int) bool {
	text := strconv.Itoa(status)
	for _, s := range list {
		if s == text || len(s) == 3 && strings.EqualFold(s[1:], "xx") && s[0] == text[0] {
			return true
		}
	}
	return false
}

func (f *fetch) do(ctx context.Context, w *work, s *step) outcome {
	call := w.calling(s, true)
	key, err := w.Sender.Identity(f.call, call)
	if err != nil || w.dry {
		a, whole := w.Sender.Fetch(ctx, f.call, call)
		w.hidden = append(w.hidden, whole.Hidden...)
		w.evidence(a, "")
		return f.take(w, a, &whole)
	}
	key = sha256.Sum256(append(key[:], f.rule...))
	after := w.repeats.latest(w.call.Event)
	n := w.kept.Note
	// What was there before was not it; and a replay, or a repeated notice, asks for what is true now, though its event
	// is an old one.
	if n.Since > 0 || w.replayed() {
		after = w.now()
	}
	fl, own, err := w.shared.get(ctx, key, after, w.now, func(fl *flight, start func()) {
		leave, out, err := w.pass(ctx, s, n)
		if err != nil {
			fl.err = err
			return
		}
		if out.wait > 0 {
			fl.out = out
			return
		}
		defer leave()
		start()
		call.Now = w.now()
		fl.attempt, fl.whole = w.Sender.Fetch(ctx, f.call, call)
		if fl.attempt.Result == hub.Interrupted {
			fl.err = context.Canceled
		}
	})
	if err != nil {
		return failed(broken("", "it was stopped: %v", err))
	}
	if out := fl.out; out.wait > 0 { // every run has its own copy: the flight is shared
		out.note.Since = n.Since
		return out
	}
	a := *fl.attempt // shared with other runs, and only read
	w.hidden = append(w.hidden, fl.whole.Hidden...)
	lead := ""
	if !own {
		lead = "answered by the fetch that began at " + hub.TimeText(fl.began) + " for another event\n"
	}
	w.evidence(&a, lead)
	return f.fresh(w, fl, key, after, f.take(w, &a, &fl.whole))
}

// replayed tells whether the event goes through the pipeline once more.
func (w *work) replayed() bool {
	id, err := hub.ParseDeliveryID(w.call.DeliveryID)
	return err == nil && id.Gen > 0
}

// evidence shows what was sent and what came back.
func (w *work) evidence(a *hub.Attempt, lead string) {
	w.input(lead + sent(&a.Request))
	w.output(answered(&a.Response))
	w.record.Truncated = w.record.Truncated || a.Response.Truncated
}

// take judges an answer.
func (f *fetch) take(w *work, a *hub.Attempt, whole *sender.Whole) outcome {
	if a.Result != hub.Succeeded {
		if f.again != nil && hasStatus(f.again.Status, a.Status) && !w.dry {
			if out, waits := w.poll(f.every, f.window, a.RetryAfter, fmt.Sprintf("it answered %d", a.Status)); waits {
				return out
			}
		}
		return failed(&failure{call: a})
	}
	doc, ok := sender.View(whole.Body)
	if !ok {
		return failed(broken("look at the answer: it may be a page for people, such as a login; check the address and the authentication",
			"it answered %d, but neither with JSON nor with XML", a.Status))
	}
	return outcome{output: doc}
}

// fresh asks once more when the answer shows nothing newer than what the last fetch of an earlier event had shown.
func (f *fetch) fresh(w *work, fl *flight, key [sha256.Size]byte, after time.Time, out outcome) outcome {
	if f.version == "" || out.fail != nil || out.wait > 0 {
		return out
	}
	v, found := out.output.Lookup(f.version)
	if !found || !w.version.stale(key, v.Text(), fl.began, w.call.Event.ReceivedAt) {
		return out
	}
	if again, waits := w.poll(f.every, f.window, 0, "its version is still "+v.Text()); waits {
		return again
	}
	w.version.accept(key, v.Text(), fl.began)
	return out
}

// poll makes a step wait, until its window is over.
func (w *work) poll(every, window, asked time.Duration, why string) (outcome, bool) {
	now, n := w.now(), note{Since: w.kept.Note.Since}
	if n.Since == 0 {
		n.Since = now.UnixMilli()
	}
	end := time.UnixMilli(n.Since).Add(window)
	if !now.Before(end) {
		return outcome{}, false
	}
	wait := max(every, asked)
	if left := end.Sub(now); wait > left {
		wait = max(left, shortestGap)
	}
	return outcome{wait: wait, why: fmt.Sprintf("%s; it is asked again in %s, until %s", why, hub.Duration(wait.Round(time.Millisecond)), hub.TimeText(end)), note: n}, true
}
