package support

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// about is hub.json: which program this is, what it was started with, and how it is.
type about struct {
	MadeAt   string            `json:"made_at"`
	MadeBy   string            `json:"made_by"`
	Version  string            `json:"version"`
	Build    map[string]string `json:"build"`
	Config   map[string]string `json:"config"`
	Database any               `json:"database"`
	DiskFree int64             `json:"disk_free_bytes"` // -1: it is not ours to know
	Ready    bool              `json:"ready"`
	WhyNot   string            `json:"why_not_ready,omitempty"`
}

func (b *Bundle) about(ctx context.Context, w *writer, by settings.By) error {
	a := about{
		MadeAt: hub.TimeText(b.Now()), MadeBy: by.Name, Version: b.Version, Build: build(), Config: b.Config,
		DiskFree: b.Store.Free(), Ready: true,
	}
	if b.Ready != nil {
		if err := b.Ready(ctx); err != nil {
			a.Ready, a.WhyNot = false, err.Error()
		}
	}
	if facts, err := b.Store.About(ctx); err != nil {
		a.Database = map[string]string{"error": err.Error()} // the bundle is wanted most when something is broken
	} else {
		a.Database = facts
	}
	text, err := asLine(a)
	if err != nil {
		return err
	}
	return w.file("hub.json", "the program, its start, its database, its health", text+"\n")
}

func build() map[string]string {
	facts := map[string]string{"go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision", "vcs.time", "vcs.modified":
				facts[s.Key] = s.Value
			}
		}
	}
	return facts
}

// setUp is everything that is set up, read before anything is written.
type setUp struct {
	tenants     []settings.Tenant
	targets     []hub.Target
	sources     []settings.Source
	connections []settings.Connection
	tables      []settings.Table
	listeners   []settings.Listener
	secrets     []hub.Secret
}

func (b *Bundle) setUp(ctx context.Context) (all setUp, err error) {
	if all.tenants, err = b.Settings.Tenants(ctx); err != nil {
		return all, err
	}
	if all.targets, err = b.Store.Targets(ctx); err != nil {
		return all, err
	}
	if all.sources, err = b.Settings.AllSources(ctx); err != nil {
		return all, err
	}
	if all.connections, err = b.Settings.AllConnections(ctx); err != nil {
		return all, err
	}
	if all.tables, err = b.Settings.AllTables(ctx); err != nil {
		return all, err
	}
	if all.listeners, err = b.Settings.AllListeners(ctx); err != nil {
		return all, err
	}
	for i := range all.targets {
		own := all.targets[i].Settings()
		all.secret(own.Secrets())
		for _, headers := range own.HeaderSecrets() {
			for _, value := range headers {
				all.secrets = append(all.secrets, value)
			}
		}
	}
	for i := range all.sources {
		all.secret(all.sources[i].Secrets())
	}
	for i := range all.connections {
		all.secret(all.connections[i].Secrets())
	}
	return all, nil
}

func (s *setUp) secret(named map[string]*hub.Secret) {
	for _, value := range named {
		s.secrets = append(s.secrets, *value)
	}
}

// entry is one line: one thing that is set up.
type entry struct {
	Tenant   string `json:"tenant,omitempty"`
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	Changed  string `json:"updated_at"`
	State    *state `json:"state,omitempty"` // of a target
	Settings any    `json:"settings"`
}

// state is how a target fares.
type state struct {
	Is        hub.TargetState  `json:"is"`
	By        string           `json:"by,omitempty"`
	Why       string           `json:"why,omitempty"`
	At        string           `json:"at"`
	Failures  int              `json:"failures_in_a_row"`
	Failing   string           `json:"failing_since,omitempty"`
	Backoff   string           `json:"backoff_until,omitempty"`
	Waiting   int64            `json:"waiting"`
	LastAt    string           `json:"last_attempt_at,omitempty"`
	Last      string           `json:"last_attempt,omitempty"`
	Yesterday map[string]int64 `json:"last_24_hours"`
}

func (b *Bundle) writeSetUp(ctx context.Context, w *writer, all setUp) error {
	ids := map[int64]string{}
	var tenants []string
	states := map[int64]*state{}
	for _, t := range all.tenants {
		ids[t.No] = t.ID.Text(hub.TenantPrefix)
		line, err := asLine(map[string]any{"id": ids[t.No], "uid": t.UID, "name": t.Name})
		if err != nil {
			return err
		}
		tenants = append(tenants, line)
		if err := b.states(ctx, t.No, states); err != nil {
			return err
		}
	}
	if err := w.lines("settings/tenants.jsonl", "tenants", tenants); err != nil {
		return err
	}
	var endpoints, pipelines []any
	for i := range all.targets {
		t := &all.targets[i]
		is := states[t.No]
		if is == nil {
			is = &state{}
		}
		is.of(t)
		e := entry{ids[t.Tenant], t.ID.Text(t.Prefix()), t.Version, hub.TimeText(t.UpdatedAt), is, t.Settings()}
		if t.Kind == hub.KindPipeline {
			pipelines = append(pipelines, e)
		} else {
			endpoints = append(endpoints, e)
		}
	}
	for _, kind := range []struct {
		name    string
		entries []any
	}{
		{"endpoints", endpoints}, {"pipelines", pipelines},
		{"sources", entries(ids, all.sources, func(s settings.Source) (hub.Object, string, any) { return s.Object, hub.SourcePrefix, s.Source })},
		{"connections", entries(ids, all.connections, func(c settings.Connection) (hub.Object, string, any) {
			return c.Object, hub.ConnPrefix, c.Connection
		})},
		{"tables", entries(ids, all.tables, func(t settings.Table) (hub.Object, string, any) {
			return t.Object, hub.TablePrefix, t.TranslationTable
		})},
		{"listeners", entries(ids, all.listeners, func(l settings.Listener) (hub.Object, string, any) {
			return l.Object, hub.ListenerPrefix, l.Listener
		})},
	} {
		texts := make([]string, len(kind.entries))
		for i, e := range kind.entries {
			var err error
			if texts[i], err = asLine(e); err != nil {
				return err
			}
		}
		if err := w.lines("settings/"+kind.name+".jsonl", kind.name, texts); err != nil {
			return err
		}
	}
	return nil
}

func entries[T any](tenants map[int64]string, list []T, parts func(T) (hub.Object, string, any)) []any {
	all := make([]any, len(list))
	for i, one := range list {
		o, prefix, set := parts(one)
		all[i] = entry{tenants[o.Tenant], o.ID.Text(prefix), o.Version, hub.TimeText(o.UpdatedAt), nil, set}
	}
	return all
}

// states reads how a tenant's targets fare, all at once: there may be thousands.
func (b *Bundle) states(ctx context.Context, tenant int64, into map[int64]*state) error {
	at := func(target int64) *state {
		if into[target] == nil {
			into[target] = &state{}
		}
		return into[target]
	}
	waiting, err := b.Store.WaitingOf(ctx, tenant)
	if err != nil {
		return err
	}
	for target, n := range waiting {
		at(target).Waiting = n
	}
	results, err := b.Store.LastResults(ctx, tenant)
	if err != nil {
		return err
	}
	for _, r := range results {
		s := at(r.Target)
		s.LastAt, s.Last = hub.TimeText(r.At), string(r.Result)
	}
	counts, err := b.Store.HourCounts(ctx, tenant, b.Now().Add(-24*time.Hour))
	if err != nil {
		return err
	}
	for _, c := range counts {
		s := at(c.Target)
		if s.Yesterday == nil {
			s.Yesterday = map[string]int64{}
		}
		s.Yesterday[string(c.Outcome)] += c.N
	}
	return nil
}

func (s *state) of(t *hub.Target) {
	s.Is, s.By, s.Why, s.At, s.Failures = t.State, t.StateBy, t.StateWhy, hub.TimeText(t.StateAt), t.Health.Failures
	if !t.Health.FailingSince.IsZero() {
		s.Failing = hub.TimeText(t.Health.FailingSince)
	}
	if t.Health.Open() {
		s.Backoff = hub.TimeText(t.Health.BackoffUntil)
	}
}
