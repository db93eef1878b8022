package web

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// outcomes are the fates of a request, in the order of a page.
func outcomes() []string {
	return []string{
		hub.RequestAccepted, hub.RequestQuarantined, hub.RequestIgnored, hub.RequestDuplicate, hub.RequestHandshake, hub.RequestReleased,
	}
}

func (v *visit) requestBadge(outcome string) Badge {
	word := v.lang.Text("web_request.outcome." + outcome)
	switch outcome {
	case hub.RequestAccepted:
		return Badge{"ok", "ok", word}
	case hub.RequestReleased:
		return Badge{"ok", "ok", word}
	case hub.RequestQuarantined:
		return Badge{"fail", "warn", word}
	case hub.RequestDuplicate:
		return Badge{"skip", "newer", word}
	case hub.RequestHandshake:
		return Badge{"", "dot", word}
	}
	return Badge{"skip", "skip", word}
}

// requestLine is one request on a list.
type requestLine struct {
	ID, Path string
	At       time.Time
	Badge    Badge
	Why      string
	Status   int
	Size     string
	Peer     string
	Held     bool // in quarantine
	Events   int
}

// requestsView is what requests.html shows: what came to one source.
type requestsView struct {
	Name, Path string // of the source
	Filters    []filterLine
	Lines      []requestLine
	Pager      Pager
	Outcome    string
	Release    *Form // in quarantine, for those who may
}

// filterLine is one way to narrow a list.
type filterLine struct {
	Word, Path string
	Here       bool
}

func (v *visit) requestsPage() error {
	page, err := v.requests(nil)
	if err != nil {
		return err
	}
	return v.show("requests", v.lang.Text("web_request.title"), page)
}

func (v *visit) requests(refusal error) (requestsView, error) {
	s, err := v.theSource()
	if err != nil {
		return requestsView{}, err
	}
	outcome := v.r.FormValue("outcome")
	if !slices.Contains(outcomes(), outcome) {
		outcome = ""
	}
	path := sourcePath(&s)
	page := requestsView{Name: s.Name, Path: path, Outcome: outcome, Filters: []filterLine{{v.lang.Text("web_request.all"), path + "/requests", outcome == ""}}}
	filter := store.RequestFilter{Tenant: s.Tenant, Source: s.No}
	for _, o := range outcomes() {
		page.Filters = append(page.Filters, filterLine{v.lang.Text("web_request.outcome." + o), path + "/requests?outcome=" + o, o == outcome})
	}
	if outcome != "" {
		filter.Outcomes = []string{outcome}
	}
	list, next, err := v.Store.Requests(v.ctx(), filter, store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return page, err
	}
	page.Lines, page.Pager = v.requestLines(&s, list), v.pager(next)
	if outcome == hub.RequestQuarantined && v.may(hub.Editor) && v.Release != nil && len(list) > 0 {
		page.Release = v.releaseForm(path+"/release", refusal)
	}
	return page, nil
}

func (v *visit) requestLines(s *settings.Source, list []hub.InRequest) []requestLine {
	var lines []requestLine
	for i := range list {
		r := &list[i]
		lines = append(lines, requestLine{
			ID: r.ID.Text(hub.RequestPrefix), Path: requestPath(s, r.ID), At: r.At, Badge: v.requestBadge(r.Outcome), Why: v.why(veil(s, r.Reason)),
			Status: r.Status, Size: hub.Size(r.Size).String(), Peer: r.Peer, Held: r.Outcome == hub.RequestQuarantined, Events: len(r.Events),
		})
	}
	return lines
}

func requestPath(s *settings.Source, id hub.ID) string {
	return sourcePath(s) + "/requests/" + id.Text(hub.RequestPrefix)
}

// requestView is what request.html shows: one request as it came, and what it became.
type requestView struct {
	ID, Source, Path    string // name and address of the source
	At                  time.Time
	Badge               Badge
	What, Why, Detail   string // in a sentence, in plain words, and as the receiver said it where that differs
	Method, URL, Peer   string
	Status              int
	Size                string
	Verified            bool
	Headers             []setting
	Body                Cut
	Empty               bool
	Events              []becameLine
	Quarantined, MayFix bool
	Release             *Form
}

// becameLine is one event that a request became.
type becameLine struct{ Title, Type, Key, Path string }

// secretOrBody is the reason that says no more than the page's own sentence for it.
const secretOrBody = "the secret is another one, or the body was changed on the way"

// mostEvents bounds what one page asks the store for.
const mostEvents = 50

func (v *visit) requestPage() error {
	page, err := v.request(nil)
	if err != nil {
		return err
	}
	return v.show("request", v.lang.Text("web_request.one"), page)
}

// theRequest is the one that the path names, with its source.
func (v *visit) theRequest() (settings.Source, hub.InRequest, error) {
	s, err := v.theSource()
	if err != nil {
		return s, hub.InRequest{}, err
	}
	r, err := v.requestOf(&s, v.r.PathValue("request"))
	return s, r, err
}

func (v *visit) requestOf(s *settings.Source, text string) (hub.InRequest, error) {
	id, err := hub.ParseID(hub.RequestPrefix, text)
	if err != nil {
		return hub.InRequest{}, hub.Errorf(hub.NotFound, "%s", err)
	}
	return v.Store.InRequest(v.ctx(), s.Tenant, s.No, id)
}

func (v *visit) request(refusal error) (requestView, error) {
	s, r, err := v.theRequest()
	if err != nil {
		return requestView{}, err
	}
	query := veil(&s, r.Query)
	if query != "" {
		query = "?" + query
	}
	reason := veil(&s, r.Reason)
	page := requestView{
		ID: r.ID.Text(hub.RequestPrefix), Source: s.Name, Path: sourcePath(&s), At: r.At, Badge: v.requestBadge(r.Outcome),
		What: v.lang.Text("web_request.what." + r.Outcome), Why: v.why(reason), Method: r.Method, URL: "/in/" + s.Path + query, Peer: r.Peer,
		Status: r.Status, Size: v.lang.Text("web_webhook.bytes", "size", r.Size), Verified: r.Verified, Body: cut(veil(&s, string(r.Body))), Empty: len(r.Body) == 0,
		Quarantined: r.Outcome == hub.RequestQuarantined, MayFix: v.may(hub.Editor),
	}
	if page.Why != v.lang.Sentence(reason) && reason != secretOrBody {
		page.Detail = v.lang.Sentence(reason)
	}
	for _, h := range r.Headers {
		page.Headers = append(page.Headers, setting{h.Name, veil(&s, h.Value)})
	}
	if page.Events, err = v.became(r.Events); err != nil {
		return page, err
	}
	if page.Quarantined && page.MayFix && v.Release != nil {
		page.Release = v.releaseForm(requestPath(&s, r.ID)+"/release", refusal)
	}
	return page, nil
}

// became names the events of a request. One whose time is over is named by its id.
func (v *visit) became(ids []hub.ID) ([]becameLine, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	types, err := v.eventTypes()
	if err != nil {
		return nil, err
	}
	var lines []becameLine
	for _, id := range ids[:min(len(ids), mostEvents)] {
		line := becameLine{Key: id.Text(hub.EventPrefix), Path: "/events/" + id.Text(hub.EventPrefix)}
		e, err := v.Store.Event(v.ctx(), v.tenant(), id)
		switch {
		case hub.CodeOf(err) == hub.NotFound:
		case err != nil:
			return nil, fmt.Errorf("read event %s: %w", line.Key, err)
		default:
			line.Title, line.Type = v.eventTitle(types, e.Type), e.Type
			if e.Key != "" {
				line.Key = e.Key
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// shortestVeiled spares texts a secret of a few letters that would be found in every word.
const shortestVeiled = 4

// veil puts *** where a request carries one of the source's secrets along, as some providers do instead of signing.
func veil(s *settings.Source, text string) string {
	out := []byte(text)
	for _, secret := range s.Verify.Secrets {
		if value := secret.Reveal(); len(value) >= shortestVeiled {
			out = bytes.ReplaceAll(out, []byte(value), []byte(hub.Masked))
		}
	}
	return string(out)
}

// why says a reason of the receiver in the reader's language where it is one that people meet; any other stays as it is.
func (v *visit) why(reason string) string {
	has := func(text string) bool { return strings.Contains(reason, text) }
	after := func(text string) string {
		_, rest, _ := strings.Cut(reason, text)
		rest, _, _ = strings.Cut(rest, ",")
		return strings.TrimSpace(rest)
	}
	switch {
	case reason == "":
		return ""
	case strings.HasPrefix(reason, "released by "):
		return v.lang.Sentence(reason)
	case has("the secret is another one") || has("the secret that was sent along is another one"):
		return v.lang.Text("web_request.why.secret")
	case strings.HasPrefix(reason, "the clock is "):
		return v.lang.Text("web_request.why.clock", "duration", clockOff(reason))
	case strings.HasPrefix(reason, "it comes from ") && has("allowed networks"):
		return v.lang.Text("web_request.why.network", "address", after("it comes from "))
	case strings.HasPrefix(reason, "there is no header "):
		name, _, _ := strings.Cut(after("there is no header "), ";")
		return v.lang.Text("web_request.why.header", "header", name)
	case strings.HasPrefix(reason, "the source does not accept the event type "):
		return v.lang.Text("web_request.why.type", "type", strings.TrimPrefix(reason, "the source does not accept the event type "))
	case strings.HasPrefix(reason, "the accepting condition does not hold"):
		return v.lang.Text("web_request.why.condition")
	case strings.HasPrefix(reason, "the body is larger than "):
		return v.lang.Text("web_request.why.size", "size", after("the body is larger than "))
	case strings.HasPrefix(reason, "a repeat of "):
		return v.lang.Text("web_request.why.repeat", "event", after("a repeat of "))
	case has("changed the body on the way"):
		return v.lang.Text("web_request.why.changed")
	}
	return v.lang.Sentence(reason)
}

// clockOff reads "the clock is 7 minutes off".
func clockOff(reason string) time.Duration {
	parts := strings.Fields(strings.TrimPrefix(reason, "the clock is "))
	if len(parts) < 2 {
		return 0
	}
	n, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0
	}
	unit := map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}[parts[1]]
	return time.Duration(n) * unit
}
