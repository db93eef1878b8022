-- +goose Up
-- When what waits for its next try was last brought forward: by a person's resume, and by the target, which took a
-- delivery again after an outage. tripped: the breaker has opened and no recovery was counted since.
ALTER TABLE target ADD COLUMN tripped INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN resumed_at INTEGER;
ALTER TABLE target ADD COLUMN recoveries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN recovered_at INTEGER;

-- plan is the target's counts when the next try was planned: a lower one than the target's now was brought forward, and
-- nothing is written for it. asked_until is the moment that the receiver itself named.
ALTER TABLE delivery ADD COLUMN plan INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN asked_until INTEGER NOT NULL DEFAULT 0;
DROP INDEX delivery_retry;
CREATE INDEX delivery_retry ON delivery (target_no, plan, due_at, seq) WHERE tries > 0;

-- +goose Down
SELECT 1;
