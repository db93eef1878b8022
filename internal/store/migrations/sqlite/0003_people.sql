-- +goose Up
-- The people of the console. "user" is a reserved word of SQL.
CREATE TABLE person (
	no         INTEGER PRIMARY KEY,
	id         BLOB    NOT NULL UNIQUE,
	tenant_no  INTEGER NOT NULL,
	name       TEXT    NOT NULL,
	email      TEXT    NOT NULL UNIQUE,
	role       TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	zone       TEXT    NOT NULL,
	theme      TEXT    NOT NULL,
	password   TEXT    NOT NULL,
	expires_at INTEGER,
	version    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
);
CREATE INDEX person_tenant ON person (tenant_no, no);

-- A session is known by the digest of its cookie, so that a thief of a backup has none.
CREATE TABLE session (
	digest     BLOB    PRIMARY KEY,
	person_no  INTEGER NOT NULL,
	seen_at    INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX session_person ON session (person_no);

-- How attempts ended, by target and hour: what a page shows of a day without reading the day's deliveries.
CREATE TABLE hour_count (
	target_no INTEGER NOT NULL,
	hour      INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,
	n         INTEGER NOT NULL,
	PRIMARY KEY (target_no, hour, outcome)
) WITHOUT ROWID;

CREATE TABLE last_result (
	target_no INTEGER PRIMARY KEY,
	at        INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,
	result    TEXT    NOT NULL,
	status    INTEGER NOT NULL,
	took      INTEGER NOT NULL,
	tries     INTEGER NOT NULL,
	due_at    INTEGER,
	reason    TEXT    NOT NULL
);

-- +goose Down
SELECT 1;
