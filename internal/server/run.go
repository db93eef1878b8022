package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hacek/internal/api"
	"hacek/internal/auth"
	"hacek/internal/clock"
	"hacek/internal/engine"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/pipeline"
	"hacek/internal/receiver"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/support"
	"hacek/packs"
)

// Options of Run are what its caller wants to know. Log and Fatal are needed.
type Options struct {
	Log     *slog.Logger
	Version string // shown to receivers as part of the user agent
	// FirstKey is given the administrator's key that a first start makes when the configuration has none.
	FirstKey func(key string)
	// FirstLink is given the address at which the first administrator is made, at every start without one.
	FirstLink func(address string)
	// Listening is called once requests are taken.
	Listening func(net.Addr)
	// Fatal is called when nothing can be made durable any more; it must end the process.
	Fatal func(error)
}

// house is everything that runs, in the order it is built.
type house struct {
	store    *store.Store
	auth     *auth.Authenticator
	sender   *sender.Sender
	settings *settings.Service
	ingest   *ingest.Publisher
	log      *sender.DeliveryLog
	engine   *engine.Engine
	stream   *api.Stream
	api      *api.API
	tenants  sync.Map               // number -> id
	own      atomic.Pointer[string] // the address of the first listener, once it listens

	databases connections
	tables    tables
	providers []*packs.Provider
	pipelines *pipeline.Runner
	receiver  *receiver.Receiver
	listeners *receiver.Listeners

	console console
	support *support.Bundle
}

// Run is the hub from start to clean stop. It returns when ctx has ended and everything is durable, or with the
// reason why it could not start or go on.
func Run(ctx context.Context, c Config, o Options) error {
	remembered := &support.Log{}
	o.Log = slog.New(remembered.Handler(o.Log.Handler()))
	h, err := build(ctx, c, o)
	if err != nil {
		return err
	}
	h.support.Log = remembered
	// Before anything is made that is shown only once.
	door, err := openDoor(c, h.doors(), o.Log)
	if err != nil {
		return errors.Join(err, h.store.Close())
	}
	own := reachable(c, door.listener.Addr())
	h.own.Store(&own)
	defer func() { _ = door.listener.Close() }() // when something below fails before it serves
	crew := newCrew(o.Log)
	// The store stops last: whatever was attempted until then is recorded.
	committing := crew.start(ctx, "store", h.store.Run)
	defer committing.stop()

	if err := h.load(ctx); err != nil {
		return err
	}
	if err := h.firstKey(ctx, c, o); err != nil {
		return err
	}
	if err := h.firstLink(ctx, o, reachable(c, door.listener.Addr())); err != nil {
		return err
	}
	counting := crew.start(ctx, "console", h.console.tally.Run)
	defer counting.stop()
	logging := crew.start(ctx, "delivery log", h.log.Run)
	defer logging.stop()
	delivering := crew.start(ctx, "engine", h.engine.Run)
	defer delivering.stop()
	discovering := crew.start(ctx, "settings", h.settings.Run)
	defer discovering.stop()
	replaying := crew.start(ctx, "replays", h.ingest.Run)
	defer replaying.stop()
	defer h.databases.close()
	receiving := crew.start(ctx, "receiver", h.receiver.Run)
	defer receiving.stop()
	listening := crew.start(ctx, "listeners", h.listeners.Run)
	defer listening.stop()

	serving := crew.start(ctx, "listener", door.run)
	defer serving.stop()
	defer door.close(ctx)
	defer h.stream.Close()
	defer h.console.live.Close()

	o.Log.Info("hub started", "address", door.listener.Addr().String(), "database", c.Driver(), "data", c.Data)
	if o.Listening != nil {
		o.Listening(door.listener.Addr())
	}
	select {
	case <-ctx.Done():
		o.Log.Info("hub stopping")
		return nil
	case err := <-crew.failed:
		return err
	}
}

// Migrate brings the schema up to date, which opening does, and nothing else.
func Migrate(ctx context.Context, c Config, log *slog.Logger) error {
	s, err := openStore(ctx, c, store.Options{Log: log, Now: time.Now})
	if err != nil {
		return err
	}
	return s.Close()
}

func openStore(ctx context.Context, c Config, o store.Options) (*store.Store, error) {
	_, missing := os.Stat(c.KeyFile())
	key, err := store.LoadKey(c.KeyFile())
	if err != nil {
		return nil, err
	}
	o.Dir, o.URL, o.SecretKey = c.Data, c.Database.Reveal(), key
	o.DedupeWindow, o.Reserve = c.DedupeWindow, c.Reserve
	s, err := store.Open(ctx, o)
	if err == nil && missing != nil {
		// A new key opens nothing that an older one has sealed, and must not lie where the right one will be restored.
		if _, err = s.Targets(ctx); err != nil {
			_ = s.Close()
			_ = os.Remove(c.KeyFile())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return s, nil
}

// build assembles the house from the ground up. What is known below learns of what is above through functions only.
func build(ctx context.Context, c Config, o Options) (*house, error) {
	h := &house{stream: &api.Stream{}}
	h.sender = &sender.Sender{Log: o.Log, Policy: sender.Policy{Allow: c.AllowPrivate, Proxy: c.Proxy}, UserAgent: "hacek/" + o.Version}
	h.engine = &engine.Engine{Sender: h.sender, Clock: clock.System{}, Log: o.Log, Retain: c.Retain, Attempted: h.attempted}
	h.log = &sender.DeliveryLog{Path: filepath.Join(c.Data, "logs", "webhooks.log")}

	var err error
	h.store, err = openStore(ctx, c, store.Options{
		Log: o.Log, Now: time.Now, Fatal: o.Fatal,
		Committed: func(fresh []store.Fresh) {
			h.engine.Offer(fresh)
			h.stream.Accepted(fresh)
			h.console.live.Accepted(fresh)
		},
		Refused: h.engine.Refused,
		Recorded: func(outcomes []*store.Outcome) {
			h.engine.Recorded(outcomes)
			h.stream.Recorded(outcomes)
			h.console.recorded(outcomes)
		},
	})
	if err != nil {
		return nil, err
	}
	h.engine.Store = h.store
	h.auth = &auth.Authenticator{Store: h.store, AdminKey: c.APIKey, Now: time.Now}
	h.ingest = &ingest.Publisher{Store: h.store, Log: o.Log, Now: time.Now, MaxData: c.MaxData, Touched: h.engine.Touched}
	h.settings = &settings.Service{
		Store: h.store, Sender: h.sender, Log: o.Log, Now: time.Now,
		// The engine first: it must know a target before an event can be owed to it.
		Changed: func(t hub.Target, rev int64) {
			h.engine.SetTarget(t)
			h.ingest.SetTarget(t, rev)
		},
		TypesChanged: func(types []settings.EventType) { h.ingest.SetEventTypes(rules(types)) },
		KeysChanged:  h.auth.Forget,
		Matches:      h.ingest.Matches,
	}
	h.ingest.Discovered = h.settings.Discovered
	h.ingest.Sending = h.sending
	if err := h.buildReceiving(c, o); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	h.follow(c)
	h.api = api.New(api.Options{
		Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: h.store, Log: o.Log, Now: time.Now, MaxData: c.MaxData,
		Sending:    h.sending,
		Ready:      h.ready,
		Collectors: []prometheus.Collector{&gauges{engine: h.engine, store: h.store, ingest: h.ingest, receiver: h.receiver}},
		Stream:     h.stream,
		PublicURL:  h.publicURL(c),
		Release:    h.receiver.Release, PreviewSource: h.receiver.Preview, Trigger: h.receiver.Trigger,
		Support: h.serveSupport, Mail: h.pipelines.Mail, Listening: h.listeners.State,
	})
	h.support = &support.Bundle{
		Settings: h.settings, Store: h.store, Now: time.Now, Version: o.Version, Config: c.Shown(), Secrets: c.secrets(),
		DeliveryLog: h.log.Path, Metrics: h.api.MetricsText, Ready: h.api.Health, Logger: o.Log,
	}
	h.listeners.Room = roomOf
	h.listeners.Handlers = map[string]http.Handler{hub.ServesReceiver: h.receiver, hub.ServesAPI: h.api}
	h.buildConsole(c, o)
	return h, nil
}

// load tells the engine, and then the door for events, of everything that is set up.
func (h *house) load(ctx context.Context) error {
	if err := h.settings.Ensure(ctx); err != nil {
		return fmt.Errorf("prepare the tenant default: %w", err)
	}
	targets, err := h.store.Targets(ctx)
	if err != nil {
		return fmt.Errorf("load the endpoints: %w", err)
	}
	for _, t := range targets {
		h.engine.SetTarget(t)
	}
	// Revisions are numbered across tenants, so the highest of all describes each tenant as it is now.
	rev, err := h.store.NewestRevision(ctx)
	if err != nil {
		return fmt.Errorf("load the endpoints: %w", err)
	}
	h.ingest.SetTargets(targets, rev)
	types, err := h.settings.EventTypes(ctx)
	if err != nil {
		return fmt.Errorf("load the event types: %w", err)
	}
	h.ingest.SetEventTypes(rules(types))
	return h.loadReceiving(ctx)
}

func rules(types []settings.EventType) []ingest.EventRule {
	list := make([]ingest.EventRule, 0, len(types))
	for _, t := range types {
		if !t.Discovered {
			list = append(list, ingest.EventRule{Name: t.Name, Schema: t.Schema, Key: t.Key, Refs: t.Refs})
		}
	}
	return list
}

// firstKey makes an administrator's key when nobody could call the hub otherwise.
func (h *house) firstKey(ctx context.Context, c Config, o Options) error {
	if !c.APIKey.IsZero() || o.FirstKey == nil {
		return nil
	}
	tenant, err := h.settings.Tenant(ctx, settings.DefaultTenant)
	if err != nil {
		return fmt.Errorf("look for an administrator: %w", err)
	}
	keys, err := h.store.APIKeys(ctx, tenant.No)
	if err != nil {
		return fmt.Errorf("look for an administrator: %w", err)
	}
	if len(keys) > 0 {
		return nil
	}
	_, key, err := h.settings.CreateKey(ctx, tenant.No, settings.Key{Name: "first start", Role: hub.Administrator}, settings.By{Name: "hacek"})
	if err != nil {
		return fmt.Errorf("make the first key: %w", err)
	}
	o.FirstKey(key.Reveal())
	return nil
}

// attempted writes the delivery log: which data were sent to whom and when.
func (h *house) attempted(t *hub.Target, call sender.Call, a *hub.Attempt) {
	h.log.Write(sender.Record{
		Tenant:  h.tenant(t.Tenant),
		Attempt: a, Event: call.Event, EventID: call.EventID, DeliveryID: call.DeliveryID, AttemptID: call.AttemptID,
		EndpointID: t.ID.Text(t.Prefix()), EndpointName: t.Name,
	})
}

// tenant is a tenant's id as the outside knows it. It is asked for with every attempt, so it is read once.
func (h *house) tenant(no int64) string {
	if name, known := h.tenants.Load(no); known {
		return name.(string)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	t, err := h.store.TenantByNo(ctx, no)
	if err != nil {
		return "" // it was deleted, or the database is busy: the line is worth more than its tenant
	}
	name := t.ID.Text(hub.TenantPrefix)
	h.tenants.Store(no, name)
	return name
}

// sending asks the engine, and takes no for an answer when it is too busy to give one.
func (h *house) sending(target, seq int64) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return h.engine.Sending(ctx, target)[seq]
}

func (h *house) ready() error {
	if h.store.Stuck() {
		return errors.New("outcomes cannot be recorded, so nothing is sent")
	}
	return nil
}
