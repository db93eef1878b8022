package hub

import "time"

// Kind of a target.
type Kind string

// An endpoint is their URL; a pipeline is our steps.
const (
	KindEndpoint Kind = "endpoint"
	KindPipeline Kind = "pipeline"
)

// TargetState is what a target does with what it is owed.
type TargetState string

// Held is not a state of a delivery: it is "owed, and its target is not active".
const (
	Active   TargetState = "active"
	Off      TargetState = "off"      // a person: new events are skipped, what is owed is held
	Paused   TargetState = "paused"   // a person: everything is held
	Disabled TargetState = "disabled" // the hub: held, and probed now and then
)

// Target is what a delivery is owed to.
type Target struct {
	No        int64 // the row's number, used wherever deliveries are stored
	ID        ID
	Tenant    int64
	Kind      Kind
	Name      string
	UID       string
	Endpoint  Endpoint // of kind endpoint
	Pipeline  Pipeline // of kind pipeline
	Version   int64    // counts the changes of the settings; attempts record it
	CreatedAt time.Time
	UpdatedAt time.Time
	Deleted   bool

	State     TargetState
	StateBy   string // who: "Jana", an API key's name, "hacek"
	StateWhy  string
	StateAt   time.Time
	DrainRate Rate  // pace of what was held, after a resume
	DrainMark int64 // the highest sequence number when it was resumed; 0 = nothing to drain
	Health    Health
	Release   Release // of what waits for its next try
}

// Policy is what the engine asks of a target, whatever its kind.
type Policy struct {
	Subscription Subscription
	Retry        Retry
	Order        Order
	Limits       Limits
	DisableAfter Duration
	Notify       Notify
}

// Policy gathers the settings that endpoints and pipelines share.
func (t *Target) Policy() Policy {
	if t.Kind == KindPipeline {
		return t.Pipeline.policy()
	}
	return t.Endpoint.policy()
}

// Settings are the target's own, for sealing and masking.
func (t *Target) Settings() Secretive {
	if t.Kind == KindPipeline {
		return &t.Pipeline
	}
	return &t.Endpoint
}

// Prefix of the target's id.
func (t Target) Prefix() string {
	if t.Kind == KindPipeline {
		return PipelinePrefix
	}
	return EndpointPrefix
}

// Health is what the breaker knows of a target. It is stored with it, so a restart forgets nothing.
type Health struct {
	Failures     int       // attempts that failed in a row, tests not counted
	Hard         int       // of these, transport errors, 5xx and 429 in a row: what opens the breaker
	FailingSince time.Time // zero when the last attempt succeeded
	BackoffUntil time.Time // no attempt but one probe, and that not before
	Probes       int       // probes that failed in this outage; doubles the backoff
	Tripped      bool      // the breaker has opened, and no recovery has brought forward what waits because of it
}

// Numbers of the breaker.
const (
	BreakerFailures = 5
	BreakerFirst    = time.Second
	BreakerLongest  = 5 * time.Minute
	ProbeDisabled   = time.Hour // a disabled target is tried once an hour
)

// Open reports that the whole target backs off and only a probe may go.
func (h Health) Open() bool { return !h.BackoffUntil.IsZero() }

// After is the target's health after one attempt. Only a failed probe makes the backoff longer: attempts that
// were under way when the breaker opened tell nothing new.
func (h Health) After(a *Attempt, probe bool, now time.Time) Health {
	if a.Result == Succeeded {
		return Health{}
	}
	if a.Result.Ours() || a.Result == Waiting {
		return h
	}
	h.Failures++
	if h.FailingSince.IsZero() {
		h.FailingSince = now
	}
	if !a.BlamesTarget() {
		// It answers; it only does not want this one.
		h.Hard, h.Probes, h.BackoffUntil = 0, 0, time.Time{}
		return h
	}
	h.Hard++
	switch {
	case h.Open() && probe:
		h.Probes++
		h.BackoffUntil = now.Add(min(BreakerFirst<<min(h.Probes, 20), BreakerLongest))
	case h.Open():
	case h.Hard >= BreakerFailures:
		h.BackoffUntil, h.Tripped = now.Add(BreakerFirst), true
	}
	// 429 and 503 with a date slow the whole target, not only this delivery.
	if a.RetryAfter > 0 && (a.Status == 429 || a.Status == 503) {
		if until := now.Add(min(a.RetryAfter, LongestWait)); until.After(h.BackoffUntil) {
			h.BackoffUntil = until
		}
	}
	return h
}

// Told tells whether people have heard of the outage that the target is in: that it fails, or that it is disabled. They have
// of one that a resume has left over, too.
func (t *Target) Told() bool {
	h, most := &t.Health, t.Policy().Notify.AfterFailures
	left := !h.FailingSince.IsZero() && !t.Release.ResumedAt.IsZero() && !t.Release.ResumedAt.Before(h.FailingSince)
	return t.State == Disabled || most > 0 && h.Failures >= most || left
}

// Resumed is the health after a person said that the target is mended: it is called as if nothing had been. An outage that
// people have heard of is over when it takes something, not before.
func (t *Target) Resumed() Health {
	if !t.Told() {
		return Health{}
	}
	return Health{FailingSince: t.Health.FailingSince}
}

// ShouldDisable tells whether the target has failed for so long, or said so clearly, that the hub stops calling it. What
// was before a person resumed it does not count.
func (h Health) ShouldDisable(a *Attempt, after time.Duration, resumed, now time.Time) (why string, yes bool) {
	if a.Status == 410 && a.Result == Refused {
		return "the receiver answered 410 Gone", true
	}
	since := h.FailingSince
	if resumed.After(since) {
		since = resumed
	}
	if after > 0 && !h.FailingSince.IsZero() && now.Sub(since) >= after {
		return "no success for " + Duration(after).String(), true
	}
	return "", false
}
