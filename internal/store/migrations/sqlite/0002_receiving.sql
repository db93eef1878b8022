-- +goose Up
-- Everything that is set up and is no target: sources, connections, translation tables, listeners. place is a name
-- that must be unique in the whole installation: a source's path.
CREATE TABLE object (
	no         INTEGER PRIMARY KEY,
	id         BLOB    NOT NULL UNIQUE,
	tenant_no  INTEGER NOT NULL,
	kind       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	place      TEXT,
	config     TEXT    NOT NULL,
	secrets    BLOB,
	version    INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX object_name ON object (tenant_no, kind, name);
CREATE UNIQUE INDEX object_place ON object (kind, place) WHERE place IS NOT NULL;

-- Every request to /in. no is the upper half of its id, so the rows of a source are only ever appended. body is NULL
-- where it equals the data of the one event that the request became.
CREATE TABLE request (
	source_no INTEGER NOT NULL,
	no        INTEGER NOT NULL,
	id        BLOB    NOT NULL,
	tenant_no INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,
	reason    TEXT    NOT NULL,
	status    INTEGER NOT NULL,
	verified  INTEGER NOT NULL,
	method    TEXT    NOT NULL,
	query     TEXT    NOT NULL,
	headers   TEXT    NOT NULL,
	peer      TEXT    NOT NULL,
	size      INTEGER NOT NULL,
	events    BLOB,
	body      BLOB,
	PRIMARY KEY (source_no, no)
) WITHOUT ROWID;
-- Lists of one outcome, and the ring of what nobody has proved. Most requests are accepted and pay nothing for it.
CREATE INDEX request_outcome ON request (source_no, outcome, no) WHERE outcome <> 'accepted';

CREATE TABLE request_count (
	source_no INTEGER NOT NULL,
	day       INTEGER NOT NULL,
	outcome   TEXT    NOT NULL,
	n         INTEGER NOT NULL,
	PRIMARY KEY (source_no, day, outcome)
) WITHOUT ROWID;

-- What the steps of a pipeline have produced so far, while its delivery is open.
CREATE TABLE progress (
	target_no INTEGER NOT NULL,
	seq       INTEGER NOT NULL,
	state     BLOB    NOT NULL,
	PRIMARY KEY (target_no, seq)
) WITHOUT ROWID;

-- +goose Down
SELECT 1;
