package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

func (s *story) pipeline(change func(*hub.Pipeline)) hub.Target {
	s.t.Helper()
	p := hub.DefaultPipeline()
	p.Name = "steps"
	p.Retry.Jitter = 0
	change(&p)
	t, err := s.settings.CreatePipeline(context.Background(), tenant, p, settings.By{Name: "Jana"})
	if err != nil {
		s.t.Fatalf("create pipeline: %v", err)
	}
	return t
}

func ask(url string) *hub.Request {
	r := hub.DefaultEndpoint().Request
	r.URL = url
	return &r
}

// The second step fails twice; each retry begins there, also after a restart, and the first step's call is made once.
func TestM7_AFailedStepIsRetriedFromThere(t *testing.T) {
	eachStore(t, func(s *story) {
		first, second := s.receiver(200), s.receiver(500, 500, 200)
		s.pipeline(func(p *hub.Pipeline) {
			p.Steps = []hub.Step{
				{Type: hub.StepRequest, Request: ask(first.URL)},
				{Type: hub.StepRequest, Request: ask(second.URL)},
			}
			p.Retry.Intervals = []hub.Duration{hub.Duration(time.Minute), hub.Duration(time.Minute)}
		})
		event := s.publish("order.created", "1", n(1))
		s.wantResults(hub.Refused)
		s.restart()
		s.clock.Advance(2 * time.Minute)
		s.wantResults(hub.Refused)
		s.clock.Advance(2 * time.Minute)
		o := s.wait()
		if o.Attempt.Result != hub.Succeeded || o.Next.State != hub.Delivered || o.Next.Tries != 3 {
			t.Fatalf("third try: %+v, then %+v", o.Attempt.Result, o.Next)
		}
		if a, b := len(first.calls()), len(second.calls()); a != 1 || b != 3 {
			t.Errorf("the first step was called %d times, the second %d times; want 1 and 3", a, b)
		}
		steps := o.Attempt.Steps
		if len(steps) != 2 || steps[0].Result != hub.StepKept || steps[1].Result != hub.StepDone {
			t.Errorf("evidence: %+v", steps)
		}
		rows, err := s.store.DeliveriesOf(context.Background(), tenant, event)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d deliveries, %v", len(rows), err)
		}
		if left, err := s.store.Progress(context.Background(), rows[0].Delivery); err != nil || left != nil {
			t.Errorf("progress is left behind: %q, %v", left, err)
		}
	})
}

// A wait holds its key and nothing else, and survives a restart.
func TestM7_AWaitIsNoFailure(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(200)
		target := s.pipeline(func(p *hub.Pipeline) {
			p.Steps = []hub.Step{{Type: hub.StepWait, For: hub.Duration(30 * time.Second)}, {Type: hub.StepRequest, Request: ask(r.URL)}}
		})
		s.publish("order.created", "1", n(1))
		if o := s.wait(); o.Attempt.Result != hub.Waiting || o.Next.State != hub.Pending || !o.Next.DueAt.Equal(s.clock.Now().Add(30*time.Second)) {
			t.Fatalf("%s, then %+v", o.Attempt.Result, o.Next)
		}
		s.restart()
		s.quiet()
		s.clock.Advance(31 * time.Second)
		s.wantResults(hub.Succeeded)
		got, err := s.store.Target(context.Background(), tenant, target.ID)
		if err != nil || got.Health.Failures != 0 {
			t.Errorf("%d failures counted, %v", got.Health.Failures, err)
		}
	})
}

// One notice when an outage begins, however long it lasts and whatever restarts, and one when it is over.
func TestO5_OneNoticeAnOutage(t *testing.T) {
	waits := hub.Retry{Intervals: slices.Repeat([]hub.Duration{hub.Duration(time.Second)}, 5)}
	for kind, create := range map[string]func(s *story, url string) hub.Target{
		"endpoint": func(s *story, url string) hub.Target {
			return s.endpoint(url, func(e *hub.Endpoint) { e.Notify.AfterFailures, e.Retry = 2, waits })
		},
		"pipeline": func(s *story, url string) hub.Target {
			return s.pipeline(func(p *hub.Pipeline) {
				p.Steps = []hub.Step{{Type: hub.StepRequest, Request: ask(url)}}
				p.Notify.AfterFailures, p.Retry = 2, waits
			})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			eachStore(t, func(s *story) {
				r := s.receiver(500)
				create(s, r.URL)
				s.publish("order.created", "1", n(1))
				s.wantResults(hub.Refused)
				s.noNotice()
				s.clock.Advance(2 * time.Second)
				s.wantResults(hub.Refused)
				begun := s.wantNotice(hub.NoticeFailing)
				if begun.Failures != 2 || !strings.Contains(begun.Cause, "500") || begun.Type() != "hacek."+kind+".failing" {
					s.t.Errorf("notice: %+v", begun)
				}
				s.clock.Advance(2 * time.Second)
				s.wantResults(hub.Refused)
				s.noNotice()
				s.restart()
				s.clock.Advance(2 * time.Second)
				s.wantResults(hub.Refused)
				if again := s.wantNotice(hub.NoticeFailing); again.ID() != begun.ID() {
					s.t.Errorf("after a restart the notice has another id, %q instead of %q, so it would be mailed twice", again.ID(), begun.ID())
				}
				r.answer(200)
				s.clock.Advance(time.Minute)
				s.wantResults(hub.Succeeded)
				if over := s.wantNotice(hub.NoticeRecovered); !over.Since.Equal(begun.Since) || over.Type() != "hacek."+kind+".recovered" {
					s.t.Errorf("recovered: %s from the outage of %s, want %s", over.Type(), over.Since, begun.Since)
				}
			})
		})
	}
}

// A person who resumes a target says that it is mended, but the outage ends when it takes something: no second notice of
// its beginning, and one of its end.
func TestO5_AResumeDoesNotEndTheOutage(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		target := s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.Notify.AfterFailures = 2
			e.Retry.Intervals = []hub.Duration{hub.Duration(time.Hour), hub.Duration(time.Hour), hub.Duration(time.Hour), hub.Duration(time.Hour)}
		})
		s.publish("order.created", "1", n(1))
		s.wantResults(hub.Refused)
		s.clock.Advance(61 * time.Minute)
		s.wantResults(hub.Refused)
		begun := s.wantNotice(hub.NoticeFailing)
		s.resume(target, hub.Rate{}) // too early
		s.wantResults(hub.Refused)
		s.noNotice()
		r.answer(200)
		s.resume(target, hub.Rate{})
		s.wantResults(hub.Succeeded)
		if over := s.wantNotice(hub.NoticeRecovered); !over.Since.Equal(begun.Since) {
			t.Errorf("recovered from the outage of %s, want %s", over.Since, begun.Since)
		}
	})
}

// That the hub no longer calls a target is told, and again when a person resumed it too early; only its first success ends
// the outage, and that is told too.
func TestO5_DisabledIsToldAndSoIsItsEnd(t *testing.T) {
	waits := hub.Retry{Intervals: slices.Repeat([]hub.Duration{hub.Duration(61 * time.Minute)}, 6)}
	for kind, create := range map[string]func(s *story, url string) hub.Target{
		"endpoint": func(s *story, url string) hub.Target {
			return s.endpoint(url, func(e *hub.Endpoint) {
				e.Notify.AfterFailures, e.DisableAfter, e.Retry = 100, hub.Duration(time.Hour), waits
			})
		},
		"pipeline": func(s *story, url string) hub.Target {
			return s.pipeline(func(p *hub.Pipeline) {
				p.Steps = []hub.Step{{Type: hub.StepRequest, Request: ask(url)}}
				p.Notify.AfterFailures, p.DisableAfter, p.Retry = 100, hub.Duration(time.Hour), waits
			})
		},
	} {
		t.Run(kind, func(t *testing.T) {
			eachStore(t, func(s *story) {
				r := s.receiver(500)
				target := create(s, r.URL)
				s.publish("order.created", "1", n(1))
				s.wait()
				s.clock.Advance(61 * time.Minute)
				s.wait()
				off := s.wantNotice(hub.NoticeDisabled)
				if off.Type() != "hacek."+kind+".disabled" || off.Cause != "no success for 1h" {
					s.t.Errorf("notice: %s %q", off.Type(), off.Cause)
				}
				s.waitState(target, hub.Disabled)
				s.resume(target, hub.Rate{})
				s.wait()
				s.noNotice() // it has its hour again
				s.clock.Advance(61 * time.Minute)
				s.wait()
				if again := s.wantNotice(hub.NoticeDisabled); again.ID() == off.ID() || !again.Since.Equal(off.Since) {
					s.t.Errorf("disabled again: notice %q since %s, the first was %q since %s", again.ID(), again.Since, off.ID(), off.Since)
				}
				s.waitState(target, hub.Disabled)
				r.answer(200)
				s.resume(target, hub.Rate{})
				s.wantResults(hub.Succeeded)
				if over := s.wantNotice(hub.NoticeRecovered); over.Type() != "hacek."+kind+".recovered" || !over.Since.Equal(off.Since) {
					s.t.Errorf("notice: %s since %s", over.Type(), over.Since)
				}
				s.publish("order.created", "2", n(2))
				s.wantResults(hub.Succeeded)
				s.noNotice()
			})
		})
	}
}

// After a 410 only a person brings an endpoint back, and its end is told although it failed once only.
func TestO5_TheEndAfterGoneIsTold(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(410)
		target := s.endpoint(r.URL)
		s.publish("order.created", "1", n(1))
		s.wait()
		if off := s.wantNotice(hub.NoticeDisabled); !strings.Contains(off.Cause, "410") {
			t.Errorf("notice: %+v", off)
		}
		s.waitState(target, hub.Disabled)
		r.answer(200)
		s.resume(target, hub.Rate{})
		s.publish("order.created", "2", n(2))
		s.wantResults(hub.Succeeded)
		s.wantNotice(hub.NoticeRecovered)
	})
}

// What becomes of a notice itself is never a reason for one.
func TestRule19_NoNoticeAboutANotice(t *testing.T) {
	eachStore(t, func(s *story) {
		r := s.receiver(500)
		s.endpoint(r.URL, func(e *hub.Endpoint) {
			e.Subscription.EventTypes = []string{"hacek.*"}
			e.Notify.AfterFailures = 1
			e.Retry.Intervals = []hub.Duration{}
		})
		s.publishOwn("hacek.endpoint.failing", n(1))
		s.wantResults(hub.Refused)
		s.noNotice()
	})
}
