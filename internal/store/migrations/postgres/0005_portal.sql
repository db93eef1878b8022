-- +goose Up
-- What a tenant's own customer enters the portal with: a link that is used once, then a session. Both are known by the
-- digest of their secret only.
CREATE TABLE portal_link (
	digest     bytea  PRIMARY KEY,
	tenant_no  bigint NOT NULL,
	role       text   NOT NULL,
	name       text   NOT NULL,
	language   text   NOT NULL,
	expires_at bigint NOT NULL,
	created_at bigint NOT NULL
);
CREATE INDEX portal_link_tenant ON portal_link (tenant_no);

CREATE TABLE portal_session (
	digest     bytea  PRIMARY KEY,
	tenant_no  bigint NOT NULL,
	role       text   NOT NULL,
	name       text   NOT NULL,
	language   text   NOT NULL,
	seen_at    bigint NOT NULL,
	created_at bigint NOT NULL
);
CREATE INDEX portal_session_tenant ON portal_session (tenant_no);

-- How a tenant's portal looks and who may embed it. Apart from the tenant, whose row is read with every call: a logo is large.
CREATE TABLE portal (
	tenant_no bigint PRIMARY KEY,
	settings  text   NOT NULL
);

ALTER TABLE tenant ADD COLUMN version bigint NOT NULL DEFAULT 1;

-- +goose Down
SELECT 1;
