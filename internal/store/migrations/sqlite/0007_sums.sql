-- +goose Up
-- What became of the deliveries whose numbers lie in a span, by target and state: written behind the work once a span is
-- some seconds old, so that the figures of a target read its sums instead of a day's deliveries. Delivering costs nothing
-- for it. Spans follow each other without a gap.
CREATE TABLE done_span (
	last  INTEGER PRIMARY KEY,
	first INTEGER NOT NULL
);
-- The row of the state pending says how many were still open when the span was summed up; when there are fewer now, the
-- sums of this target's span are out of date.
CREATE TABLE done_sum (
	target_no INTEGER NOT NULL,
	last      INTEGER NOT NULL,
	state     TEXT    NOT NULL,
	first     INTEGER NOT NULL,
	n         INTEGER NOT NULL,
	retried   INTEGER NOT NULL,
	took      INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	PRIMARY KEY (target_no, last, state)
) WITHOUT ROWID;
CREATE INDEX done_sum_last ON done_sum (last);
CREATE INDEX done_sum_open ON done_sum (last) WHERE state = 'pending';

-- +goose Down
SELECT 1;
