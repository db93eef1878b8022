package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// createTarget stores a new endpoint or pipeline: t bears tenant, kind and settings.
func (s *Service) createTarget(ctx context.Context, t hub.Target, by By) (hub.Target, error) {
	now := s.now()
	if err := s.prepareTarget(ctx, &t, nil, now); err != nil {
		return hub.Target{}, err
	}
	if err := s.checkPortal(ctx, &t, nil, by); err != nil {
		return hub.Target{}, err
	}
	t.ID, t.Version, t.CreatedAt, t.UpdatedAt, t.State, t.StateAt = hub.NewID(), 1, now, now, hub.Active, now
	named(&t)
	if err := s.uidIsFree(ctx, t); err != nil {
		return hub.Target{}, err
	}
	if !*ownOf(&t).active {
		switchOff(&t, by, now)
	}
	if err := s.ensureNotices(ctx, t); err != nil {
		return hub.Target{}, err
	}
	return s.commit(ctx, "created", nil, t, by)
}

// replaceTarget puts settings in the place of others, and creates a target that is not there under the uid or name in
// the URL.
func (s *Service) replaceTarget(ctx context.Context, next hub.Target, ref, ifMatch string, by By) (t hub.Target, created bool, err error) {
	prev, err := s.Target(ctx, next.Tenant, next.Kind, ref)
	if hub.CodeOf(err) == hub.NotFound && !strings.HasPrefix(ref, next.Prefix()) {
		if ifMatch != "" {
			return hub.Target{}, false, changedMeanwhile("there is no %s %s", next.Kind, ref)
		}
		if err := adopt(&next, ref); err != nil {
			return hub.Target{}, false, err
		}
		t, err = s.createTarget(ctx, next, by)
		return t, err == nil, err
	}
	if err != nil {
		return hub.Target{}, false, err
	}
	own := ownOf(&next)
	if *own.uid == nil && ref == prev.UID {
		*own.uid = &prev.UID
	}
	if *own.name == "" && ref == prev.Name {
		*own.name = prev.Name
	}
	t, err = s.change(ctx, prev, next, ifMatch, by)
	return t, false, err
}

// adopt gives a new target the uid or name it was put at.
func adopt(t *hub.Target, ref string) error {
	var p hub.Problems
	own := ownOf(t)
	switch uid := *own.uid; {
	case uid != nil && *uid == ref, *own.name == ref:
		return nil
	case uid != nil && *uid != "":
		p.Add("/uid", "is %q, but the address says %q", *uid, ref)
		return p.Err()
	}
	hub.CheckUID(&p, "", ref)
	if len(p) == 0 {
		*own.uid = &ref
	} else if *own.name != "" {
		p = nil
		p.Add("/name", "is %q, but the address says %q", *own.name, ref)
		return p.Err()
	}
	if *own.name == "" {
		*own.name = ref
	}
	return nil
}

// change puts new settings in the place of a target's old ones.
func (s *Service) change(ctx context.Context, prev, next hub.Target, ifMatch string, by By) (hub.Target, error) {
	if err := s.match(prev, ifMatch); err != nil {
		return hub.Target{}, err
	}
	now := s.now()
	if err := s.prepareTarget(ctx, &next, &prev, now); err != nil {
		return hub.Target{}, err
	}
	if err := s.checkPortal(ctx, &next, &prev, by); err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.Endpoint, t.Pipeline = next.Endpoint, next.Pipeline
	named(&t)
	if t.UID != prev.UID {
		if err := s.uidIsFree(ctx, t); err != nil {
			return hub.Target{}, err
		}
	}
	switch active := *ownOf(&t).active; {
	case !active && t.State != hub.Off:
		switchOff(&t, by, now)
	case active && t.State == hub.Off:
		t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Active, by.Name, "switched on", now
		t.DrainRate, t.DrainMark = hub.Rate{}, 0
		bringForward(&t, now)
	}
	same, err := sameSettings(&t, &prev)
	if err != nil {
		return hub.Target{}, err
	}
	if same && t.State == prev.State {
		return prev, nil
	}
	if err := s.confirmMove(ctx, t, prev, by); err != nil {
		return hub.Target{}, err
	}
	if err := s.ensureNotices(ctx, t); err != nil {
		return hub.Target{}, err
	}
	t.Version++
	t.UpdatedAt = now
	return s.commit(ctx, "changed", &prev, t, by)
}

// own are the settings that every kind of target has.
type own struct {
	name   *string
	uid    **string
	active *bool
}

func ownOf(t *hub.Target) own {
	if t.Kind == hub.KindPipeline {
		return own{&t.Pipeline.Name, &t.Pipeline.UID, &t.Pipeline.Active}
	}
	return own{&t.Endpoint.Name, &t.Endpoint.UID, &t.Endpoint.Active}
}

// prepareTarget fills, keeps secrets and judges; after it, next is what will be stored.
func (s *Service) prepareTarget(ctx context.Context, next, prev *hub.Target, now time.Time) error {
	if err := s.checkMail(next); err != nil {
		return err
	}
	if next.Kind == hub.KindPipeline {
		if prev == nil {
			return s.preparePipeline(ctx, &next.Pipeline, nil, next.Tenant)
		}
		return s.preparePipeline(ctx, &next.Pipeline, &prev.Pipeline, next.Tenant)
	}
	if prev == nil {
		return prepare(&next.Endpoint, nil, next.Tenant, now)
	}
	return prepare(&next.Endpoint, &prev.Endpoint, next.Tenant, now)
}

// checkMail refuses what would need a mail server while none is set up: a setting that is accepted works.
func (s *Service) checkMail(t *hub.Target) error {
	if s.MailReady {
		return nil
	}
	var p hub.Problems
	notify := t.Policy().Notify
	for _, told := range []struct {
		pointer   string
		addresses []string
	}{{"/notify/failing", notify.Failing}, {"/notify/disabled", notify.Disabled}, {"/notify/recovered", notify.Recovered}} {
		if len(told.addresses) > 0 {
			p.Add(told.pointer, "cannot be told: no mail server is set up")
		}
	}
	for i, step := range t.Pipeline.Steps {
		if step.Type == hub.StepMail {
			p.Add(fmt.Sprintf("/steps/%d", i), "cannot be done: no mail server is set up")
		}
	}
	if len(p) == 0 {
		return nil
	}
	err := hub.Errorf(hub.NotAvailable, "%s %s", p[0].Pointer, p[0].Detail).
		WithHint("Start the hub with HACEK_MAIL=smtp://user:password@host:587?from=hub@example.com, or leave it out.")
	err.Fields = p
	return err
}

func named(t *hub.Target) {
	own := ownOf(t)
	t.Name, t.UID = *own.name, ""
	if *own.uid != nil {
		t.UID = **own.uid
	}
}

func switchOff(t *hub.Target, by By, now time.Time) {
	t.State, t.StateBy, t.StateWhy, t.StateAt = hub.Off, by.Name, "switched off", now
}

func sameSettings(a, b *hub.Target) (bool, error) {
	before, err := json.Marshal(a.Settings())
	if err != nil {
		return false, err
	}
	after, err := json.Marshal(b.Settings())
	if err != nil {
		return false, err
	}
	return string(before) == string(after) && sameSecrets(a.Settings(), b.Settings()), nil
}

// confirmMove asks before what waits goes to another place than the one it was accepted for.
func (s *Service) confirmMove(ctx context.Context, t, prev hub.Target, by By) error {
	moves := elsewhere(t.Endpoint.Request.URL, prev.Endpoint.Request.URL)
	if t.Kind == hub.KindPipeline {
		moves = newPlaces(&t.Pipeline, &prev.Pipeline)
	}
	if by.Backlog || !moves {
		return nil
	}
	waiting, oldest, err := s.Store.Waiting(ctx, t.No)
	if err != nil || waiting == 0 {
		return err
	}
	return hub.Errorf(hub.Conflict, "%d deliveries wait for this %s, the oldest since %s; they would go to another address than before",
		waiting, t.Kind, oldest.UTC().Format(time.RFC3339)).WithHint("Send the request again with ?confirm=backlog, or cancel them first.")
}

// DeleteTarget removes an endpoint or a pipeline; what it was owed is cancelled, its history stays.
func (s *Service) DeleteTarget(ctx context.Context, tenant int64, kind hub.Kind, ref, ifMatch string, by By) error {
	t, err := s.deleteTarget(ctx, tenant, kind, ref, ifMatch, by)
	if err != nil {
		return err
	}
	// Many rows, in chunks: others may change settings meanwhile. The deletion stands, so it is not broken off.
	if err := s.Store.CancelOpen(context.WithoutCancel(ctx), t.No); err != nil {
		return fmt.Errorf("cancel what was owed to %s %s: %w", t.Kind, t.ID.Text(t.Prefix()), err)
	}
	return nil
}

func (s *Service) deleteTarget(ctx context.Context, tenant int64, kind hub.Kind, ref, ifMatch string, by By) (hub.Target, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	prev, err := s.Target(ctx, tenant, kind, ref)
	if err != nil {
		return hub.Target{}, err
	}
	if err := s.match(prev, ifMatch); err != nil {
		return hub.Target{}, err
	}
	t := prev
	t.Deleted, t.UpdatedAt = true, s.now()
	return s.commit(ctx, "deleted", &prev, t, by)
}

// Target finds one of a kind by id, uid or a name that no other of the kind has.
func (s *Service) Target(ctx context.Context, tenant int64, kind hub.Kind, ref string) (hub.Target, error) {
	prefix := hub.Target{Kind: kind}.Prefix()
	if id, err := hub.ParseID(prefix, ref); err == nil {
		t, err := s.Store.Target(ctx, tenant, id)
		if err == nil && t.Kind == kind {
			return t, nil
		}
		if err != nil && hub.CodeOf(err) != hub.NotFound {
			return hub.Target{}, err
		}
		return hub.Target{}, noTarget(kind, ref)
	}
	t, err := s.Store.TargetByUID(ctx, tenant, kind, ref)
	if err == nil || hub.CodeOf(err) != hub.NotFound {
		return t, err
	}
	found, err := s.Store.TargetsByName(ctx, tenant, kind, ref)
	if err != nil {
		return hub.Target{}, err
	}
	switch len(found) {
	case 0:
		return hub.Target{}, noTarget(kind, ref)
	case 1:
		return found[0], nil
	}
	ids := make([]string, len(found))
	for i, t := range found {
		ids[i] = t.ID.Text(prefix)
	}
	return hub.Target{}, hub.Errorf(hub.Conflict, "%d %ss are named %q: %s", len(found), kind, ref, strings.Join(ids, ", ")).
		WithHint("Use one of the ids.")
}

// AnyTarget finds an endpoint or a pipeline where either may be meant.
func (s *Service) AnyTarget(ctx context.Context, tenant int64, ref string) (hub.Target, error) {
	endpoint, err := s.Target(ctx, tenant, hub.KindEndpoint, ref)
	if err != nil && hub.CodeOf(err) != hub.NotFound {
		return hub.Target{}, err
	}
	pipeline, noPipeline := s.Target(ctx, tenant, hub.KindPipeline, ref)
	switch {
	case err != nil && hub.CodeOf(noPipeline) == hub.NotFound:
		return hub.Target{}, hub.Errorf(hub.NotFound, "no endpoint or pipeline %q", ref)
	case err != nil || noPipeline != nil && hub.CodeOf(noPipeline) != hub.NotFound:
		return pipeline, noPipeline
	case noPipeline == nil:
		return hub.Target{}, hub.Errorf(hub.Conflict, "an endpoint and a pipeline are both called %q: %s, %s", ref,
			endpoint.ID.Text(hub.EndpointPrefix), pipeline.ID.Text(hub.PipelinePrefix)).WithHint("Use one of the ids.")
	}
	return endpoint, nil
}

func noTarget(kind hub.Kind, ref string) error {
	return hub.Errorf(hub.NotFound, "no %s %q", kind, ref)
}

// Targets lists a tenant's targets of a kind.
func (s *Service) Targets(ctx context.Context, tenant int64, kind hub.Kind, page store.Page) ([]hub.Target, string, error) {
	return s.Store.TargetPage(ctx, tenant, kind, page)
}

// ETag names a version of a target's settings.
func (s *Service) ETag(t hub.Target) string { return etag(t.Version) }

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

func (s *Service) match(t hub.Target, ifMatch string) error {
	if matches(t.Version, ifMatch) {
		return nil
	}
	return changedMeanwhile("the %s has changed meanwhile: it is at %s now", t.Kind, etag(t.Version))
}

// matches reads an If-Match header: empty and * match all, a list matches when one of it does.
func matches(version int64, ifMatch string) bool {
	if ifMatch == "" {
		return true
	}
	for one := range strings.SplitSeq(ifMatch, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == etag(version) {
			return true
		}
	}
	return false
}

func changedMeanwhile(format string, args ...any) error {
	return hub.Errorf(hub.PreconditionFailed, format, args...).WithHint("Read it again, apply your change to what you read, and send it with the new ETag.")
}
