package store

import (
	"context"
	"errors"
	"fmt"
)

// runWrites runs what waited of Write, each in a transaction of its own.
func (s *Store) runWrites(ctx context.Context, writes []*write) {
	for _, w := range writes {
		if !w.state.CompareAndSwap(waiting, taken) {
			continue
		}
		if dead := s.dead.Load(); dead != nil {
			w.err = dead
		} else {
			w.err = s.write(ctx, w.fn)
		}
		close(w.done)
	}
}

func (s *Store) write(ctx context.Context, fn func(*Tx) error) (err error) {
	sqlTx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return s.writeError(fmt.Errorf("begin: %w", err))
	}
	tx := &Tx{Tx: sqlTx, s: s, now: s.now()}
	defer func() {
		if p := recover(); p != nil {
			_ = sqlTx.Rollback()
			panic(p)
		}
	}()
	if s.pg {
		if err := s.fence(ctx, tx); err != nil {
			_ = sqlTx.Rollback()
			return s.writeError(err)
		}
	}
	if err := fn(tx); err != nil {
		_ = sqlTx.Rollback()
		return s.writeError(err)
	}
	if err := sqlTx.Commit(); err != nil {
		return s.writeError(fmt.Errorf("commit: %w", err))
	}
	s.pages += pagesOfOne + int64(tx.bytes/pageSize)
	s.owed.move(tx.moved)
	return nil
}

// writeError gives what the database says a meaning for the caller; what fn says stays as it is.
func (s *Store) writeError(err error) error {
	switch kind := classify(err); kind {
	case full, away, unknown:
		return errors.Join(unavailable(kind), err)
	case fatal:
		s.die(err)
		return errors.Join(unavailable(kind), err)
	}
	return err
}
