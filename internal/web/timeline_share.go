package web

import (
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"time"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/store"
)

// shareMadeView is what share_made.html shows, once: the link itself is kept nowhere.
type shareMadeView struct {
	Title, Link, Back string
	Until             time.Time
}

// sharedView is what shared.html shows to whoever has the link.
type sharedView struct {
	Timeline *timelineView
	Until    time.Time
}

// shareDays are how long a link may live.
func shareDays() []string { return []string{"1", "7", "30"} }

// shareTimeline makes a link to one timeline. Its secret has 130 bits; we keep only its digest.
func (v *visit) shareTimeline() error {
	days := v.form("days")
	if !slices.Contains(shareDays(), days) {
		return hub.Errorf(hub.Invalid, "%q is none of 1, 7 and 30 days", days)
	}
	life, err := hub.ParseDuration(days + "d")
	if err != nil {
		return err
	}
	s := store.Share{Tenant: v.tenant(), Value: v.form("value"), By: v.who.Name, CreatedAt: v.moment, ExpiresAt: v.moment.Add(life.D())}
	if s.Value == "" {
		if s.Event, err = hub.ParseID(hub.EventPrefix, v.form("event")); err != nil {
			return err
		}
	}
	events, err := v.sharedEvents(&s)
	if err != nil {
		return err
	}
	if len(events) == 0 {
		return hub.Errorf(hub.NotFound, "no event %q", s.Value)
	}
	token := rand.Text()
	s.Digest = sha256.Sum256([]byte(token))
	err = v.Store.Write(v.ctx(), func(tx *store.Tx) error {
		if err := tx.InsertShare(v.ctx(), s); err != nil {
			return err
		}
		_, err := tx.AddRevision(v.ctx(), store.Revision{
			Tenant: s.Tenant, At: v.moment, Who: v.who.Name, Action: "shared", Kind: "event", Object: events[0].ID.Text(hub.EventPrefix),
		})
		return err
	})
	if err != nil {
		return err
	}
	title := s.Value
	if title == "" {
		title = v.form("event")
	}
	return v.show("share_made", v.lang.Text("web_history.share"), shareMadeView{
		Title: title, Link: v.base() + "/s/" + token, Back: local(v.form("to")), Until: s.ExpiresAt,
	})
}

// base is how the reader reaches the console.
func (v *visit) base() string {
	if v.PublicURL != nil {
		if base := v.PublicURL(""); base != "" {
			return base
		}
	}
	if v.https() {
		return "https://" + v.r.Host
	}
	return "http://" + v.r.Host
}

func (v *visit) sharedEvents(s *store.Share) ([]*hub.Event, error) {
	if s.Value != "" {
		return v.Store.EventsOf(v.ctx(), s.Tenant, s.Value, timelineEvents*2)
	}
	e, err := v.Store.Event(v.ctx(), s.Tenant, s.Event)
	if err != nil {
		return nil, err
	}
	return []*hub.Event{e}, nil
}

// sharedPage shows a timeline to somebody who need not sign in: without evidence and buttons, whoever they are.
func (v *visit) sharedPage() error {
	h := v.w.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	v.who = auth.Principal{}
	s, err := v.Store.Share(v.ctx(), sha256.Sum256([]byte(v.r.PathValue("token"))))
	if hub.CodeOf(err) == hub.NotFound || err == nil && !v.moment.Before(s.ExpiresAt) {
		return v.gone("web_history.share_gone")
	}
	if err != nil {
		return err
	}
	v.who.Tenant = s.Tenant
	events, err := v.sharedEvents(&s)
	if err == nil && len(events) == 0 {
		err = v.gone("web_history.share_gone")
	}
	if err != nil {
		return err
	}
	line, err := v.timeline(s.Value, events, true)
	if err != nil {
		return err
	}
	return v.show("shared", visible(line.Title), sharedView{line, s.ExpiresAt})
}
