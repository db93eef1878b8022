package settings

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// noun is one kind of thing that is set up and is no target - a source, a connection, a table, a listener: how its
// settings are read, judged, stored and told of. Functions that are nil are not needed by the kind.
type noun[T any] struct {
	s            *Service
	kind, prefix string // of its rows and revisions; of its ids

	blank   func() T                                      // the settings when nothing is given
	name    func(*T) *string                              // where its name stands; unique in the tenant
	place   func(*T) string                               // what is unique in the whole installation, "" for none
	secrets func(*T) map[string]*hub.Secret               // by JSON Pointer
	moved   func(next, prev *T) func(pointer string) bool // secrets that must be given again (rule 3)

	// under is what holds below the given settings and above the defaults: a preset. prev is nil for a new thing.
	under func(given map[string]any, prev *T) (map[string]any, error)
	// prepare fills and judges: after it, next is what will be stored. Secrets stand in it already.
	prepare func(ctx context.Context, tenant int64, next, prev *T) error
	// leave says why the thing must not go yet.
	leave func(ctx context.Context, t thing[T]) error
	// changed is told after each commit.
	changed func(t thing[T])
}

// thing is one of a kind, with its settings.
type thing[T any] struct {
	hub.Object
	Set     T
	Deleted bool
}

// create stores a new thing. raw is a JSON object; what it leaves out gets its default.
func (n noun[T]) create(ctx context.Context, tenant int64, raw json.RawMessage, by By) (thing[T], error) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	given, err := object(raw)
	if err != nil {
		return thing[T]{}, err
	}
	return n.insert(ctx, tenant, given, by)
}

func (n noun[T]) insert(ctx context.Context, tenant int64, given map[string]any, by By) (thing[T], error) {
	next, err := n.read(given, nil)
	if err != nil {
		return thing[T]{}, err
	}
	if err := n.judge(ctx, tenant, &next, nil); err != nil {
		return thing[T]{}, err
	}
	now := n.s.now()
	t := thing[T]{Object: hub.Object{ID: hub.NewID(), Tenant: tenant, Version: 1, CreatedAt: now, UpdatedAt: now}, Set: next}
	return n.commit(ctx, "created", nil, t, by)
}

// replace puts settings: those that are not given get their default, and a thing that is not there is created under
// the name in the URL.
func (n noun[T]) replace(ctx context.Context, tenant int64, ref string, raw json.RawMessage, ifMatch string, by By) (t thing[T], created bool, err error) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	given, err := object(raw)
	if err != nil {
		return thing[T]{}, false, err
	}
	prev, err := n.find(ctx, tenant, ref)
	if hub.CodeOf(err) == hub.NotFound && !strings.HasPrefix(ref, n.prefix) {
		if ifMatch != "" {
			return thing[T]{}, false, changedMeanwhile("there is no %s %q", n.kind, ref)
		}
		if err := n.adopt(given, ref); err != nil {
			return thing[T]{}, false, err
		}
		t, err = n.insert(ctx, tenant, given, by)
		return t, err == nil, err
	}
	if err != nil {
		return thing[T]{}, false, err
	}
	if _, named := given["name"]; !named && ref == *n.name(&prev.Set) {
		given["name"] = ref
	}
	next, err := n.read(given, nil)
	if err != nil {
		return thing[T]{}, false, err
	}
	t, err = n.change(ctx, prev, next, ifMatch, by)
	return t, false, err
}

// adopt gives a new thing the name it was put at.
func (n noun[T]) adopt(given map[string]any, ref string) error {
	name, _ := given["name"].(string)
	if name == "" {
		given["name"] = ref
		return nil
	}
	if n.place != nil {
		if next, err := n.read(given, nil); err == nil && n.place(&next) == ref {
			return nil
		}
	}
	if name != ref {
		var p hub.Problems
		p.Add("/name", "is %q, but the address says %q", name, ref)
		return p.Err()
	}
	return nil
}

// patch merges a JSON object into the settings (RFC 7396); null brings a default back.
func (n noun[T]) patch(ctx context.Context, tenant int64, ref string, raw json.RawMessage, ifMatch string, by By) (thing[T], error) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	prev, err := n.find(ctx, tenant, ref)
	if err != nil {
		return thing[T]{}, err
	}
	next, err := n.patched(prev, raw)
	if err != nil {
		return thing[T]{}, err
	}
	return n.change(ctx, prev, next, ifMatch, by)
}

// patched is the settings with a merge patch applied and the stored secrets as "***".
func (n noun[T]) patched(prev thing[T], raw json.RawMessage) (T, error) {
	var none T
	changes, err := object(raw)
	if err != nil {
		return none, err
	}
	return n.read(changes, &prev.Set)
}

// read makes settings of what was given: over those of before, where there are some; over a preset; over the defaults.
func (n noun[T]) read(given map[string]any, prev *T) (T, error) {
	next := n.blank()
	base := map[string]any{}
	if prev != nil {
		text, err := asJSON(prev)
		if err != nil {
			return next, err
		}
		if base, err = object(text); err != nil {
			return next, fmt.Errorf("read our own JSON: %w", err)
		}
	}
	if n.under != nil {
		preset, err := n.under(given, prev)
		if err != nil {
			return next, err
		}
		base = merge(base, preset)
	}
	return next, decode(merge(base, given), &next)
}

// judge keeps secrets that are given as "***", fills and validates.
func (n noun[T]) judge(ctx context.Context, tenant int64, next, prev *T) error {
	if n.secrets != nil {
		var old hub.Secretive
		moved := func(string) bool { return false }
		if prev != nil {
			old = noHeaders(n.secrets(prev))
			if n.moved != nil {
				moved = n.moved(next, prev)
			}
		}
		if err := keepSecrets(noHeaders(n.secrets(next)), old, moved); err != nil {
			return err
		}
	}
	if n.prepare == nil {
		return nil
	}
	return n.prepare(ctx, tenant, next, prev)
}

// noHeaders are the secrets of settings in which no header is one.
type noHeaders map[string]*hub.Secret

func (h noHeaders) Secrets() map[string]*hub.Secret                 { return h }
func (h noHeaders) HeaderSecrets() map[string]map[string]hub.Secret { return nil }

// change puts new settings in the place of a thing's old ones.
func (n noun[T]) change(ctx context.Context, prev thing[T], next T, ifMatch string, by By) (thing[T], error) {
	if !matches(prev.Version, ifMatch) {
		return thing[T]{}, n.stale(prev)
	}
	if err := n.judge(ctx, prev.Tenant, &next, &prev.Set); err != nil {
		return thing[T]{}, err
	}
	same, err := n.same(&next, &prev.Set)
	if err != nil || same {
		return prev, err
	}
	t := prev
	t.Set = next
	t.Version++
	t.UpdatedAt = n.s.now()
	return n.commit(ctx, "changed", &prev, t, by)
}

func (n noun[T]) stale(prev thing[T]) error {
	return changedMeanwhile("the %s has changed meanwhile: it is at %s now", n.kind, etag(prev.Version))
}

func (n noun[T]) same(a, b *T) (bool, error) {
	before, err := asJSON(b)
	if err != nil {
		return false, err
	}
	after, err := asJSON(a)
	if err != nil || string(before) != string(after) {
		return false, err
	}
	return n.secrets == nil || sameSecrets(noHeaders(n.secrets(a)), noHeaders(n.secrets(b))), nil
}

// remove deletes a thing at once.
func (n noun[T]) remove(ctx context.Context, tenant int64, ref, ifMatch string, by By) error {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	prev, err := n.find(ctx, tenant, ref)
	if err != nil {
		return err
	}
	if !matches(prev.Version, ifMatch) {
		return n.stale(prev)
	}
	if n.leave != nil {
		if err := n.leave(ctx, prev); err != nil {
			return err
		}
	}
	t := prev
	t.Deleted = true
	_, err = n.commit(ctx, "deleted", &prev, t, by)
	return err
}

// find reads one by id, name or place.
func (n noun[T]) find(ctx context.Context, tenant int64, ref string) (thing[T], error) {
	if id, err := hub.ParseID(n.prefix, ref); err == nil {
		row, err := n.s.Store.ObjectByID(ctx, tenant, n.kind, id)
		return n.found(row, err, ref)
	}
	row, err := n.s.Store.ObjectByName(ctx, tenant, n.kind, ref)
	if hub.CodeOf(err) == hub.NotFound && n.place != nil {
		rows, all := n.s.Store.Objects(ctx, n.kind)
		if all != nil {
			return thing[T]{}, all
		}
		for _, r := range rows {
			if r.Tenant == tenant && r.Place == ref {
				row, err = r, nil
			}
		}
	}
	return n.found(row, err, ref)
}

func (n noun[T]) found(row store.ObjectRow, err error, ref string) (thing[T], error) {
	if hub.CodeOf(err) == hub.NotFound {
		return thing[T]{}, hub.Errorf(hub.NotFound, "no %s %q", n.kind, ref)
	}
	if err != nil {
		return thing[T]{}, err
	}
	return n.from(row)
}

// page lists a tenant's.
func (n noun[T]) page(ctx context.Context, tenant int64, p store.Page) ([]thing[T], string, error) {
	rows, next, err := n.s.Store.ObjectPage(ctx, tenant, n.kind, p)
	if err != nil {
		return nil, "", err
	}
	list, err := n.fromAll(rows)
	return list, next, err
}

// all lists every tenant's, for a start.
func (n noun[T]) all(ctx context.Context) ([]thing[T], error) {
	rows, err := n.s.Store.Objects(ctx, n.kind)
	if err != nil {
		return nil, err
	}
	return n.fromAll(rows)
}

func (n noun[T]) fromAll(rows []store.ObjectRow) ([]thing[T], error) {
	list := make([]thing[T], len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = n.from(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (n noun[T]) from(row store.ObjectRow) (thing[T], error) {
	t := thing[T]{Object: row.Object, Set: n.blank()}
	if err := json.Unmarshal(row.Config, &t.Set); err != nil {
		return t, fmt.Errorf("read %s %q: %w", n.kind, row.Name, err)
	}
	if n.secrets != nil {
		for pointer, secret := range n.secrets(&t.Set) {
			*secret = hub.NewSecret(row.Secrets[pointer])
		}
	}
	return t, nil
}

func (n noun[T]) row(t *thing[T]) (store.ObjectRow, error) {
	config, err := asJSON(&t.Set)
	if err != nil {
		return store.ObjectRow{}, err
	}
	row := store.ObjectRow{Object: t.Object, Kind: n.kind, Name: *n.name(&t.Set), Config: config, Secrets: map[string]string{}}
	if n.place != nil {
		row.Place = n.place(&t.Set)
	}
	if n.secrets != nil {
		for pointer, secret := range n.secrets(&t.Set) {
			row.Secrets[pointer] = secret.Reveal()
		}
	}
	return row, nil
}

// commit writes a thing and its revision in one transaction and tells of it afterwards. prev is nil for a new one.
func (n noun[T]) commit(ctx context.Context, action string, prev *thing[T], t thing[T], by By) (thing[T], error) {
	row, err := n.row(&t)
	if err != nil {
		return thing[T]{}, err
	}
	revision := store.Revision{Tenant: t.Tenant, At: n.s.now(), Who: by.Name, Action: action, Kind: n.kind, Object: t.ID.Text(n.prefix)}
	var before, after *T
	if prev != nil {
		before = &prev.Set
	}
	if !t.Deleted {
		after = &t.Set
	}
	err = n.s.Store.Write(ctx, func(tx *store.Tx) error {
		var err error
		switch {
		case prev == nil:
			err = tx.InsertObject(ctx, &row)
		case t.Deleted:
			err = tx.DeleteObject(ctx, row)
		default:
			err = tx.UpdateObject(ctx, &row, prev.Version)
		}
		if err != nil {
			return err
		}
		return revise(ctx, tx, revision, before, after)
	})
	if err != nil {
		return thing[T]{}, fmt.Errorf("%s %s %s: %w", action, n.kind, t.ID.Text(n.prefix), err)
	}
	t.Object = row.Object
	if n.changed != nil {
		n.changed(t)
	}
	return t, nil
}
