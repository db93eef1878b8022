package api

import (
	"bytes"
	"mime"
	"net/http"
	"strconv"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// Limits of one batch.
const (
	maxBatch      = 1000
	maxBatchBytes = 16 << 20
)

// createEvents publishes a batch. Each line stands on its own: a bad one costs the others nothing.
func (a *API) createEvents(c *call) (answer, error) {
	lines, err := ReadBatch(c.r.Header.Get("Content-Type"), c.body)
	if err != nil {
		return answer{}, err
	}
	n, err := hops(c.r)
	if err != nil {
		return answer{}, err
	}
	inputs := make([]ingest.Input, 0, len(lines))
	for _, l := range lines {
		if l.Err == nil {
			l.Input.Hops = n
			inputs = append(inputs, l.Input)
		}
	}
	published := a.Ingest.Publish(c.r.Context(), c.tenant(), inputs...)

	accepted, next := 0, 0
	results := []byte(`],`)[:0]
	for i, l := range lines {
		if i > 0 {
			results = append(results, ',')
		}
		failed := l.Err
		if failed == nil {
			p := &published[next]
			next++
			if p.Err == nil {
				accepted++
				results = appendAccepted(results, p)
				continue
			}
			failed = p.Err
		}
		if results, err = a.appendFailed(results, failed); err != nil {
			return answer{}, err
		}
	}
	raw := append(make([]byte, 0, len(results)+40), `{"accepted":`...)
	raw = strconv.AppendInt(raw, int64(accepted), 10)
	raw = append(raw, `,"results":[`...)
	raw = append(raw, results...)
	return answer{status: http.StatusAccepted, raw: append(raw, "]}"...)}, nil
}

// ReadBatch takes a batch apart: a JSON array, JSON lines, or an array of CloudEvents. The console reads by it, too.
func ReadBatch(contentType string, body []byte) ([]ingest.Line, error) {
	media, parameters := "application/json", map[string]string(nil)
	if contentType != "" {
		var err error
		if media, parameters, err = mime.ParseMediaType(contentType); err != nil {
			media = ""
		}
	}
	if err := checkCharset(parameters); err != nil {
		return nil, err
	}
	var lines []ingest.Line
	var err error
	switch media {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		lines, err = readLines(body)
	case "application/json":
		lines, err = readArray(body, readEvent)
	case "application/cloudevents-batch+json":
		lines, err = readArray(body, readCloud)
	default:
		return nil, hub.Errorf(hub.UnsupportedType, "the content type %q is not taken here", hub.Shorten(contentType, 100)).
			WithHint("send application/json with an array, application/x-ndjson, or application/cloudevents-batch+json")
	}
	if err == nil && len(lines) == 0 {
		err = hub.Errorf(hub.Invalid, "the batch holds no event")
	}
	return lines, err
}

func tooMany() error {
	return hub.Errorf(hub.TooLarge, "the batch holds more than %d events", maxBatch).WithHint("send several batches")
}

func readArray(body []byte, read func(expr.Value) (ingest.Input, error)) ([]ingest.Line, error) {
	doc, err := parse(body)
	if err != nil {
		return nil, err
	}
	if doc.Value().Kind() != expr.Array {
		return nil, hub.Errorf(hub.Invalid, "the body is %s, but a batch is an array of events", kindName(doc.Value())).
			WithHint("one event goes to POST /v1/events; JSON lines need the content type application/x-ndjson")
	}
	var lines []ingest.Line
	for item := range doc.Value().Items() {
		if len(lines) == maxBatch {
			return nil, tooMany()
		}
		in, err := read(item)
		lines = append(lines, ingest.Line{Raw: item.Doc().Raw(), Input: in, Err: err})
	}
	return lines, nil
}

// readLines reads JSON lines; an empty one is no event.
func readLines(body []byte) ([]ingest.Line, error) {
	var lines []ingest.Line
	for text := range bytes.Lines(body) {
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			continue
		}
		if len(lines) == maxBatch {
			return nil, tooMany()
		}
		in, err := readNative(text)
		lines = append(lines, ingest.Line{Raw: text, Input: in, Err: err})
	}
	return lines, nil
}

// appendFailed writes what is wrong with one line. What is our own fault fails the whole call's log, not its lines.
func (a *API) appendFailed(b []byte, err error) ([]byte, error) {
	p, known := problemOf(err)
	if !known {
		return b, err
	}
	text, err := marshal(p)
	if err != nil {
		return b, err
	}
	b = append(b, `{"error":`...)
	b = append(b, text...)
	return append(b, '}'), nil
}
