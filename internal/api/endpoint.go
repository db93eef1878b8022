package api

import (
	"net/http"
	"time"

	"hacek/internal/hub"
)

// endpointView is an endpoint as the API shows it: its settings with what the hub knows of it.
type endpointView struct {
	ID        string `json:"id"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
	hub.Endpoint
	Subscription shownSubscription `json:"subscription"`
	Request      shownRequest      `json:"request"`
	Success      shownSuccess      `json:"success"`
	Signature    any               `json:"signature"` // with its secret where the call may show it
	targetFacts
	Warnings []string `json:"warnings,omitempty"` // in the answer to a change
}

// What is not set reads null, not an empty text.
type (
	shownSubscription struct {
		hub.Subscription
		Condition *string `json:"condition"`
	}
	shownRequest struct {
		hub.Request
		Method *string `json:"method"`
		Table  *string `json:"table"`
	}
	shownSuccess struct {
		hub.Success
		Condition *string `json:"condition"`
	}
)

// shownSignature is the signature with its secret in clear.
type shownSignature struct {
	hub.Signature
	Secret string `json:"secret"`
}

// viewEndpoint adds the live facts.
func (a *API) viewEndpoint(c *call, t hub.Target) (endpointView, error) {
	facts, err := a.factsOf(c, t)
	if err != nil {
		return endpointView{}, err
	}
	e := t.Endpoint
	e.Retry.Intervals = listed(e.Retry.Intervals)
	e.Signature.Schemes = listed(e.Signature.Schemes)
	e.Notify = showNotify(e.Notify)
	return endpointView{
		ID: t.ID.Text(hub.EndpointPrefix), CreatedAt: hub.TimeText(t.CreatedAt), UpdatedAt: hub.TimeText(t.UpdatedAt),
		Endpoint: e, Subscription: showSubscription(e.Subscription), Request: showRequest(e.Request), Success: showSuccess(e.Success),
		Signature: e.Signature, targetFacts: facts,
	}, nil
}

func showSubscription(s hub.Subscription) shownSubscription {
	s.EventTypes, s.Sources, s.Channels = listed(s.EventTypes), listed(s.Sources), listed(s.Channels)
	return shownSubscription{s, optional(s.Condition)}
}

func showRequest(r hub.Request) shownRequest {
	return shownRequest{r, optional(r.Method), optional(r.Table)}
}

func showSuccess(s hub.Success) shownSuccess {
	s.Status, s.Final = listed(s.Status), listed(s.Final)
	return shownSuccess{s, optional(s.Condition)}
}

func showNotify(n hub.Notify) hub.Notify {
	n.Failing, n.Disabled, n.Recovered = listed(n.Failing), listed(n.Disabled), listed(n.Recovered)
	return n
}

// listed is never null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (a *API) answerEndpoint(c *call, status int, t hub.Target) (answer, error) {
	v, err := a.viewEndpoint(c, t)
	return answer{status: status, body: v, etag: a.Settings.ETag(t)}, err
}

// answerSaved is the answer to a change: with what looks like a slip of the pen. The change is durable already, so it is
// answered without warnings when these cannot be made.
func (a *API) answerSaved(c *call, status int, t hub.Target) (answer, error) {
	out, err := a.answerEndpoint(c, status, t)
	if err != nil {
		return out, err
	}
	saved := out.body.(endpointView)
	if saved.Warnings, err = a.Settings.Warnings(c.r.Context(), t); err != nil {
		a.Log.Warn("a change was answered without its warnings", "endpoint", saved.ID, "err", err)
	}
	out.body = saved
	return out, nil
}

// showSecret answers with the signing secret; a repeat of the Idempotency-Key gets it masked.
func (a *API) showSecret(c *call, status int, t hub.Target) (answer, error) {
	out, err := a.answerSaved(c, status, t)
	if err != nil || t.Endpoint.Signature.Secret.IsZero() {
		return out, err
	}
	shown := out.body.(endpointView)
	out.kept = out.body
	shown.Signature = shownSignature{shown.Endpoint.Signature, t.Endpoint.Signature.Secret.Reveal()}
	out.body = shown
	return out, nil
}

// endpoint reads the settings of the body onto the defaults.
func (c *call) endpoint() (hub.Endpoint, error) {
	e := hub.DefaultEndpoint()
	raw, err := c.stripped()
	if err == nil {
		raw, err = c.api.Settings.UnderPreset(raw, nil)
	}
	if err != nil {
		return e, err
	}
	return e, decode(raw, &e)
}

func (c *call) ref() string { return c.r.PathValue("endpoint") }

func (a *API) createEndpoint(c *call) (answer, error) {
	e, err := c.endpoint()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.CreateEndpoint(c.r.Context(), c.tenant(), e, c.by())
	if err != nil {
		return answer{}, err
	}
	return a.showSecret(c, http.StatusCreated, t)
}

func (a *API) listEndpoints(c *call) (answer, error) {
	q := c.params()
	page := q.page()
	if err := q.err(); err != nil {
		return answer{}, err
	}
	targets, next, err := a.Settings.Endpoints(c.r.Context(), c.tenant(), page)
	if err != nil {
		return answer{}, err
	}
	views := make([]endpointView, len(targets))
	for i, t := range targets {
		if views[i], err = a.viewEndpoint(c, t); err != nil {
			return answer{}, err
		}
	}
	return pageOf(views, next), nil
}

func (a *API) getEndpoint(c *call) (answer, error) {
	t, err := a.Settings.Endpoint(c.r.Context(), c.tenant(), c.ref())
	if err != nil {
		return answer{}, err
	}
	return a.answerEndpoint(c, http.StatusOK, t)
}

func (a *API) putEndpoint(c *call) (answer, error) {
	e, err := c.endpoint()
	if err != nil {
		return answer{}, err
	}
	t, created, err := a.Settings.ReplaceEndpoint(c.r.Context(), c.tenant(), c.ref(), e, c.ifMatch(), c.confirmed())
	if err != nil {
		return answer{}, err
	}
	if created {
		return a.showSecret(c, http.StatusCreated, t)
	}
	return a.answerSaved(c, http.StatusOK, t)
}

func (a *API) patchEndpoint(c *call) (answer, error) {
	merge, err := c.stripped()
	if err != nil {
		return answer{}, err
	}
	t, err := a.Settings.PatchEndpoint(c.r.Context(), c.tenant(), c.ref(), merge, c.ifMatch(), c.confirmed())
	if err != nil {
		return answer{}, err
	}
	return a.answerSaved(c, http.StatusOK, t)
}

func (a *API) getEndpointSecret(c *call) (answer, error) {
	secret, err := a.Settings.Secret(c.r.Context(), c.tenant(), c.ref(), c.by())
	return answer{body: map[string]string{"secret": secret}}, err
}

// defaultOverlap is how long a replaced secret still signs beside the new one.
const defaultOverlap = hub.Duration(24 * time.Hour)

func (a *API) rotateEndpointSecret(c *call) (answer, error) {
	in := struct {
		Secret  hub.Secret    `json:"secret"`
		Overlap *hub.Duration `json:"overlap"`
	}{}
	if err := c.decodeAt("/overlap", &in); err != nil {
		return answer{}, err
	}
	overlap := defaultOverlap
	if in.Overlap != nil {
		overlap = *in.Overlap
	}
	t, err := a.Settings.RotateSecret(c.r.Context(), c.tenant(), c.ref(), in.Secret.Reveal(), overlap.D(), c.by())
	if err != nil {
		return answer{}, err
	}
	return a.showSecret(c, http.StatusOK, t)
}
