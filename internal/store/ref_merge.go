package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
)

// On SQLite a bucket of references is small, so that accepting writes few pages; a search looks into every bucket. So
// small ones of a day are merged behind the work, in the order of their keys, and each reference moves once. PostgreSQL
// has one bucket a day anyway.
const (
	mergeBuckets = 128 // so many closed ones become one, or fewer when their day is over
	mergeRows    = 400 // of one transaction: a few milliseconds of the writer's time
	mergeEvery   = 5 * time.Second
	mergePause   = 5 * time.Millisecond // between two transactions, and at least mergeRest times what one took
	mergeRest    = 2
	mergeWaits   = 100 // times mergePause at most, while others want the writer
)

// factMerged is the newest bucket of references that is not merged any more.
const factMerged = "references merged"

// merging merges references until ctx ends.
func (s *Store) merging(ctx context.Context) {
	if s.pg {
		return
	}
	beside(ctx, mergePause, mergeEvery, func() bool {
		more, err := s.MergeRefs(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("references were not merged, so searches take longer", "err", err)
		}
		return more && err == nil
	})
}

type refRow struct {
	tenant int64
	value  string
	event  hub.ID
}

// MergeRefs merges the oldest small buckets of references into the first of them, and tells whether there may be more.
// Broken off anywhere, it begins again with the same first one: until a bucket is deleted its references are found twice,
// never not at all.
func (s *Store) MergeRefs(ctx context.Context) (more bool, err error) {
	group, err := s.refGroup(ctx)
	if err != nil || len(group) == 0 {
		return false, err
	}
	into := group[0]
	var rows []refRow
	for _, bucket := range group[1:] {
		some, err := s.refsOf(ctx, bucket)
		if err != nil {
			return false, err
		}
		rows = append(rows, some...)
	}
	slices.SortFunc(rows, func(a, b refRow) int {
		return cmp.Or(cmp.Compare(a.tenant, b.tenant), strings.Compare(a.value, b.value), bytes.Compare(a.event[:], b.event[:]))
	})
	const add = `
		INSERT INTO ref (bucket, tenant_no, value, event_id)
		VALUES ($1, $2, $3, $4)
		ON CONFLICT (bucket, tenant_no, value, event_id) DO NOTHING`
	short := context.WithoutCancel(ctx) // with one that can end, SQLite's driver starts a goroutine for every row
	for part := range slices.Chunk(rows, mergeRows) {
		err := s.gently(ctx, func(tx *Tx) error {
			st, err := tx.PrepareContext(ctx, add)
			if err != nil {
				return err
			}
			defer func() { _ = st.Close() }()
			for i := range part {
				if _, err := st.ExecContext(short, into, part[i].tenant, part[i].value, part[i].event[:]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return false, fmt.Errorf("merge references: %w", err)
		}
	}
	for _, bucket := range group[1:] {
		err := s.gently(ctx, func(tx *Tx) error {
			_, err := tx.ExecContext(ctx, `DELETE FROM ref WHERE bucket = $1`, bucket)
			return err
		})
		if err != nil {
			return false, fmt.Errorf("delete merged references: %w", err)
		}
	}
	return true, s.gently(ctx, func(tx *Tx) error { return tx.SetFact(ctx, factMerged, strconv.FormatInt(into, 10)) })
}

// gently writes when nobody else wants to, and then leaves the writer to others for a while.
func (s *Store) gently(ctx context.Context, fn func(*Tx) error) error {
	for waits := 0; waits < mergeWaits && s.queue.length() > 0; waits++ {
		if err := rest(ctx, mergePause); err != nil {
			return err
		}
	}
	start := s.now()
	if err := s.Write(ctx, fn); err != nil {
		return err
	}
	return rest(ctx, max(mergePause, mergeRest*s.now().Sub(start)))
}

// refGroup is what to merge next: buckets of one day, without the newest of all, which grows. It is empty when there
// are too few yet.
func (s *Store) refGroup(ctx context.Context) ([]int64, error) {
	after := int64(0)
	text, stated, err := s.Fact(ctx, factMerged)
	if err != nil {
		return nil, err
	}
	if stated {
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return nil, fmt.Errorf("the newest merged bucket: %w", err)
		}
	}
	const following = `
		WITH RECURSIVE b(bucket) AS (
			SELECT (SELECT min(bucket) FROM ref WHERE bucket > $1)
			UNION ALL
			SELECT (SELECT min(ref.bucket) FROM ref WHERE ref.bucket > b.bucket)
			FROM b
			WHERE b.bucket IS NOT NULL
		)
		SELECT bucket
		FROM b
		WHERE bucket IS NOT NULL
		LIMIT $2`
	ctx, cancel := s.read(ctx)
	defer cancel()
	names, err := often(ctx, s, "buckets", scanInt, following, after, mergeBuckets+1)
	if err != nil || len(names) < 2 {
		return nil, err
	}
	names = names[:len(names)-1] // the newest, or one too many
	dayOver := slices.IndexFunc(names, func(name int64) bool { return name/day.Milliseconds() != names[0]/day.Milliseconds() })
	switch {
	case dayOver >= 0:
		return names[:dayOver], nil
	case len(names) == mergeBuckets:
		return names, nil
	}
	return nil, nil
}

func (s *Store) refsOf(ctx context.Context, bucket int64) ([]refRow, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	const all = `
		SELECT tenant_no, value, event_id
		FROM ref
		WHERE bucket = $1`
	return often(ctx, s, "references", func(row rower) (r refRow, err error) {
		err = row.Scan(&r.tenant, &r.value, &r.event)
		return r, err
	}, all, bucket)
}
