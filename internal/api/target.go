package api

import (
	"net/http"
	"time"

	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// targetFacts is what the hub knows of an endpoint or a pipeline beside its settings.
type targetFacts struct {
	State           hub.TargetState `json:"state"`
	StateReason     stateReason     `json:"state_reason"`
	Waiting         int64           `json:"waiting"`
	OldestWaitingAt *string         `json:"oldest_waiting_at"`
	LastSuccessAt   *string         `json:"last_success_at"`
	FailuresInARow  int             `json:"failures_in_a_row"`
}

type stateReason struct {
	By  string `json:"by"`
	At  string `json:"at"`
	Why string `json:"why"`
}

func (a *API) factsOf(c *call, t hub.Target) (targetFacts, error) {
	waiting, oldest, err := a.Store.Waiting(c.r.Context(), t.No)
	if err != nil {
		return targetFacts{}, err
	}
	success, err := a.Store.LastSuccess(c.r.Context(), t.No)
	if err != nil {
		return targetFacts{}, err
	}
	return targetFacts{
		State: t.State, StateReason: stateReason{By: t.StateBy, At: hub.TimeText(t.StateAt), Why: t.StateWhy},
		Waiting: waiting, OldestWaitingAt: optionalTime(oldest), LastSuccessAt: optionalTime(success), FailuresInARow: t.Health.Failures,
	}, nil
}

// target is the kind that a path is about, and the reference in it.
func (c *call) target() (hub.Kind, string) {
	if ref := c.r.PathValue("pipeline"); ref != "" {
		return hub.KindPipeline, ref
	}
	return hub.KindEndpoint, c.ref()
}

func (c *call) ifMatch() string { return c.r.Header.Get("If-Match") }

func (a *API) answerTarget(c *call, status int, t hub.Target) (answer, error) {
	if t.Kind == hub.KindPipeline {
		return a.answerPipeline(c, status, t)
	}
	return a.answerEndpoint(c, status, t)
}

func (a *API) deleteTarget(c *call) (answer, error) {
	kind, ref := c.target()
	err := a.Settings.DeleteTarget(c.r.Context(), c.tenant(), kind, ref, c.ifMatch(), c.by())
	return answer{status: http.StatusNoContent}, err
}

func (a *API) pauseTarget(c *call) (answer, error) {
	var in struct {
		Why string `json:"why"`
	}
	if err := c.decode(&in); err != nil {
		return answer{}, err
	}
	kind, ref := c.target()
	t, err := a.Settings.PauseTarget(c.r.Context(), c.tenant(), kind, ref, c.by(), in.Why)
	if err != nil {
		return answer{}, err
	}
	return a.answerTarget(c, http.StatusOK, t)
}

func (a *API) resumeTarget(c *call) (answer, error) {
	var in struct {
		Rate hub.Rate `json:"rate"`
	}
	if err := c.decodeAt("/rate", &in); err != nil {
		return answer{}, err
	}
	kind, ref := c.target()
	t, err := a.Settings.ResumeTarget(c.r.Context(), c.tenant(), kind, ref, in.Rate, c.by())
	if err != nil {
		return answer{}, err
	}
	return a.answerTarget(c, http.StatusOK, t)
}

// statsFor is the span of the figures when the caller names none.
const statsFor = 24 * time.Hour

type statsView struct {
	Since           string                      `json:"since"`
	Counts          map[hub.DeliveryState]int64 `json:"counts"`
	Retried         int64                       `json:"retried"`
	MeanTookMS      float64                     `json:"mean_took_ms"`
	LastAt          *string                     `json:"last_at"`
	Waiting         int64                       `json:"waiting"`
	OldestWaitingAt *string                     `json:"oldest_waiting_at"`
}

func (a *API) getTargetStats(c *call) (answer, error) {
	q := c.params()
	since := q.time("since")
	if err := q.err(); err != nil {
		return answer{}, err
	}
	if since.IsZero() {
		since = a.Now().Add(-statsFor)
	}
	kind, ref := c.target()
	t, err := a.Settings.Target(c.r.Context(), c.tenant(), kind, ref)
	if err != nil {
		return answer{}, err
	}
	sums, err := a.Store.Stats(c.r.Context(), t.No, since)
	if err != nil {
		return answer{}, err
	}
	waiting, oldest, err := a.Store.Waiting(c.r.Context(), t.No)
	if err != nil {
		return answer{}, err
	}
	return answer{body: statsView{
		Since: hub.TimeText(since), Counts: sums.Counts, Retried: sums.Retried, MeanTookMS: milliseconds(sums.MeanTook),
		LastAt: optionalTime(sums.LastAt), Waiting: waiting, OldestWaitingAt: optionalTime(oldest),
	}}, nil
}

// replayInput is the span of a replay.
type replayInput struct {
	Since      time.Time  `json:"since"`
	Until      *time.Time `json:"until"`
	Outcomes   []string   `json:"outcomes"`
	EventTypes []string   `json:"event_types"`
	Rate       hub.Rate   `json:"rate"`
	To         *string    `json:"to"`
	DryRun     bool       `json:"dry_run"`
}

func (a *API) replayTarget(c *call) (answer, error) {
	var in replayInput
	if err := c.decodeAt("/rate", &in); err != nil {
		return answer{}, err
	}
	kind, ref := c.target()
	t, err := a.Settings.Target(c.r.Context(), c.tenant(), kind, ref)
	if err != nil {
		return answer{}, err
	}
	filter := ingest.ReplayFilter{
		Target: t.ID, Since: in.Since, Outcomes: in.Outcomes, EventTypes: in.EventTypes, Rate: in.Rate, DryRun: in.DryRun,
	}
	if in.Until != nil {
		filter.Until = *in.Until
	}
	if in.To != nil {
		to, err := a.Settings.Target(c.r.Context(), c.tenant(), kind, *in.To)
		if err != nil {
			return answer{}, err
		}
		filter.To = to.ID
	}
	r, err := a.Ingest.StartReplay(c.r.Context(), c.tenant(), filter, c.principal.Name)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusAccepted, body: viewReplay(r)}, nil
}

type replayView struct {
	ID        *string `json:"id"`
	State     string  `json:"state"`
	Total     int64   `json:"total"`
	Done      int64   `json:"done"`
	CreatedAt string  `json:"created_at"`
	UpdatedAt string  `json:"updated_at"`
}

func viewReplay(r store.Replay) replayView {
	v := replayView{State: r.State, Total: r.Total, Done: r.Done, CreatedAt: hub.TimeText(r.CreatedAt), UpdatedAt: hub.TimeText(r.UpdatedAt)}
	if r.State != ingest.ReplayCounted {
		v.ID = optional(r.ID.Text(hub.ReplayPrefix))
	}
	return v
}

func (a *API) getReplay(c *call) (answer, error) {
	id, err := hub.ParseID(hub.ReplayPrefix, c.r.PathValue("replay"))
	if err != nil {
		return answer{}, err
	}
	r, err := a.Store.Replay(c.r.Context(), c.tenant(), id)
	if err != nil {
		return answer{}, err
	}
	return answer{body: viewReplay(r)}, nil
}
