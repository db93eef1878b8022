package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// quarantineView is what quarantine.html shows: the requests of all sources whose sender is not proven.
type quarantineView struct {
	Sources []quarantineSource
}

type quarantineSource struct {
	Name, Path string
	Lines      []requestLine
	More       bool
}

// shownHeld is how many requests of one source the overview shows.
const shownHeld = 5

func (v *visit) quarantinePage() error {
	var page quarantineView
	sources, _, err := v.Settings.Sources(v.ctx(), v.tenant(), store.Page{Limit: shownTargets})
	if err != nil {
		return err
	}
	for i := range sources {
		s := &sources[i]
		list, next, err := v.Store.Requests(v.ctx(), store.RequestFilter{Tenant: s.Tenant, Source: s.No, Outcomes: []string{hub.RequestQuarantined}}, store.Page{Limit: shownHeld})
		if err != nil {
			return fmt.Errorf("quarantine of %s: %w", s.Name, err)
		}
		if len(list) > 0 {
			page.Sources = append(page.Sources, quarantineSource{s.Name, sourcePath(s), v.requestLines(s, list), next != ""})
		}
	}
	return v.show("quarantine", v.lang.Text("web_request.quarantine"), page)
}

func (v *visit) releaseForm(action string, refusal error) *Form {
	return v.newForm(action, refusal, Field{
		Name: "reason", Pointer: "/reason", Label: v.lang.Text("web.column.reason"), Hint: v.lang.Text("web_request.release_hint"),
	})
}

// releaseReason wants to know why somebody believes a request that nobody could verify (rule 13).
func (v *visit) releaseReason() (string, error) {
	reason := v.form("reason")
	var p hub.Problems
	hub.CheckText(&p, "/reason", reason, hub.MaxDescriptionLen)
	if strings.TrimSpace(reason) == "" {
		p.Add("/reason", "%s", v.lang.Text("web_request.release_missing"))
	}
	if v.Release == nil && len(p) == 0 {
		return "", hub.Errorf(hub.Unavailable, "%s", v.lang.Text("web_source.no_receiver"))
	}
	return reason, p.Err()
}

// releaseRequest lets one request out of quarantine.
func (v *visit) releaseRequest() error {
	s, r, err := v.theRequest()
	if err != nil {
		return err
	}
	reason, err := v.releaseReason()
	if err == nil {
		err = v.release(&s, &r, reason)
	}
	if err != nil {
		page, broken := v.request(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "request", v.lang.Text("web_request.one"), page)
	}
	return v.goTo(requestPath(&s, r.ID), "web_request.released")
}

// releaseRequests lets several out with one reason, and tells how many.
func (v *visit) releaseRequests() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	reason, err := v.releaseReason()
	chosen := v.r.PostForm["request"]
	if err == nil && len(chosen) == 0 {
		err = hub.Errorf(hub.Invalid, "%s", v.lang.Text("web_request.none_chosen"))
	}
	done := 0
	for _, text := range chosen {
		if err != nil {
			break
		}
		var r hub.InRequest
		if r, err = v.requestOf(&s, text); err == nil {
			err = v.release(&s, &r, reason)
		}
		if err == nil {
			done++
		}
	}
	if err != nil {
		page, broken := v.requests(err)
		if broken != nil {
			return broken
		}
		return v.refuse(err, "requests", v.lang.Text("web_request.title"), page)
	}
	return v.goTo(sourcePath(&s)+"/requests?outcome="+hub.RequestQuarantined, "web_request.released_many", "count", fmt.Sprint(done))
}

func (v *visit) release(s *settings.Source, r *hub.InRequest, reason string) error {
	ids, err := v.Release(v.ctx(), v.tenant(), s.ID, r.ID, reason, v.who.Name)
	if err != nil {
		return err
	}
	events := []string{}
	for _, id := range ids {
		events = append(events, id.Text(hub.EventPrefix))
	}
	after, err := json.Marshal(struct {
		Source string   `json:"source"`
		Reason string   `json:"reason"`
		Events []string `json:"events"`
	}{s.ID.Text(hub.SourcePrefix), reason, events})
	if err != nil {
		return err
	}
	// The release stands, so it is noted even when the browser has gone.
	ctx := context.WithoutCancel(v.ctx())
	err = v.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.AddRevision(ctx, store.Revision{
			Tenant: v.tenant(), At: v.moment, Who: v.who.Name, Action: "released", Kind: "request", Object: r.ID.Text(hub.RequestPrefix), After: after,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("note who released %s: %w", r.ID.Text(hub.RequestPrefix), err)
	}
	return nil
}
