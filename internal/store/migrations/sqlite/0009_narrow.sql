-- +goose Up
-- The private networks that a tenant's calls are narrowed to, as a JSON array; NULL: all that the hub may call.
ALTER TABLE tenant ADD COLUMN allow_private TEXT;

-- +goose Down
SELECT 1;
