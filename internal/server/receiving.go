package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/mail"
	"hacek/internal/notice"
	"hacek/internal/pipeline"
	"hacek/internal/receiver"
	"hacek/packs"
)

// buildReceiving assembles what takes requests in and works them: receiver, listeners, pipelines, mail, notices.
func (h *house) buildReceiving(c Config, o Options) error {
	providers, err := packs.Providers()
	if err != nil {
		return fmt.Errorf("read the providers: %w", err)
	}
	h.providers = providers
	byName := make(map[string]*packs.Provider, len(providers))
	for _, p := range providers {
		byName[p.Name] = p
	}
	if err := os.MkdirAll(c.ConnectionsDir(), 0o700); err != nil {
		return fmt.Errorf("make the folder of connections' files: %w", err)
	}
	h.databases.options = connection.Options{
		Dir: c.ConnectionsDir(), Refuse: []string{c.KeyFile(), h.store.File(), filepath.Join(c.Data, "logs")},
	}
	h.pipelines = &pipeline.Runner{
		Sender: h.sender, Log: o.Log, Connection: h.databases.get, Table: h.tables.get, Publish: h.publish,
	}
	if !c.Mail.IsZero() {
		h.pipelines.Mail = &mail.Mailer{Server: c.Mail, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			return h.sender.Guard(0).DialContext(ctx, network, address) // under the policy of the moment
		}}
		if err := h.pipelines.Mail.Check(); err != nil {
			return fmt.Errorf("mail server: %w", err)
		}
	}
	h.engine.Pipelines = h.pipelines
	h.ingest.Repeated = h.pipelines.Repeated
	h.receiver = &receiver.Receiver{
		Ingest: h.ingest, Store: h.store, Log: o.Log, Now: time.Now,
		Provider:  func(name string) *packs.Provider { return byName[name] },
		Fetch:     h.fetch,
		Confirm:   h.confirm,
		PublicURL: h.publicURL(c),
	}
	h.listeners = &receiver.Listeners{Log: o.Log}
	notices := &notice.Writer{Publish: h.publishNotice, Waiting: h.waiting, Address: c.PublicURL, Log: o.Log}
	h.engine.Notice = notices.Give
	return nil
}

// follow lets what is built below hear of every change of a setting.
func (h *house) follow(c Config) {
	s := h.settings
	s.DedupeWindow = c.DedupeWindow
	s.Runner, s.Databases = h.pipelines, h.databases.options
	s.Provider, s.Providers = packs.OpenProvider, func() ([]*packs.Provider, error) { return h.providers, nil }
	s.ConnectionChanged = h.databases.changed
	s.TableChanged = h.tables.changed
	s.SourceChanged = h.receiver.SetSource
	s.ListenerChanged = h.listeners.Set
	s.MailReady = h.pipelines.Mail != nil
}

// loadReceiving tells everybody of what is set up already. Sources come last: they let requests in.
func (h *house) loadReceiving(ctx context.Context) error {
	connections, err := h.settings.AllConnections(ctx)
	if err != nil {
		return fmt.Errorf("load the connections: %w", err)
	}
	for _, c := range connections {
		h.databases.changed(c)
	}
	tables, err := h.settings.AllTables(ctx)
	if err != nil {
		return fmt.Errorf("load the translation tables: %w", err)
	}
	for _, t := range tables {
		h.tables.changed(t)
	}
	sources, err := h.settings.AllSources(ctx)
	if err != nil {
		return fmt.Errorf("load the sources: %w", err)
	}
	for _, s := range sources {
		h.receiver.SetSource(s)
	}
	listeners, err := h.settings.AllListeners(ctx)
	if err != nil {
		return fmt.Errorf("load the listeners: %w", err)
	}
	for _, l := range listeners {
		h.listeners.Set(l)
	}
	return nil
}

// publicURL is how others reach a listener: its own public address, else that of the hub.
func (h *house) publicURL(c Config) func(listener string) string {
	return func(listener string) string {
		if url := h.listeners.PublicURL(listener); url != "" {
			return url
		}
		if c.PublicURL != "" {
			return c.PublicURL
		}
		if own := h.own.Load(); own != nil {
			return *own
		}
		return "http://" + c.Listen // nothing listens yet
	}
}

// asLongAsRemembered makes an id that we made ourselves one event, as long as the store remembers it.
const asLongAsRemembered = 90 * 24 * time.Hour

// publish is the door for events that a pipeline makes. The same id again is the same event.
func (h *house) publish(ctx context.Context, from *hub.Event, in pipeline.Publish) (hub.ID, error) {
	out := h.ingest.Publish(ctx, from.Tenant, ingest.Input{
		Type: in.Type, Data: in.Data, Key: optionalKey(in.Key), ID: in.ID, Source: "pipeline", Parent: from.ID, Hops: from.Hops + 1,
		Window: asLongAsRemembered,
	})[0]
	if out.Err != nil {
		return hub.ID{}, out.Err
	}
	return out.Event.ID, nil
}

// optionalKey is nil where the event type says where the key stands.
func optionalKey(key string) *string {
	if key == "" {
		return nil
	}
	return &key
}

func (h *house) publishNotice(ctx context.Context, tenant int64, kind, id, key string, data []byte) error {
	return h.ingest.Publish(ctx, tenant, ingest.Input{
		Type: kind, Data: data, Key: &key, ID: id, Source: "hacek", Own: true, Window: asLongAsRemembered,
	})[0].Err
}

func (h *house) waiting(ctx context.Context, target int64) int64 {
	n, _, err := h.store.Waiting(ctx, target)
	if err != nil {
		return 0
	}
	return n
}

// Limits of the calls that the receiver makes.
const (
	maxCertificate = 64 << 10
	callTimeout    = 10 * time.Second
)

// fetch reads a certificate through the guarded dialer.
func (h *house) fetch(ctx context.Context, tenant int64, address string) ([]byte, error) {
	answer, err := h.get(ctx, tenant, address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxCertificate+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", address, err)
	}
	if len(text) > maxCertificate {
		return nil, fmt.Errorf("%s is larger than %d bytes", address, maxCertificate)
	}
	return text, nil
}

// confirm calls an address that confirms a subscription.
func (h *house) confirm(ctx context.Context, tenant int64, address string) error {
	answer, err := h.get(ctx, tenant, address)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func (h *house) get(ctx context.Context, tenant int64, address string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: h.sender.Guard(tenant).DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = closing{answer.Body, cancel}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close()
		return nil, fmt.Errorf("%s answered %d", address, answer.StatusCode)
	}
	return answer, nil
}

// closing ends a call's time limit with its body.
type closing struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (c closing) Close() error {
	defer c.cancel()
	return c.ReadCloser.Close()
}
