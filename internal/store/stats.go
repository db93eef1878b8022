package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"hacek/internal/hub"
)

// TargetStats sums up what was finished for a target.
type TargetStats struct {
	Counts   map[hub.DeliveryState]int64
	Retried  int64         // finished after more than one try
	MeanTook time.Duration // of the last attempts
	LastAt   time.Time
}

// stateSum is what the finished deliveries of one state add up to.
type stateSum struct {
	state                  hub.DeliveryState
	n, retried, took, last int64
}

func scanStateSum(row rower) (x stateSum, err error) {
	err = row.Scan(&x.state, &x.n, &x.retried, &x.took, &x.last)
	return x, err
}

// seqRange is a run of delivery numbers; both ends belong to it.
type seqRange struct{ first, last int64 }

func scanSeqRange(row rower) (x seqRange, err error) {
	err = row.Scan(&x.first, &x.last)
	return x, err
}

// snapshot begins a transaction that sees one state of the database, however many statements it has.
func (s *Store) snapshot(ctx context.Context) (*sql.Tx, error) {
	o := &sql.TxOptions{ReadOnly: true}
	if s.pg {
		o.Isolation = sql.LevelRepeatableRead
	}
	return s.db.BeginTx(ctx, o)
}

// Stats sums up a target's deliveries that were accepted since a moment. Whole spans come from their sums, and the
// deliveries themselves are read only for what is newer than these, for the span that the moment lies in, and for those
// in which something has ended since they were summed up. So it is exact, but for one thing: a delivery that Retain has
// deleted is counted until its whole span is gone.
func (s *Store) Stats(ctx context.Context, target int64, since time.Time) (TargetStats, error) {
	ctx, cancel := s.read(ctx)
	defer cancel()
	low, _, err := s.deliveryBounds(ctx, since, time.Time{})
	if err != nil {
		return TargetStats{}, err
	}
	sums, err := s.stateSums(ctx, target, low)
	if err != nil {
		return TargetStats{}, fmt.Errorf("sum up target %d: %w", target, err)
	}
	out := TargetStats{Counts: map[hub.DeliveryState]int64{}}
	var took, total int64
	for _, x := range sums {
		out.Counts[x.state] += x.n
		out.Retried += x.retried
		took, total = took+x.took, total+x.n
		if at := fromMillis(x.last); at.After(out.LastAt) {
			out.LastAt = at
		}
	}
	if total > 0 {
		out.MeanTook = time.Duration(took / total)
	}
	return out, nil
}

// stateSums adds up from a number on; a state may come several times.
func (s *Store) stateSums(ctx context.Context, target, low int64) ([]stateSum, error) {
	tx, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	var summed int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(last), 0) FROM done_span`).Scan(&summed); err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	const outdated = `
		SELECT first, last
		FROM done_sum AS s
		WHERE target_no = $1 AND last >= $2 AND state = 'pending'
			AND n <> (SELECT count(*) FROM delivery AS d WHERE d.target_no = $1 AND d.seq BETWEEN s.first AND s.last)
		ORDER BY last`
	stale, err := collect(ctx, tx, "sums", scanSeqRange, outdated, target, low)
	if err != nil {
		return nil, err
	}
	var a args
	text := `
		SELECT state, CAST(sum(n) AS bigint), CAST(sum(retried) AS bigint), CAST(sum(took) AS bigint), max(at)
		FROM done_sum
		WHERE target_no = ` + a.add(target) + ` AND last >= ` + a.add(low) + ` AND first >= ` + a.add(low) + ` AND state <> 'pending'`
	if len(stale) > 0 {
		lasts := make([]int64, len(stale))
		for i, x := range stale {
			lasts[i] = x.last
		}
		text += ` AND last NOT IN (` + list(&a, lasts) + `)`
	}
	sums, err := collect(ctx, tx, "sums", scanStateSum, text+` GROUP BY state`, a...)
	if err != nil {
		return nil, err
	}
	const around = `
		SELECT first, last
		FROM done_span
		WHERE last >= $1
		ORDER BY last
		LIMIT 1`
	unsummed, err := collect(ctx, tx, "spans", scanSeqRange, around, low)
	if err != nil {
		return nil, err
	}
	if len(unsummed) > 0 && unsummed[0].first >= low {
		// The numbers before it are older than all spans: what was owed so long that these are deleted.
		unsummed[0] = seqRange{low, unsummed[0].first - 1}
	}
	unsummed = append(append(unsummed, stale...), seqRange{max(low, summed+1), 1 << 62})
	for _, x := range adjoin(unsummed, low) {
		some, err := s.sumRows(ctx, tx, target, x)
		if err != nil {
			return nil, err
		}
		sums = append(sums, some...)
	}
	return sums, nil
}

// adjoin joins ranges that follow each other, from a number on. They come in order.
func adjoin(all []seqRange, low int64) []seqRange {
	var joined []seqRange
	for _, x := range all {
		x.first = max(x.first, low)
		switch n := len(joined); {
		case x.first > x.last:
		case n > 0 && x.first <= joined[n-1].last+1:
			joined[n-1].last = max(joined[n-1].last, x.last)
		default:
			joined = append(joined, x)
		}
	}
	return joined
}

// sumRows adds up a target's finished deliveries themselves, in the blocks that hold any.
func (s *Store) sumRows(ctx context.Context, tx *sql.Tx, target int64, x seqRange) ([]stateSum, error) {
	bits := s.blockBits()
	const sums = `
		SELECT d.state, count(*), sum(CASE WHEN d.tries > 1 THEN 1 ELSE 0 END), CAST(sum(d.took) AS bigint), max(d.at)
		FROM (SELECT DISTINCT block FROM done_block WHERE target_no = $1 AND block BETWEEN $2 AND $3) AS b
		JOIN delivery_done d ON d.seq BETWEEN b.block * $4 AND b.block * $4 + $4 - 1
		WHERE d.target_no = $1 AND d.seq BETWEEN $5 AND $6
		GROUP BY d.state`
	return collect(ctx, tx, "deliveries", scanStateSum, sums, target, x.first>>bits, x.last>>bits, int64(1)<<bits, x.first, x.last)
}
