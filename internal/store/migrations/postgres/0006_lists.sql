-- +goose Up
-- What lies in which span of event numbers, written once a span is old enough that nothing is added to it any more. A
-- list that is narrowed reads only spans that hold something of the wanted. Accepting an event costs nothing for it.
-- earliest and latest are when its events were received.
CREATE TABLE event_span (
	last     bigint  PRIMARY KEY,
	first    bigint  NOT NULL,
	earliest bigint  NOT NULL,
	latest   bigint  NOT NULL
);
-- kind is '' for any event of the tenant, 't' and a type, or 's' and a source.
CREATE TABLE event_kind (
	tenant_no bigint  NOT NULL,
	kind      TEXT    COLLATE "C" NOT NULL,
	last      bigint  NOT NULL,
	first     bigint  NOT NULL,
	PRIMARY KEY (tenant_no, kind, last)
);
CREATE INDEX event_kind_last ON event_kind (last);

-- What was not delivered. Nearly everything is, and pays nothing for it.
CREATE INDEX delivery_done_other ON delivery_done (target_no, state, seq) WHERE state <> 'delivered';

-- +goose Down
SELECT 1;
