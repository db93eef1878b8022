-- +goose Up
-- A link that shows one timeline to whoever has it. It is known by the digest of its secret part.
CREATE TABLE share (
	digest     BYTEA  PRIMARY KEY,
	tenant_no  BIGINT NOT NULL,
	value      TEXT   NOT NULL,
	event_id   BYTEA,
	who        TEXT   NOT NULL,
	expires_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
