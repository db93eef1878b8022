package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/url"
	"time"

	"hacek/internal/hub"
)

const targetColumns = `
	SELECT no, id, tenant_no, kind, name, uid, config, secrets, version, state, state_by, state_why, state_at,
		drain_rate, drain_mark, failures, hard, probes, tripped, failing_since, backoff_until, resumes, resumed_at, recoveries, recovered_at,
		created_at, updated_at, created_rev, deleted_rev
	FROM target`

// targetRow is a target with what only the store needs of it.
type targetRow struct {
	hub.Target
	createdRev int64
	deletedRev sql.NullInt64
}

func (s *Store) scanTarget(row rower) (targetRow, error) {
	var t targetRow
	var uid sql.NullString
	var config, rate string
	var secrets []byte
	var stateAt, created, updated, tripped int64
	var failing, backoff, resumed, recovered sql.NullInt64
	err := row.Scan(&t.No, &t.ID, &t.Tenant, &t.Kind, &t.Name, &uid, &config, &secrets, &t.Version, &t.State, &t.StateBy,
		&t.StateWhy, &stateAt, &rate, &t.DrainMark, &t.Health.Failures, &t.Health.Hard, &t.Health.Probes, &tripped, &failing, &backoff,
		&t.Release.Resumes, &resumed, &t.Release.Recoveries, &recovered, &created, &updated, &t.createdRev, &t.deletedRev)
	if err != nil {
		return t, err
	}
	t.UID, t.Deleted = uid.String, t.deletedRev.Valid
	t.StateAt, t.CreatedAt, t.UpdatedAt = fromMillis(stateAt), fromMillis(created), fromMillis(updated)
	t.Health.Tripped, t.Health.FailingSince, t.Health.BackoffUntil = tripped != 0, fromMillis(failing.Int64), fromMillis(backoff.Int64)
	t.Release.ResumedAt, t.Release.RecoveredAt = fromMillis(resumed.Int64), fromMillis(recovered.Int64)
	if rate != "" {
		if t.DrainRate, err = hub.ParseRate(rate); err != nil {
			return t, err
		}
	}
	if err := readSettings(&t.Target, config); err != nil {
		return t, err
	}
	if err := s.sealer.openAll(t.Settings(), t.ID, secrets); err != nil {
		return t, fmt.Errorf("target %s: %w", t.ID.Text(t.Prefix()), err)
	}
	return t, nil
}

func (s *Store) targets(ctx context.Context, where string, args ...any) ([]hub.Target, error) {
	rows, err := collect(ctx, s.db, "targets", s.scanTarget, targetColumns+where, args...)
	if err != nil {
		return nil, err
	}
	out := make([]hub.Target, len(rows))
	for i := range rows {
		out[i] = rows[i].Target
	}
	return out, nil
}

// Targets lists what is not deleted, of all tenants, with secrets: the engine starts with it.
func (s *Store) Targets(ctx context.Context) ([]hub.Target, error) {
	return s.targets(ctx, ` WHERE deleted_rev IS NULL ORDER BY no`)
}

// TargetPage lists a tenant's targets of a kind.
func (s *Store) TargetPage(ctx context.Context, tenant int64, kind hub.Kind, p Page) ([]hub.Target, string, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, high, err := p.bounds(1, 1<<62)
	if err != nil {
		return nil, "", err
	}
	order := ` ORDER BY no DESC LIMIT $5`
	if p.Ascending {
		order = ` ORDER BY no LIMIT $5`
	}
	found, err := s.targets(ctx, ` WHERE tenant_no = $1 AND kind = $2 AND no BETWEEN $3 AND $4 AND deleted_rev IS NULL`+order,
		tenant, string(kind), low, high, p.limit()+1)
	if err != nil || len(found) <= p.limit() {
		return found, "", err
	}
	found = found[:p.limit()]
	return found, cursor(found[len(found)-1].No), nil
}

func (s *Store) target(ctx context.Context, name, where string, args ...any) (hub.Target, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	t, err := s.scanTarget(s.db.QueryRowContext(ctx, targetColumns+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return hub.Target{}, hub.Errorf(hub.NotFound, "no target %q", name)
	}
	if err != nil {
		return hub.Target{}, fmt.Errorf("read target %q: %w", name, err)
	}
	return t.Target, nil
}

// Target finds one of a tenant's targets by id.
func (s *Store) Target(ctx context.Context, tenant int64, id hub.ID) (hub.Target, error) {
	return s.target(ctx, id.Text(hub.EndpointPrefix), ` WHERE tenant_no = $1 AND id = $2 AND deleted_rev IS NULL`, tenant, id[:])
}

// TargetByNo finds one of a tenant's targets by the number its deliveries bear, deleted ones too.
func (s *Store) TargetByNo(ctx context.Context, tenant, no int64) (hub.Target, error) {
	return s.target(ctx, fmt.Sprint(no), ` WHERE tenant_no = $1 AND no = $2`, tenant, no)
}

// TargetByUID finds one by its owner's name for it.
func (s *Store) TargetByUID(ctx context.Context, tenant int64, kind hub.Kind, uid string) (hub.Target, error) {
	return s.target(ctx, uid, ` WHERE tenant_no = $1 AND kind = $2 AND uid = $3 AND deleted_rev IS NULL`, tenant, string(kind), uid)
}

// TargetsByName finds all that bear a name.
func (s *Store) TargetsByName(ctx context.Context, tenant int64, kind hub.Kind, name string) ([]hub.Target, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return s.targets(ctx, ` WHERE tenant_no = $1 AND kind = $2 AND name = $3 AND deleted_rev IS NULL ORDER BY no`, tenant, string(kind), name)
}

// AllTargets lists a tenant's targets, deleted ones too, since deliveries may still bear their numbers.
func (s *Store) AllTargets(ctx context.Context, tenant int64) ([]hub.Target, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	return s.targets(ctx, ` WHERE tenant_no = $1 ORDER BY no`, tenant)
}

// shard is the same for targets of one host, so that one node keeps a host's budget.
func shard(t *hub.Target) int64 {
	name := t.Endpoint.Request.URL
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		name = u.Host
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int64(h.Sum32() % 256)
}

// InsertTarget stores a new target and gives it its number; rev is the revision that made it.
func (tx *Tx) InsertTarget(ctx context.Context, t *hub.Target, rev int64) error {
	config, secrets, err := tx.sealed(t)
	if err != nil {
		return err
	}
	if t.Version == 0 {
		t.Version = 1
	}
	const insert = `
		INSERT INTO target (id, tenant_no, kind, name, uid, shard, config, secrets, version, state, state_by, state_why, state_at,
			drain_rate, drain_mark, created_at, updated_at, created_rev)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
		RETURNING no`
	err = tx.QueryRowContext(ctx, insert, t.ID[:], t.Tenant, string(t.Kind), t.Name, nullText(t.UID), shard(t), config, secrets, t.Version,
		string(t.State), t.StateBy, t.StateWhy, millis(t.StateAt), t.DrainRate.String(), t.DrainMark, millis(t.CreatedAt), millis(t.UpdatedAt), rev).Scan(&t.No)
	if isConflict(err) {
		return hub.Errorf(hub.Conflict, "uid %q is taken", t.UID)
	}
	if err != nil {
		return fmt.Errorf("insert target: %w", err)
	}
	return nil
}

func (tx *Tx) sealed(t *hub.Target) (string, []byte, error) {
	config, err := settingsJSON(t)
	if err != nil {
		return "", nil, fmt.Errorf("write settings: %w", err)
	}
	secrets, err := tx.s.sealer.sealAll(t.Settings(), t.ID)
	return config, secrets, err
}

// UpdateTarget stores changed settings when nobody has changed them since version prev. t bears the new version
// already, or gets the next one. Its state is left alone: the hub may have changed it meanwhile.
func (tx *Tx) UpdateTarget(ctx context.Context, t *hub.Target, prev int64) error {
	config, secrets, err := tx.sealed(t)
	if err != nil {
		return err
	}
	if t.Version <= prev {
		t.Version = prev + 1
	}
	const update = `
		UPDATE target
		SET name = $1, uid = $2, shard = $3, config = $4, secrets = $5, version = $6, updated_at = $7
		WHERE no = $8 AND tenant_no = $9 AND version = $10 AND deleted_rev IS NULL`
	r, err := tx.ExecContext(ctx, update, t.Name, nullText(t.UID), shard(t), config, secrets, t.Version, millis(t.UpdatedAt), t.No, t.Tenant, prev)
	if isConflict(err) {
		return hub.Errorf(hub.Conflict, "uid %q is taken", t.UID)
	}
	if err != nil {
		return fmt.Errorf("update target: %w", err)
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		if err != nil {
			return err
		}
		return hub.Errorf(hub.PreconditionFailed, "the settings have changed meanwhile").WithHint("Read them again and repeat the change.")
	}
	return nil
}

// SetTargetState stores what a target does with what it is owed: one row, however much waits. Its health is left
// alone, except that a target which a person made active is called as if nothing had been.
func (tx *Tx) SetTargetState(ctx context.Context, t hub.Target) error {
	const update = `
		UPDATE target
		SET state = $1, state_by = $2, state_why = $3, state_at = $4, drain_rate = $5, drain_mark = $6, resumes = $7, resumed_at = $8
		WHERE no = $9 AND tenant_no = $10 AND deleted_rev IS NULL`
	missing := "no target " + t.ID.Text(t.Prefix())
	err := tx.one(ctx, missing, update, string(t.State), t.StateBy, t.StateWhy, millis(t.StateAt), t.DrainRate.String(), t.DrainMark,
		t.Release.Resumes, nullMillis(t.Release.ResumedAt), t.No, t.Tenant)
	if err != nil || t.Health != (hub.Health{FailingSince: t.Health.FailingSince}) {
		return err
	}
	const heal = `
		UPDATE target
		SET failures = 0, hard = 0, probes = 0, tripped = 0, failing_since = $1, backoff_until = NULL
		WHERE no = $2 AND tenant_no = $3`
	return tx.one(ctx, missing, heal, nullMillis(t.Health.FailingSince), t.No, t.Tenant)
}

// ChangeState moves a target from one state to another with a revision of its own, and does nothing when it is in
// neither any more: a person's choice in the meantime wins.
func (tx *Tx) ChangeState(ctx context.Context, tenant, no int64, from, to hub.TargetState, by, why string, at time.Time) error {
	row, err := tx.s.scanTarget(tx.QueryRowContext(ctx, targetColumns+` WHERE tenant_no = $1 AND no = $2 AND deleted_rev IS NULL`, tenant, no))
	if errors.Is(err, sql.ErrNoRows) || err == nil && row.State != from {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read target %d: %w", no, err)
	}
	before, t := row.Target, row.Target
	t.State, t.StateBy, t.StateWhy, t.StateAt = to, by, why, at
	r := Revision{Tenant: tenant, At: at, Who: by, Action: string(to), Kind: string(t.Kind), Object: t.ID.Text(t.Prefix())}
	if r.Before, err = EncodeTarget(before); err != nil {
		return err
	}
	if r.After, err = EncodeTarget(t); err != nil {
		return err
	}
	if _, err := tx.AddRevision(ctx, r); err != nil {
		return err
	}
	const update = `
		UPDATE target
		SET state = $1, state_by = $2, state_why = $3, state_at = $4
		WHERE no = $5 AND tenant_no = $6`
	return tx.one(ctx, "no such target", update, string(to), by, why, millis(at), no, tenant)
}

// DeleteTarget marks a target as gone and forgets its secrets; CancelOpen then ends what it was owed.
func (tx *Tx) DeleteTarget(ctx context.Context, t hub.Target, rev int64) error {
	const mark = `
		UPDATE target
		SET deleted_rev = $1, secrets = NULL, updated_at = $2
		WHERE no = $3 AND tenant_no = $4 AND deleted_rev IS NULL`
	return tx.one(ctx, "no target "+t.ID.Text(t.Prefix()), mark, rev, millis(t.UpdatedAt), t.No, t.Tenant)
}

// targetJSON is a target as a revision keeps it: no secrets, no health.
type targetJSON struct {
	Name     string          `json:"name"`
	UID      string          `json:"uid,omitempty"`
	Kind     hub.Kind        `json:"kind"`
	Version  int64           `json:"version"`
	State    hub.TargetState `json:"state"`
	StateBy  string          `json:"state_by,omitempty"`
	StateWhy string          `json:"state_why,omitempty"`
	StateAt  time.Time       `json:"state_at"`
	Settings json.RawMessage `json:"settings"`
}

// EncodeTarget writes a target for a revision's before or after.
func EncodeTarget(t hub.Target) ([]byte, error) {
	settings, err := settingsJSON(&t)
	if err != nil {
		return nil, fmt.Errorf("write settings: %w", err)
	}
	return json.Marshal(targetJSON{
		Name: t.Name, UID: t.UID, Kind: t.Kind, Version: t.Version, State: t.State, StateBy: t.StateBy, StateWhy: t.StateWhy,
		StateAt: t.StateAt, Settings: json.RawMessage(settings),
	})
}

// TargetAt is a target as it was at a revision, and as it is now.
type TargetAt struct {
	hub.Target
	Later bool // created after the revision; then Target is its first form
	Now   hub.Target
}

// TargetsAt lists each target of a tenant as it was at a revision; those deleted before it are left out. Secrets
// are not part of the past.
func (s *Store) TargetsAt(ctx context.Context, tenant, rev int64) ([]TargetAt, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	rows, err := collect(ctx, s.db, "targets", s.scanTarget, targetColumns+` WHERE tenant_no = $1 ORDER BY no`, tenant)
	if err != nil {
		return nil, err
	}
	// The newest form not after the revision, or else the first one there is.
	const past = `
		SELECT after
		FROM revision
		WHERE tenant_no = $1 AND object = $2 AND no <= $3 AND after IS NOT NULL
		ORDER BY no DESC
		LIMIT 1`
	changed, err := s.changedSince(ctx, tenant, rev, rows)
	if err != nil {
		return nil, err
	}
	var out []TargetAt
	for i := range rows {
		now := rows[i].Target
		if rows[i].deletedRev.Valid && rows[i].deletedRev.Int64 <= rev {
			continue
		}
		t := TargetAt{Target: now, Now: now, Later: rows[i].createdRev > rev}
		if !changed[now.ID.Text(now.Prefix())] {
			out = append(out, t)
			continue
		}
		var text string
		err := s.db.QueryRowContext(ctx, past, tenant, now.ID.Text(now.Prefix()), max(rev, rows[i].createdRev)).Scan(&text)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			out = append(out, t)
			continue
		case err != nil:
			return nil, fmt.Errorf("read target %s at revision %d: %w", now.ID.Text(now.Prefix()), rev, err)
		}
		var then targetJSON
		if err := json.Unmarshal([]byte(text), &then); err != nil {
			return nil, fmt.Errorf("read revision of %s: %w", now.ID.Text(now.Prefix()), err)
		}
		t.Name, t.UID, t.Version = then.Name, then.UID, then.Version
		t.State, t.StateBy, t.StateWhy, t.StateAt = then.State, then.StateBy, then.StateWhy, then.StateAt
		if err := readSettings(&t.Target, string(then.Settings)); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
