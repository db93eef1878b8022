package api

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// deliveryView is a delivery as the API shows it. Held and sending are facts of now, never stored.
type deliveryView struct {
	ID        string     `json:"id"`
	State     string     `json:"state"`
	Sending   bool       `json:"sending"`
	Target    targetView `json:"target"`
	Event     eventRef   `json:"event"`
	CreatedAt string     `json:"created_at"`
	UpdatedAt string     `json:"updated_at"`
	Tries     int        `json:"tries"`
	DueAt     *string    `json:"due_at"`
	Reason    string     `json:"reason"`
}

type eventRef struct {
	ID   string  `json:"id"`
	Type string  `json:"type"`
	Key  *string `json:"key"`
}

// stateHeld is what a pending delivery is called while its target is not active.
const stateHeld = "held"

func (a *API) viewDelivery(c *call, d store.DeliveryRow, t hub.Target) (deliveryView, error) {
	v := deliveryView{
		ID: d.ID().Text(), State: string(d.State), Target: viewTarget(t),
		Event:     eventRef{ID: d.Event.Text(hub.EventPrefix), Type: d.Type, Key: optional(d.EventKey)},
		CreatedAt: hub.TimeText(d.ReceivedAt), UpdatedAt: hub.TimeText(d.ReceivedAt), Tries: d.Tries, Reason: d.Reason,
	}
	if !d.At.IsZero() {
		v.UpdatedAt = hub.TimeText(d.At)
	}
	if d.State != hub.Pending {
		return v, nil
	}
	v.Sending = a.Sending(d.Target, d.Seq)
	v.DueAt = optionalTime(d.DueAt)
	if t.State != hub.Active {
		v.State, v.DueAt = stateHeld, nil
		v.Reason = "the " + string(t.Kind) + " is " + string(t.State)
		return v, nil
	}
	waits, err := a.Store.Waits(c.r.Context(), &d.Delivery, t.Policy().Order)
	v.Reason = cmp.Or(waits, v.Reason)
	return v, err
}

// viewDeliveries reads the target of each, once.
func (a *API) viewDeliveries(c *call, rows []store.DeliveryRow) ([]deliveryView, error) {
	targets := map[int64]hub.Target{}
	views := make([]deliveryView, len(rows))
	for i, d := range rows {
		t, known := targets[d.Target]
		if !known {
			var err error
			if t, err = a.Store.TargetByNo(c.r.Context(), c.tenant(), d.Target); err != nil {
				return nil, err
			}
			targets[d.Target] = t
		}
		var err error
		if views[i], err = a.viewDelivery(c, d, t); err != nil {
			return nil, err
		}
	}
	return views, nil
}

func (a *API) listDeliveries(c *call) (answer, error) {
	q := c.params()
	filter := store.DeliveryFilter{Tenant: c.tenant(), Key: q.text("key"), Since: q.time("since"), Until: q.time("until")}
	page, wanted := q.page(), q.list("state")
	for _, state := range wanted {
		switch s := hub.DeliveryState(state); s {
		case hub.Pending, hub.Delivered, hub.Failed, hub.Cancelled, hub.Superseded, hub.Expired:
			filter.States = append(filter.States, s)
		case stateHeld:
			filter.States = append(filter.States, hub.Pending)
		default:
			q.wrong.Add("", "state: %q is none of pending, held, delivered, failed, superseded, expired, cancelled", hub.Shorten(state, 60))
		}
	}
	if err := q.err(); err != nil {
		return answer{}, err
	}
	for _, ref := range q.list("target") {
		t, err := a.Settings.AnyTarget(c.r.Context(), c.tenant(), ref)
		if err != nil {
			return answer{}, err
		}
		filter.Targets = append(filter.Targets, t.No)
	}
	if text := q.text("event"); text != "" {
		var err error
		if filter.Event, err = hub.ParseID(hub.EventPrefix, text); err != nil {
			return answer{}, err
		}
		// An event of somebody else is not found, as everywhere.
		if _, err := a.Store.Event(c.r.Context(), c.tenant(), filter.Event); err != nil {
			return answer{}, err
		}
	}
	rows, next, err := a.Store.Deliveries(c.r.Context(), filter, page)
	if err != nil {
		return answer{}, err
	}
	views, err := a.viewDeliveries(c, rows)
	if err != nil {
		return answer{}, err
	}
	if wanted != nil {
		// Held and pending are one state in the database; only the target tells them apart.
		views = slices.DeleteFunc(views, func(v deliveryView) bool { return !slices.Contains(wanted, v.State) })
	}
	return pageOf(views, next), nil
}

func (c *call) deliveryID() (hub.DeliveryID, error) {
	return hub.ParseDeliveryID(c.r.PathValue("delivery"))
}

// oneDelivery reads a delivery with what it belongs to.
func (a *API) oneDelivery(c *call, id hub.DeliveryID) (deliveryView, error) {
	row, err := a.Store.Delivery(c.r.Context(), c.tenant(), id)
	if err != nil {
		return deliveryView{}, err
	}
	views, err := a.viewDeliveries(c, []store.DeliveryRow{row})
	if err != nil {
		return deliveryView{}, err
	}
	return views[0], nil
}

func (a *API) getDelivery(c *call) (answer, error) {
	id, err := c.deliveryID()
	if err != nil {
		return answer{}, err
	}
	v, err := a.oneDelivery(c, id)
	if err != nil {
		return answer{}, err
	}
	attempts, err := a.Store.Attempts(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	if v.State == string(hub.Pending) && v.Reason == "" {
		v.Reason = lastError(attempts)
	}
	whole := struct {
		deliveryView
		Attempts []attemptView `json:"attempts"`
	}{v, make([]attemptView, len(attempts))}
	for i, attempt := range attempts {
		whole.Attempts[i] = viewAttempt(&id, attempt)
	}
	return answer{body: whole}, nil
}

// lastError is why a delivery waits: what the newest try said.
func lastError(attempts []hub.Attempt) string {
	if len(attempts) == 0 {
		return ""
	}
	return attempts[len(attempts)-1].Error
}

func (a *API) retryDelivery(c *call) (answer, error) {
	id, err := c.deliveryID()
	if err != nil {
		return answer{}, err
	}
	next, err := a.Ingest.Retry(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	v, err := a.oneDelivery(c, next)
	return answer{status: http.StatusAccepted, body: v}, err
}

func (a *API) cancelDelivery(c *call) (answer, error) {
	id, err := c.deliveryID()
	if err != nil {
		return answer{}, err
	}
	if err := a.Ingest.Cancel(c.r.Context(), c.tenant(), id, c.principal.Name); err != nil {
		return answer{}, err
	}
	v, err := a.oneDelivery(c, id)
	return answer{body: v}, err
}

func (a *API) resendDelivery(c *call) (answer, error) {
	id, err := c.deliveryID()
	if err != nil {
		return answer{}, err
	}
	doc, err := parse(c.body)
	if err != nil {
		return answer{}, err
	}
	data, _ := doc.Value().Field("data")
	p, err := a.Ingest.Resend(c.r.Context(), c.tenant(), id, data.AppendJSON(nil))
	if err != nil {
		return answer{}, err
	}
	event := p.Event.ID.Text(hub.EventPrefix)
	// Whoever changes what a business system was told is named in the audit.
	err = a.Store.Write(c.r.Context(), func(tx *store.Tx) error {
		_, err := tx.AddRevision(c.r.Context(), store.Revision{
			Tenant: c.tenant(), At: a.Now(), Who: c.principal.Name, Action: "resent", Kind: "delivery", Object: id.Text(),
			After: []byte(`{"event":"` + event + `"}`),
		})
		return err
	})
	if err != nil {
		return answer{}, fmt.Errorf("note who sent %s again as %s: %w", id.Text(), event, err)
	}
	return answer{status: http.StatusAccepted, raw: appendAccepted(nil, &p)}, nil
}

// attemptView is one try with its evidence.
type attemptView struct {
	ID              *string       `json:"id"`
	At              string        `json:"at"`
	Result          hub.Result    `json:"result"`
	Request         requestView   `json:"request"`
	Response        *responseView `json:"response"`
	Error           string        `json:"error"`
	Hint            string        `json:"hint"`
	Timing          timingView    `json:"timing"`
	Peer            *peerView     `json:"peer"`
	SettingsVersion int64         `json:"settings_version"`

	Steps []hub.StepRecord `json:"steps,omitempty"` // of a pipeline
}

type requestView struct {
	Method  string              `json:"method"`
	URL     string              `json:"url"`
	Headers map[string][]string `json:"headers"`
	shownBody
}

type responseView struct {
	Status  int         `json:"status"`
	Headers http.Header `json:"headers"`
	shownBody
	Truncated bool `json:"truncated"`
}

// shownBody is text where it is text, base64 where it is not.
type shownBody struct {
	Body   *string `json:"body"`
	Base64 string  `json:"body_base64,omitempty"`
}

func showBody(raw []byte) shownBody {
	switch {
	case len(raw) == 0:
		return shownBody{}
	case plainBytes(raw):
		text := string(raw)
		return shownBody{Body: &text}
	}
	return shownBody{Base64: base64.StdEncoding.EncodeToString(raw)}
}

type timingView struct {
	DNS       *float64 `json:"dns"`
	Connect   *float64 `json:"connect"`
	TLS       *float64 `json:"tls"`
	FirstByte *float64 `json:"first_byte"`
	Total     float64  `json:"total"`
}

type peerView struct {
	Address string   `json:"address"`
	TLS     *tlsView `json:"tls"`
}

type tlsView struct {
	Version string  `json:"version"`
	Issuer  string  `json:"issuer"`
	Expires *string `json:"expires"`
}

// viewAttempt shows one attempt; a test belongs to no delivery and has no id.
func viewAttempt(d *hub.DeliveryID, at hub.Attempt) attemptView {
	v := attemptView{
		At: hub.TimeText(at.At), Result: at.Result, Error: at.Error, Hint: at.Hint, SettingsVersion: at.SettingsVersion, Steps: at.Steps,
		Request: requestView{at.Request.Method, at.Request.URL, sentHeaders(at.Request.Headers), showBody(at.Request.Body)},
		Timing: timingView{
			DNS: phase(at.Timing.DNS), Connect: phase(at.Timing.Connect), TLS: phase(at.Timing.TLS), FirstByte: phase(at.Timing.FirstByte),
			Total: milliseconds(max(at.Timing.Total, at.Took)),
		},
	}
	if d != nil {
		v.ID = optional(d.Attempt(at.N))
	}
	if status := max(at.Response.Status, at.Status); status != 0 {
		headers := at.Response.Headers
		if headers == nil {
			headers = http.Header{}
		}
		v.Response = &responseView{status, headers, showBody(at.Response.Body), at.Response.Truncated}
	}
	if at.Peer.Address != "" {
		v.Peer = &peerView{Address: at.Peer.Address}
		if at.Peer.TLSVersion != "" {
			v.Peer.TLS = &tlsView{at.Peer.TLSVersion, at.Peer.Issuer, optionalTime(at.Peer.Expires)}
		}
	}
	return v
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func phase(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	ms := milliseconds(d)
	return &ms
}

func sentHeaders(headers []hub.Header) map[string][]string {
	all := make(map[string][]string, len(headers))
	for _, h := range headers {
		all[h.Name] = append(all[h.Name], h.Value)
	}
	return all
}
