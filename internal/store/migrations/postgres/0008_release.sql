-- +goose Up
-- When what waits for its next try was last brought forward: by a person's resume, and by the target, which took a
-- delivery again after an outage. tripped: the breaker has opened and no recovery was counted since.
ALTER TABLE target ADD COLUMN tripped bigint NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN resumes bigint NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN resumed_at bigint;
ALTER TABLE target ADD COLUMN recoveries bigint NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN recovered_at bigint;

-- plan is the target's counts when the next try was planned: a lower one than the target's now was brought forward, and
-- nothing is written for it. asked_until is the moment that the receiver itself named.
ALTER TABLE delivery ADD COLUMN plan bigint DEFAULT 0;
ALTER TABLE delivery ADD COLUMN asked_until bigint DEFAULT 0;
-- Only what is tried again has them; nearly everything is not, and pays nothing for them.
ALTER TABLE delivery ALTER COLUMN plan DROP DEFAULT;
ALTER TABLE delivery ALTER COLUMN asked_until DROP DEFAULT;
DROP INDEX delivery_retry;
CREATE INDEX delivery_retry ON delivery (target_no, plan, due_at, seq) WHERE tries > 0;

-- +goose Down
SELECT 1;
