-- +goose Up
-- Times are milliseconds since 1970 UTC, ids are 16 bytes, JSON is text. An open delivery is one that is owed;
-- finishing it deletes the row and writes delivery_done.

CREATE TABLE tenant (
	no         INTEGER PRIMARY KEY,
	id         BLOB    NOT NULL UNIQUE,
	uid        TEXT    UNIQUE,
	name       TEXT    NOT NULL,
	metadata   TEXT    NOT NULL DEFAULT '{}',
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	deleted_at INTEGER
);

CREATE TABLE api_key (
	id         BLOB    PRIMARY KEY,
	tenant_no  INTEGER NOT NULL,
	name       TEXT    NOT NULL,
	role       TEXT    NOT NULL,
	scopes     TEXT    NOT NULL DEFAULT '[]',
	digest     BLOB    NOT NULL UNIQUE,
	shown      TEXT    NOT NULL,
	expires_at INTEGER,
	created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE target (
	no            INTEGER PRIMARY KEY,
	id            BLOB    NOT NULL UNIQUE,
	tenant_no     INTEGER NOT NULL,
	kind          TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	uid           TEXT,
	shard         INTEGER NOT NULL,
	config        TEXT    NOT NULL,
	secrets       BLOB,
	version       INTEGER NOT NULL,
	state         TEXT    NOT NULL,
	state_by      TEXT    NOT NULL DEFAULT '',
	state_why     TEXT    NOT NULL DEFAULT '',
	state_at      INTEGER NOT NULL,
	drain_rate    TEXT    NOT NULL DEFAULT '',
	drain_mark    INTEGER NOT NULL DEFAULT 0,
	failures      INTEGER NOT NULL DEFAULT 0,
	hard          INTEGER NOT NULL DEFAULT 0,
	probes        INTEGER NOT NULL DEFAULT 0,
	failing_since INTEGER,
	backoff_until INTEGER,
	created_at    INTEGER NOT NULL,
	updated_at    INTEGER NOT NULL,
	created_rev   INTEGER NOT NULL,
	deleted_rev   INTEGER
);
CREATE UNIQUE INDEX target_uid ON target (tenant_no, kind, uid) WHERE uid IS NOT NULL AND deleted_rev IS NULL;

CREATE TABLE event_type (
	name              TEXT    PRIMARY KEY,
	title             TEXT    NOT NULL DEFAULT '{}',
	grp               TEXT    NOT NULL DEFAULT '',
	schema            TEXT,
	sample            TEXT,
	key_path          TEXT    NOT NULL DEFAULT '',
	refs              TEXT    NOT NULL DEFAULT '[]',
	deprecated        INTEGER NOT NULL DEFAULT 0,
	visible_in_portal INTEGER NOT NULL DEFAULT 1,
	discovered        INTEGER NOT NULL DEFAULT 0,
	pack              TEXT    NOT NULL DEFAULT '',
	version           INTEGER NOT NULL,
	created_at        INTEGER NOT NULL,
	updated_at        INTEGER NOT NULL
) WITHOUT ROWID;

-- no is the upper half of the id (milliseconds and a counter), so rows are only ever appended and no second index
-- is needed. The deliveries of the acceptance bear the numbers seq to seq+owed-1: an event's deliveries, open or done,
-- are found by number. extra: channels, metadata, refs and what few events have. codec leaves room for compression
-- and erasure.
CREATE TABLE event (
	no           INTEGER PRIMARY KEY,
	id           BLOB    NOT NULL,
	tenant_no    INTEGER NOT NULL,
	seq          INTEGER NOT NULL,
	owed         INTEGER NOT NULL,
	type         TEXT    NOT NULL,
	source       TEXT    NOT NULL,
	caller_id    TEXT    NOT NULL,
	key          TEXT    NOT NULL,
	time         INTEGER NOT NULL,
	received_at  INTEGER NOT NULL,
	routing_rev  INTEGER NOT NULL,
	parent_id    BLOB,
	hops         INTEGER NOT NULL,
	extra        TEXT,
	codec        INTEGER NOT NULL,
	content_type TEXT    NOT NULL,
	payload      BLOB    NOT NULL
);

CREATE TABLE delivery (
	target_no INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	event_id  BLOB    NOT NULL,
	gen       INTEGER NOT NULL,
	due_at    INTEGER NOT NULL,
	tries     INTEGER NOT NULL,
	key       TEXT    NOT NULL,
	PRIMARY KEY (target_no, seq)
) WITHOUT ROWID;
-- Fresh deliveries are read in order of acceptance, retries when they are due: only these need an index.
CREATE INDEX delivery_retry ON delivery (target_no, due_at, seq) WHERE tries > 0;
-- Lanes of targets that keep an order; key is empty elsewhere.
CREATE INDEX delivery_lane ON delivery (target_no, key, seq) WHERE key <> '';

-- Deliveries that were added after the acceptance: replays, whose numbers lie outside the event's own range.
CREATE TABLE redelivery (
	event_id  BLOB    NOT NULL,
	target_no INTEGER NOT NULL,
	gen       INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	PRIMARY KEY (event_id, target_no, gen)
) WITHOUT ROWID;

CREATE TABLE delivery_done (
	seq              INTEGER PRIMARY KEY,
	target_no        INTEGER NOT NULL,
	event_id         BLOB    NOT NULL,
	gen              INTEGER NOT NULL,
	state            TEXT    NOT NULL,
	reason           TEXT    NOT NULL,
	at               INTEGER NOT NULL,
	tries            INTEGER NOT NULL,
	status           INTEGER NOT NULL,
	took             INTEGER NOT NULL,
	settings_version INTEGER NOT NULL,
	evidence         BLOB
);
-- Which blocks of numbers hold finished deliveries of a target in a state: a coarse index that costs the hot path
-- one row per block instead of one entry, on a page of its own, per delivery.
CREATE TABLE done_block (
	target_no INTEGER NOT NULL,
	state     TEXT    NOT NULL,
	block     INTEGER NOT NULL,
	PRIMARY KEY (target_no, state, block)
) WITHOUT ROWID;

CREATE TABLE attempt (
	seq       INTEGER NOT NULL,
	n         INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	result    TEXT    NOT NULL,
	evidence  BLOB    NOT NULL,
	PRIMARY KEY (seq, n)
) WITHOUT ROWID;

-- A bucket is a span of time, named by its first millisecond: it is dropped whole, and only the newest grows.
CREATE TABLE dedupe (
	bucket   INTEGER NOT NULL,
	digest   BLOB    NOT NULL,
	event_id BLOB    NOT NULL,
	PRIMARY KEY (bucket, digest)
) WITHOUT ROWID;

-- SQLite only: filters over the ids of many buckets, first to last, so that a start need not read the ids.
CREATE TABLE dedupe_filter (
	first INTEGER PRIMARY KEY,
	last  INTEGER NOT NULL,
	bits  BLOB    NOT NULL
);

CREATE TABLE ref (
	bucket    INTEGER NOT NULL,
	tenant_no INTEGER NOT NULL,
	value     TEXT    NOT NULL,
	event_id  BLOB    NOT NULL,
	PRIMARY KEY (bucket, tenant_no, value, event_id)
) WITHOUT ROWID;

-- Audit, ETag, fates and history in one table; before and after hold no secrets.
CREATE TABLE revision (
	no        INTEGER PRIMARY KEY,
	tenant_no INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	who       TEXT    NOT NULL,
	action    TEXT    NOT NULL,
	kind      TEXT    NOT NULL,
	object    TEXT    NOT NULL,
	before    TEXT,
	after     TEXT
);
CREATE INDEX revision_object ON revision (tenant_no, object, no);

CREATE TABLE idempotency (
	scope  BLOB    PRIMARY KEY,
	body   BLOB    NOT NULL,
	status INTEGER NOT NULL,
	answer BLOB    NOT NULL,
	at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE replay (
	id         BLOB    PRIMARY KEY,
	tenant_no  INTEGER NOT NULL,
	target_no  INTEGER NOT NULL,
	to_no      INTEGER NOT NULL,
	filter     TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	total      INTEGER NOT NULL,
	done       INTEGER NOT NULL,
	position   BLOB,
	who        TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) WITHOUT ROWID;

-- One row per small fact of the installation: the canary of /readyz, the first number not yet reserved, ...
CREATE TABLE fact (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
SELECT 1;
