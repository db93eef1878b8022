-- +goose Up
-- What lies in which span of event numbers, written once a span is old enough that nothing is added to it any more. A
-- list that is narrowed reads only spans that hold something of the wanted. Accepting an event costs nothing for it.
-- earliest and latest are when its events were received.
CREATE TABLE event_span (
	last     INTEGER PRIMARY KEY,
	first    INTEGER NOT NULL,
	earliest INTEGER NOT NULL,
	latest   INTEGER NOT NULL
);
-- kind is '' for any event of the tenant, 't' and a type, or 's' and a source.
CREATE TABLE event_kind (
	tenant_no INTEGER NOT NULL,
	kind      TEXT    NOT NULL,
	last      INTEGER NOT NULL,
	first     INTEGER NOT NULL,
	PRIMARY KEY (tenant_no, kind, last)
) WITHOUT ROWID;
CREATE INDEX event_kind_last ON event_kind (last);

-- What was not delivered. Nearly everything is, and pays nothing for it.
CREATE INDEX delivery_done_other ON delivery_done (target_no, state, seq) WHERE state <> 'delivered';

-- +goose Down
SELECT 1;
