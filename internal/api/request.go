package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// inRequestView is one request to /in with what became of it.
type inRequestView struct {
	ID       string   `json:"id"`
	At       string   `json:"at"`
	Outcome  string   `json:"outcome"`
	Reason   string   `json:"reason"`
	Status   int      `json:"status"`
	Verified bool     `json:"verified"`
	Method   string   `json:"method"`
	Query    string   `json:"query"`
	Peer     string   `json:"peer"`
	Size     int      `json:"size"`
	Events   []string `json:"events"`
}

type wholeRequestView struct {
	inRequestView
	Headers map[string][]string `json:"headers"`
	shownBody
}

func viewInRequest(s settings.Source, r hub.InRequest) inRequestView {
	return inRequestView{
		ID: r.ID.Text(hub.RequestPrefix), At: hub.TimeText(r.At), Outcome: r.Outcome, Reason: string(veil(s, []byte(r.Reason))), Status: r.Status,
		Verified: r.Verified, Method: r.Method, Query: string(veil(s, []byte(r.Query))), Peer: r.Peer, Size: r.Size, Events: eventTexts(r.Events),
	}
}

func viewWholeRequest(s settings.Source, r hub.InRequest) wholeRequestView {
	v := wholeRequestView{inRequestView: viewInRequest(s, r), Headers: map[string][]string{}, shownBody: showBody(veil(s, r.Body))}
	for _, h := range r.Headers {
		v.Headers[h.Name] = append(v.Headers[h.Name], string(veil(s, []byte(h.Value))))
	}
	return v
}

func eventTexts(ids []hub.ID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.Text(hub.EventPrefix)
	}
	return texts
}

// veil puts *** where a request carries one of the source's secrets along, as some providers do instead of signing.
func veil(s settings.Source, text []byte) []byte {
	for _, secret := range s.Verify.Secrets {
		if value := secret.Reveal(); len(value) >= shortestVeiled {
			text = bytes.ReplaceAll(text, []byte(value), []byte(hub.Masked))
		}
	}
	return text
}

// shortestVeiled spares texts a secret of a few letters that would be found in every word.
const shortestVeiled = 4

func (a *API) listRequests(c *call) (answer, error) {
	q := c.params()
	filter := store.RequestFilter{Outcomes: q.list("outcome"), Since: q.time("since"), Until: q.time("until")}
	page := q.page()
	for _, outcome := range filter.Outcomes {
		if !slices.Contains(outcomes, outcome) {
			q.wrong.Add("", "outcome: %q is none of %s", hub.Shorten(outcome, 60), strings.Join(outcomes, ", "))
		}
	}
	if err := q.err(); err != nil {
		return answer{}, err
	}
	s, err := a.source(c)
	if err != nil {
		return answer{}, err
	}
	filter.Tenant, filter.Source = s.Tenant, s.No
	rows, next, err := a.Store.Requests(c.r.Context(), filter, page)
	if err != nil {
		return answer{}, err
	}
	views := make([]inRequestView, len(rows))
	for i, r := range rows {
		views[i] = viewInRequest(s, r)
	}
	return pageOf(views, next), nil
}

var outcomes = []string{
	hub.RequestAccepted, hub.RequestDuplicate, hub.RequestIgnored, hub.RequestHandshake, hub.RequestQuarantined, hub.RequestReleased,
}

// request is the one that the path names, with its source.
func (a *API) request(c *call) (settings.Source, hub.InRequest, error) {
	s, err := a.source(c)
	if err != nil {
		return s, hub.InRequest{}, err
	}
	id, err := hub.ParseID(hub.RequestPrefix, c.r.PathValue("request"))
	if err != nil {
		return s, hub.InRequest{}, err
	}
	r, err := a.Store.InRequest(c.r.Context(), s.Tenant, s.No, id)
	return s, r, err
}

func (a *API) getRequest(c *call) (answer, error) {
	s, r, err := a.request(c)
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewWholeRequest(s, r)}, nil
}

func (a *API) releaseRequest(c *call) (answer, error) {
	if a.Release == nil {
		return answer{}, unavailable("release")
	}
	var in struct {
		Reason string `json:"reason"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	var p hub.Problems
	hub.CheckText(&p, "/reason", in.Reason, hub.MaxDescriptionLen)
	if strings.TrimSpace(in.Reason) == "" {
		p.Add("/reason", "is empty; the audit shows why somebody believed an unverified request")
	}
	if err := p.Err(); err != nil {
		return answer{}, err
	}
	s, r, err := a.request(c)
	if err != nil {
		return answer{}, err
	}
	if r.Outcome != hub.RequestQuarantined {
		return answer{}, hub.Errorf(hub.Conflict, "the request is not in quarantine: it is %s", r.Outcome)
	}
	ids, err := a.Release(c.r.Context(), c.tenant(), s.ID, r.ID, in.Reason, c.principal.Name)
	if err != nil {
		return answer{}, err
	}
	events := eventTexts(ids)
	if err := a.noteRelease(c, s, r, in.Reason, events); err != nil {
		return answer{}, err
	}
	return answer{body: map[string][]string{"events": events}}, nil
}

// noteRelease writes down who believed a request that nobody could verify, and why.
func (a *API) noteRelease(c *call, s settings.Source, r hub.InRequest, reason string, events []string) error {
	what := struct {
		Source string   `json:"source"`
		Reason string   `json:"reason"`
		Events []string `json:"events"`
	}{s.ID.Text(hub.SourcePrefix), reason, events}
	after, err := json.Marshal(what)
	if err != nil {
		return err
	}
	// The release stands, so it is noted even when the caller has gone.
	ctx := context.WithoutCancel(c.r.Context())
	err = a.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.AddRevision(ctx, store.Revision{
			Tenant: c.tenant(), At: a.Now(), Who: c.principal.Name, Action: "released", Kind: "request",
			Object: r.ID.Text(hub.RequestPrefix), After: after,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("note who released %s: %w", r.ID.Text(hub.RequestPrefix), err)
	}
	return nil
}
