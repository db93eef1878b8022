package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// Session is one browser that somebody has signed in with.
type Session struct {
	Digest    [32]byte // of what the cookie holds
	User      UserRow
	SeenAt    time.Time // of the last request, to a few minutes
	CreatedAt time.Time
}

// Session finds a session and whose it is.
func (s *Store) Session(ctx context.Context, digest [32]byte) (Session, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const find = `
		SELECT person_no, seen_at, created_at
		FROM session
		WHERE digest = $1`
	var no, seen, created int64
	err := s.db.QueryRowContext(ctx, find, digest[:]).Scan(&no, &seen, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, hub.Errorf(hub.NotFound, "no such session")
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	u, err := s.user(ctx, "of a session", ` WHERE no = $1`, no)
	return Session{Digest: digest, User: u, SeenAt: fromMillis(seen), CreatedAt: fromMillis(created)}, err
}

// InsertSession stores a new session.
func (tx *Tx) InsertSession(ctx context.Context, s Session) error {
	const insert = `
		INSERT INTO session (digest, person_no, seen_at, created_at)
		VALUES ($1, $2, $3, $4)`
	if _, err := tx.ExecContext(ctx, insert, s.Digest[:], s.User.No, millis(s.SeenAt), millis(s.CreatedAt)); err != nil {
		return fmt.Errorf("insert session: %w", err)
	}
	return nil
}

// TouchSession notes that a session was used.
func (tx *Tx) TouchSession(ctx context.Context, digest [32]byte, at time.Time) error {
	return tx.one(ctx, "no such session", `UPDATE session SET seen_at = $1 WHERE digest = $2`, millis(at), digest[:])
}

// DeleteSession ends one session; it is no error when it has ended already.
func (tx *Tx) DeleteSession(ctx context.Context, digest [32]byte) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE digest = $1`, digest[:]); err != nil {
		return fmt.Errorf("delete session: %w", err)
	}
	return nil
}

// DeleteSessions ends all sessions of a user but one; nil spares none.
func (tx *Tx) DeleteSessions(ctx context.Context, user int64, but *[32]byte) error {
	spared := []byte{}
	if but != nil {
		spared = but[:]
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE person_no = $1 AND digest <> $2`, user, spared); err != nil {
		return fmt.Errorf("delete sessions: %w", err)
	}
	return nil
}

// DeleteIdleSessions ends all that were not used since a moment.
func (tx *Tx) DeleteIdleSessions(ctx context.Context, since time.Time) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM session WHERE seen_at < $1`, millis(since)); err != nil {
		return fmt.Errorf("delete idle sessions: %w", err)
	}
	return nil
}
