-- +goose Up
-- A link that shows one timeline to whoever has it. It is known by the digest of its secret part.
CREATE TABLE share (
	digest     BLOB    PRIMARY KEY,
	tenant_no  INTEGER NOT NULL,
	value      TEXT    NOT NULL,
	event_id   BLOB,
	who        TEXT    NOT NULL,
	expires_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- +goose Down
SELECT 1;
