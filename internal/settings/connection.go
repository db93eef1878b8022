package settings

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Connection is the way to one of their databases, as it is stored.
type Connection struct {
	hub.Object
	hub.Connection
	Deleted bool
}

func asConnection(t thing[hub.Connection]) Connection { return Connection{t.Object, t.Set, t.Deleted} }

func (s *Service) connections() noun[hub.Connection] {
	return noun[hub.Connection]{
		s: s, kind: kindConnection, prefix: hub.ConnPrefix,
		blank:   func() hub.Connection { return hub.Connection{} },
		name:    func(c *hub.Connection) *string { return &c.Name },
		secrets: (*hub.Connection).Secrets,
		moved: func(next, prev *hub.Connection) func(string) bool {
			return func(string) bool { return next.Driver != prev.Driver }
		},
		prepare: s.prepareConnection,
		leave: func(ctx context.Context, t thing[hub.Connection]) error {
			return s.unused(ctx, t.Tenant, kindConnection, t.Set.Name, "deleted")
		},
		changed: func(t thing[hub.Connection]) {
			if s.ConnectionChanged != nil {
				s.ConnectionChanged(asConnection(t))
			}
		},
	}
}

// prepareConnection judges a connection without calling the database: it may be away just now.
func (s *Service) prepareConnection(ctx context.Context, tenant int64, next, prev *hub.Connection) error {
	var p hub.Problems
	checkObjectName(&p, next.Name, hub.ConnPrefix)
	hub.CheckText(&p, "/description", next.Description, hub.MaxDescriptionLen)
	drivers := []string{hub.DriverPostgres, hub.DriverMySQL, hub.DriverSQLite}
	if !slices.Contains(drivers, next.Driver) {
		p.Add("/driver", "%q is none of %s", next.Driver, strings.Join(drivers, ", "))
	}
	hub.CheckText(&p, "/dsn", next.DSN.Reveal(), hub.MaxURLLen)
	if next.DSN.IsZero() {
		p.Add("/dsn", "is missing")
	}
	if len(p) > 0 {
		return p.Err()
	}
	// Half a DSN is not filled up: with another host beside it, the stored password would go there.
	if strings.Contains(next.DSN.Reveal(), hub.Masked) && (prev == nil || next.DSN != prev.DSN) {
		p.Add("/dsn", "must be given as a whole, with its password; *** alone keeps it as it is")
		err := hub.Errorf(hub.SecretRequired, "%s %s", p[0].Pointer, p[0].Detail)
		err.Fields = p
		return err
	}
	if err := s.checkDSN(ctx, *next); err != nil {
		return err
	}
	if prev != nil && prev.Name != next.Name {
		return s.unused(ctx, tenant, kindConnection, prev.Name, "renamed")
	}
	return nil
}

// checkObjectName wants a name that can stand in a URL for the id.
func checkObjectName(p *hub.Problems, name, prefix string) {
	hub.CheckText(p, "/name", name, hub.MaxNameLen)
	switch {
	case strings.TrimSpace(name) == "":
		p.Add("/name", "is missing")
	case name == ".", name == "..", strings.Contains(name, "/"), hub.HasControl(name):
		p.Add("/name", "%q cannot stand in an address", name)
	case strings.HasPrefix(name, prefix):
		p.Add("/name", "must not begin with %s, as our own ids do", prefix)
	}
}

// CreateConnection stores a new connection; settings is a JSON object as the API takes it.
func (s *Service) CreateConnection(ctx context.Context, tenant int64, settings json.RawMessage, by By) (Connection, error) {
	t, err := s.connections().create(ctx, tenant, settings, by)
	return asConnection(t), err
}

// ReplaceConnection puts a connection, and creates one that is not there at the name in the URL.
func (s *Service) ReplaceConnection(ctx context.Context, tenant int64, ref string, settings json.RawMessage, ifMatch string, by By) (c Connection, created bool, err error) {
	t, created, err := s.connections().replace(ctx, tenant, ref, settings, ifMatch, by)
	return asConnection(t), created, err
}

// PatchConnection merges a JSON object into a connection (RFC 7396).
func (s *Service) PatchConnection(ctx context.Context, tenant int64, ref string, patch json.RawMessage, ifMatch string, by By) (Connection, error) {
	t, err := s.connections().patch(ctx, tenant, ref, patch, ifMatch, by)
	return asConnection(t), err
}

// DeleteConnection removes a connection that no pipeline uses.
func (s *Service) DeleteConnection(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	return s.connections().remove(ctx, tenant, ref, ifMatch, by)
}

// Connection finds one by id or name, with its DSN.
func (s *Service) Connection(ctx context.Context, tenant int64, ref string) (Connection, error) {
	t, err := s.connections().find(ctx, tenant, ref)
	return asConnection(t), err
}

// ConnectionPage lists a tenant's connections.
func (s *Service) ConnectionPage(ctx context.Context, tenant int64, page store.Page) ([]Connection, string, error) {
	things, next, err := s.connections().page(ctx, tenant, page)
	return listOf(things, asConnection), next, err
}

// ETag names a version of the settings.
func (c Connection) ETag() string { return etag(c.Version) }

func listOf[T, U any](list []thing[T], as func(thing[T]) U) []U {
	out := make([]U, len(list))
	for i, t := range list {
		out[i] = as(t)
	}
	return out
}

// AllConnections lists those of every tenant, with their secrets, for the start.
func (s *Service) AllConnections(ctx context.Context) ([]Connection, error) {
	list, err := s.connections().all(ctx)
	return listOf(list, asConnection), err
}
