-- +goose Up
-- What a tenant's own customer enters the portal with: a link that is used once, then a session. Both are known by the
-- digest of their secret only.
CREATE TABLE portal_link (
	digest     BLOB    PRIMARY KEY,
	tenant_no  INTEGER NOT NULL,
	role       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	expires_at INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX portal_link_tenant ON portal_link (tenant_no);

CREATE TABLE portal_session (
	digest     BLOB    PRIMARY KEY,
	tenant_no  INTEGER NOT NULL,
	role       TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	language   TEXT    NOT NULL,
	seen_at    INTEGER NOT NULL,
	created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX portal_session_tenant ON portal_session (tenant_no);

-- How a tenant's portal looks and who may embed it. Apart from the tenant, whose row is read with every call: a logo is large.
CREATE TABLE portal (
	tenant_no INTEGER PRIMARY KEY,
	settings  TEXT    NOT NULL
);

ALTER TABLE tenant ADD COLUMN version INTEGER NOT NULL DEFAULT 1;

-- +goose Down
SELECT 1;
