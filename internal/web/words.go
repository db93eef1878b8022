package web

import (
	"fmt"
	"strconv"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Badge is a state: a colour, a shape and a word, the word being what counts.
type Badge struct {
	Class string // ok, hold, fail, skip, or "" for what just waits
	Shape string // of the sprite: dot, ok, wait, hold, warn, fail, off, slash
	Word  string
}

// failing tells whether an active target fails often enough to be called so.
func failing(t *hub.Target) bool {
	after := t.Policy().Notify.AfterFailures
	return t.State == hub.Active && t.Health.Failures > 0 && t.Health.Failures >= min(after, hub.BreakerFailures)
}

func (v *visit) targetBadge(t *hub.Target) Badge {
	switch {
	case t.State == hub.Off:
		return Badge{"skip", "off", v.lang.Text("web.state.off")}
	case t.State == hub.Paused:
		return Badge{"hold", "hold", v.lang.Text("web.state.paused")}
	case t.State == hub.Disabled:
		return Badge{"fail", "slash", v.lang.Text("web.state.disabled")}
	case failing(t):
		return Badge{"fail", "warn", v.lang.Text("web.state.failing")}
	}
	return Badge{"ok", "dot", v.lang.Text("web.state.active")}
}

// deliveryBadge is a delivery's state; target is what it is owed to.
func (v *visit) deliveryBadge(d *store.DeliveryRow, target hub.TargetState) Badge {
	switch d.State {
	case hub.Delivered:
		return Badge{"ok", "ok", v.lang.Text("web.state.delivered")}
	case hub.Failed:
		return Badge{"fail", "fail", v.lang.Text("web.state.failed")}
	case hub.Pending:
		if target != hub.Active {
			return Badge{"hold", "hold", v.lang.Text("web.state.held")}
		}
		return Badge{"", "wait", v.lang.Text("web.state.pending")}
	}
	return Badge{"skip", "slash", v.lang.Text("web.state." + string(d.State))}
}

// result is how an attempt ended, in a few words.
func (v *visit) result(r hub.Result, status int) string {
	if status > 0 && (r == hub.Succeeded || r == hub.Refused || r == hub.Redirected) {
		return v.lang.Text("web.result.answered", "status", strconv.Itoa(status))
	}
	return v.lang.Text("web.result." + string(r))
}

// Spark is a day in 24 bars.
type Spark struct {
	Bars  []Bar
	Label string // the same as a sentence
	Empty bool
}

// Bar is a rectangle in a field of 120 by 26; class d is delivered, f failed.
type Bar struct{ Class, X, Y, Height string }

const (
	sparkHours = 24
	sparkFloor = 24.5
	sparkTop   = 1.5
	sparkStep  = 5.0
)

// day counts one target's last 24 hours.
type day struct {
	delivered, failed, retried [sparkHours]int64
}

// hourOf is the place of an hour: the last one is the hour of now.
func hourOf(hour, now time.Time) (int, bool) {
	ago := int(now.Truncate(time.Hour).Sub(hour) / time.Hour)
	return sparkHours - 1 - ago, ago >= 0 && ago < sparkHours
}

// days sorts counts by target.
func days(counts []store.HourCount, now time.Time) map[int64]*day {
	out := map[int64]*day{}
	for _, c := range counts {
		at, ok := hourOf(c.Hour, now)
		if !ok {
			continue
		}
		d := out[c.Target]
		if d == nil {
			d = &day{}
			out[c.Target] = d
		}
		switch c.Outcome {
		case store.TallyDelivered:
			d.delivered[at] += c.N
		case store.TallyFailed:
			d.failed[at] += c.N
		case store.TallyRetried:
			d.retried[at] += c.N
		}
	}
	return out
}

func (d *day) sums() (delivered, failed, retried int64) {
	if d == nil {
		return 0, 0, 0
	}
	for i := range sparkHours {
		delivered, failed, retried = delivered+d.delivered[i], failed+d.failed[i], retried+d.retried[i]
	}
	return delivered, failed, retried
}

func (v *visit) spark(d *day) Spark {
	delivered, failed, retried := d.sums()
	s := Spark{Label: v.lang.Text("web.spark.label",
		"delivered", v.lang.Number(fmt.Sprint(delivered)), "failed", v.lang.Number(fmt.Sprint(failed+retried)))}
	if delivered+failed+retried == 0 {
		s.Empty, s.Label = true, v.lang.Text("web.spark.empty")
		return s
	}
	var most int64
	for i := range sparkHours {
		most = max(most, d.delivered[i]+d.failed[i]+d.retried[i])
	}
	height := func(n int64) float64 {
		if n == 0 {
			return 0
		}
		return max(1.5, float64(n)/float64(most)*(sparkFloor-sparkTop))
	}
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
	for i := range sparkHours {
		x, floor := number(float64(i)*sparkStep), sparkFloor
		for _, part := range []struct {
			class string
			n     int64
		}{{"f", d.failed[i] + d.retried[i]}, {"d", d.delivered[i]}} {
			h := min(height(part.n), floor-0.5)
			if part.n == 0 || h <= 0 {
				continue
			}
			s.Bars = append(s.Bars, Bar{part.class, x, number(floor - h), number(h)})
			floor -= h
		}
	}
	return s
}

// Pager is the way to the other pages of a list.
type Pager struct{ First, Next string } // addresses; "" where there is none

// pager makes the addresses from the cursor that a list gave.
func (v *visit) pager(next string) Pager {
	query := v.r.URL.Query()
	var p Pager
	if query.Get("cursor") != "" {
		query.Del("cursor")
		p.First = address(v.r.URL.Path, query.Encode())
	}
	if next != "" {
		query.Set("cursor", next)
		p.Next = address(v.r.URL.Path, query.Encode())
	}
	return p
}

func address(path, query string) string {
	if query == "" {
		return path
	}
	return path + "?" + query
}
