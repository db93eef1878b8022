// Package store is our database, SQLite or PostgreSQL: a file per noun with its SQL beside the scan, and one
// group committer that makes everything durable. It must not know why a row changes, nor the time of day.
package store

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"hacek/internal/hub"
)

// Options of Open. Zero values work where a default is named.
type Options struct {
	Dir       string // data directory; SQLite keeps hacek.db in it
	URL       string // postgres://...; "" = SQLite
	SecretKey []byte // 32 bytes; seals the secrets
	Log       *slog.Logger
	Now       func() time.Time

	// DedupeWindow is how long a caller's event id is remembered. Default 7 days.
	DedupeWindow time.Duration
	// Reserve is the free disk, in bytes, below which nothing new is accepted. Default 256 MiB.
	Reserve int64
	// Node is this process's name in a cluster. Default: the host's name. SQLite needs none.
	Node string

	// Committed is told of every new event and delivery right after its commit, in order; it must not block.
	Committed func([]Fresh)
	// Recorded is told of every outcome right after its commit; it must not block.
	Recorded func([]*Outcome)
	// Refused is told of outcomes that the database will never take; they stay owed. It must not block.
	Refused func([]*Outcome)
	// Fatal is called when durability is lost (a failed fsync, a lost lease): the process must end and recover at
	// its next start. Nothing is answered and nothing is sent afterwards.
	Fatal func(error)
}

// Fresh is a delivery that was just accepted, with its event, so that it can be sent without a query. An event that
// nobody is owed comes once, with the zero delivery.
type Fresh struct {
	Delivery hub.Delivery
	Event    *hub.Event
}

// Owed is one target an event concerns.
type Owed struct {
	Target int64
	Key    string // lane, for targets that keep an order
	// Failed is set when the condition failed at run time: the delivery starts as failed, with this reason.
	Failed string
}

// Accept is one event to make durable, with everything that belongs in its commit.
type Accept struct {
	Event       *hub.Event
	Owed        []Owed
	Gen         int  // of its deliveries: 0, or a replay's
	Replay      bool // the event is stored already; only deliveries are added
	Idempotency *Idempotency
	// TimeGiven tells that the caller named the event's time: a repeat must then bear the same one.
	TimeGiven bool
	// Window, when set, makes every event with the same caller id within it a repeat, whatever the content.
	Window time.Duration
	// Request is kept in the same commit; Siblings are the accepts it led to, this one the last of them. Without an
	// Event it is all there is to keep.
	Request  *hub.InRequest
	Siblings []*Accept

	Result Accepted // filled in before Accept returns

	owed []hub.Delivery // as numbered by the newest commit, on PostgreSQL
}

// Accepted is what became of one Accept.
type Accepted struct {
	Duplicate  bool       // the same caller id with the same content: Original is what was accepted then
	Original   *hub.Event // without data
	Deliveries int        // of the duplicate's original, when it is one
	Err        error      // *hub.Error id_reused, unavailable ...; nil when durable
}

// Outcome is one finished attempt to make durable.
type Outcome struct {
	Delivery hub.Delivery
	Tenant   int64
	Attempt  *hub.Attempt // nil for a cancellation
	Next     hub.Next
	At       time.Time
	Health   *hub.Health // the target's, when it changed
	Release  hub.Release // the target's; its recoveries are written with its health
	// Stateful deliveries keep what their steps have produced, until they are done.
	Stateful bool
	Progress []byte // nil leaves what is kept as it is

	evidence []byte
}

// Idempotency keeps a caller's Idempotency-Key with the answer it got, in the effect's own commit.
type Idempotency struct {
	Scope  [32]byte // of tenant, key, method and path
	Body   [32]byte
	Status int
	Answer []byte
}

// Store is the open database. Run must be running for anything to be written.
type Store struct {
	log    *slog.Logger
	now    func() time.Time
	opt    Options
	db     *sql.DB // readers; on PostgreSQL also Write
	writer *sql.DB // SQLite: the one connection of Write; PostgreSQL: the same as db
	pg     bool
	sealer *sealer
	unlock func() // lets the data directory go

	hot    hot  // the batches' own connection, used by Run alone
	node   node // PostgreSQL: who we are and under which epoch
	config *pgx.ConnConfig

	owed      owed
	successes successes
	sums      sums
	adds      sync.Mutex // held while finished deliveries are added up: two at once would write spans that overlap
	queue     queue
	backlog   atomic.Int64
	stuck     atomic.Bool
	dead      atomic.Pointer[hub.Error]
	closing   sync.Once
	run       run

	pages int64 // that Write has put into the log, about; Run alone uses it

	stmts sync.Map // SQL text -> *sql.Stmt, for the reads that come often

	retained int64 // how far Retain has looked
}

// Tx is one write transaction, run by the committer between its batches.
type Tx struct {
	*sql.Tx
	s     *Store
	now   time.Time
	moved moved
	bytes int // of bodies, which may be large
}

// Now is the transaction's moment, the same for all its rows.
func (tx *Tx) Now() time.Time { return tx.now }

// Defaults of Options.
const (
	DefaultDedupeWindow = 7 * 24 * time.Hour
	DefaultReserve      = 256 << 20
)

// A reader that stays longer would keep SQLite's log from being taken back, so it is interrupted.
const readLimit = 2 * time.Second

// Backlog is the number of outcomes that are not durable yet.
func (s *Store) Backlog() int { return int(s.backlog.Load()) }

// Stuck reports that the last commit of outcomes failed: starting more attempts would only pile them up.
func (s *Store) Stuck() bool { return s.stuck.Load() || s.dead.Load() != nil }

// Postgres tells which of the two databases it is.
func (s *Store) Postgres() bool { return s.pg }

// read bounds one reading call.
func (s *Store) read(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, readLimit)
}

// query runs a statement of fixed text, prepared once.
func (s *Store) query(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	st, err := s.prepared(ctx, text)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

func (s *Store) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := s.stmts.Load(text); ok {
		return st.(*sql.Stmt), nil
	}
	st, err := s.db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	if old, loaded := s.stmts.LoadOrStore(text, st); loaded {
		_ = st.Close() //nolint:sqlclosecheck // the other one stays open, for everybody
		return old.(*sql.Stmt), nil
	}
	return st, nil
}

// Times are milliseconds since 1970 in SQL; the zero time is 0, or NULL where a column may be empty.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func oneIf(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func nullMillis(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: millis(t), Valid: !t.IsZero()}
}

func nullText(text string) sql.NullString {
	return sql.NullString{String: text, Valid: text != ""}
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// File is SQLite's one file, "" for PostgreSQL.
func (s *Store) File() string {
	if s.pg {
		return ""
	}
	return filepath.Join(s.opt.Dir, "hacek.db")
}

// URL is the database it was opened with, "" for SQLite.
func (s *Store) URL() string { return s.opt.URL }
