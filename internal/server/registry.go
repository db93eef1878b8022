package server

import (
	"context"
	"fmt"
	"sync"

	"hacek/internal/connection"
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// place is how settings name one another: by name, within a tenant.
type place struct {
	tenant int64
	name   string
}

// connections are the ways to their databases. One is opened when it is first needed.
type connections struct {
	options connection.Options

	mu   sync.Mutex
	set  map[place]settings.Connection
	open map[int64]*connection.DB // by the object's number
}

// changed takes newest settings; what is open under the old ones is closed.
func (c *connections) changed(s settings.Connection) {
	c.mu.Lock()
	old := c.open[s.No]
	delete(c.open, s.No)
	for at, other := range c.set {
		if other.No == s.No {
			delete(c.set, at) // its name may have changed
		}
	}
	if !s.Deleted {
		if c.set == nil {
			c.set = map[place]settings.Connection{}
		}
		c.set[place{s.Tenant, s.Name}] = s
	}
	c.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
}

// get is a connection by its name.
func (c *connections) get(ctx context.Context, tenant int64, name string) (*connection.DB, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, known := c.set[place{tenant, name}]
	if !known {
		return nil, hub.Errorf(hub.NotFound, "no connection %q", name).WithHint("Set it up again under this name, or choose another one in the pipeline.")
	}
	if db := c.open[s.No]; db != nil {
		return db, nil
	}
	db, err := connection.Open(ctx, s.Connection, c.options)
	if err != nil {
		return nil, fmt.Errorf("connection %q: %w", name, err)
	}
	if c.open == nil {
		c.open = map[int64]*connection.DB{}
	}
	c.open[s.No] = db
	return db, nil
}

func (c *connections) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for no, db := range c.open {
		_ = db.Close()
		delete(c.open, no)
	}
}

// tables are the translation tables.
type tables struct {
	mu  sync.RWMutex
	set map[place]settings.Table
}

func (t *tables) changed(s settings.Table) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, other := range t.set {
		if other.No == s.No {
			delete(t.set, at)
		}
	}
	if s.Deleted {
		return
	}
	if t.set == nil {
		t.set = map[place]settings.Table{}
	}
	t.set[place{s.Tenant, s.Name}] = s
}

func (t *tables) get(_ context.Context, tenant int64, name string) (hub.TranslationTable, error) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	s, known := t.set[place{tenant, name}]
	if !known {
		return hub.TranslationTable{}, hub.Errorf(hub.NotFound, "no translation table %q", name).WithHint("Set it up again under this name, or choose another one in the pipeline.")
	}
	return s.TranslationTable, nil
}
