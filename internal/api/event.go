package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
	"hacek/internal/store"
)

// maxEnvelope is what a body may hold beside the data, in bytes.
const maxEnvelope = 64 << 10

// createEvent is the hot path: one pass over the body, one call, one answer written by hand.
func (a *API) createEvent(c *call) (answer, error) {
	in, cloud, err := readOne(c.r, c.body)
	if err != nil {
		return answer{}, err
	}
	if in.Hops, err = hops(c.r); err != nil {
		return answer{}, err
	}
	if k := c.keep; k != nil {
		in.Idempotency = func(p *ingest.Published) *store.Idempotency {
			return k.record(http.StatusAccepted, appendAccepted(nil, p))
		}
	}
	out := a.Ingest.Publish(c.r.Context(), c.tenant(), in)
	p := &out[0]
	switch {
	case p.Err != nil && cloud:
		return answer{}, inCloudWords(p.Err)
	case p.Err != nil:
		return answer{}, p.Err
	case p.Duplicate:
		return answer{raw: appendAccepted(nil, p)}, nil
	}
	return answer{status: http.StatusAccepted, raw: appendAccepted(nil, p), inCommit: true}, nil
}

// readOne reads one event in whichever of the three forms it comes.
func readOne(r *http.Request, body []byte) (in ingest.Input, cloud bool, err error) {
	header := r.Header.Get("Content-Type")
	if header == "application/json" && len(r.Header["Ce-Specversion"]) == 0 {
		in, err = readNative(body)
		return in, false, err
	}
	media, parameters := "", map[string]string(nil)
	if header != "" {
		if media, parameters, err = mime.ParseMediaType(header); err != nil {
			return in, false, hub.Errorf(hub.UnsupportedType, "the content type %q cannot be read", hub.Shorten(header, 100)).WithHint("send application/json")
		}
	}
	switch {
	case media == "application/cloudevents+json":
		if err := checkCharset(parameters); err != nil {
			return in, true, err
		}
		doc, err := parse(body)
		if err != nil {
			return in, true, err
		}
		in, err = readCloud(doc.Value())
		return in, true, err
	case media == "application/cloudevents-batch+json", media == "application/x-ndjson":
		return in, true, hub.Errorf(hub.UnsupportedType, "several events are taken at /v1/events/batch").WithHint("send them there")
	case len(r.Header["Ce-Specversion"]) > 0:
		in, err = readCloudBinary(r.Header, media, body)
		return in, true, err
	case media != "" && media != "application/json":
		return in, false, hub.Errorf(hub.UnsupportedType, "the content type %q is not taken here", hub.Shorten(media, 100)).
			WithHint("send the header Content-Type: application/json")
	}
	if err := checkCharset(parameters); err != nil {
		return in, false, err
	}
	in, err = readNative(body)
	return in, false, err
}

func readNative(body []byte) (ingest.Input, error) {
	if len(body) == 0 {
		return ingest.Input{}, hub.Errorf(hub.NotJSON, "the body is empty").WithHint(`send {"type":"order.created","data":{...}}`)
	}
	doc, err := parse(body)
	if err != nil {
		return ingest.Input{}, err
	}
	return readEvent(doc.Value())
}

// readEvent reads {"type", "data", ...}. The data stay as they came; a member that is unknown or given twice is
// refused, because one of the two would be lost in silence.
func readEvent(v expr.Value) (ingest.Input, error) {
	var in ingest.Input
	var wrong hub.Problems
	if v.Kind() != expr.Object {
		wrong.Add("", "is %s, but an event is an object with type and data", kindName(v))
		return in, wrong.Err()
	}
	var seen [7]bool
	twice := func(i int, pointer string) {
		if seen[i] {
			wrong.Add(pointer, "is given twice")
		}
		seen[i] = true
	}
	for name, member := range v.Members() {
		switch string(name) {
		case `"type"`:
			twice(0, "/type")
			in.Type = textMember(&wrong, "/type", member)
		case `"data"`:
			twice(1, "/data")
			in.Doc = member.Doc()
			in.Data = in.Doc.Raw()
		case `"key"`:
			twice(2, "/key")
			if member.Kind() != expr.Null {
				key := textMember(&wrong, "/key", member)
				in.Key = &key
			}
		case `"id"`:
			twice(3, "/id")
			if member.Kind() != expr.Null {
				in.ID = textMember(&wrong, "/id", member)
			}
		case `"time"`:
			twice(4, "/time")
			if member.Kind() != expr.Null {
				in.Time = timeMember(&wrong, "/time", member)
			}
		case `"channels"`:
			twice(5, "/channels")
			in.Channels = channelsMember(&wrong, member)
		case `"metadata"`:
			twice(6, "/metadata")
			switch member.Kind() {
			case expr.Null:
			case expr.Object:
				in.Metadata = member.AppendJSON(nil)
			default:
				wrong.Add("/metadata", "is %s, but must be an object", kindName(member))
			}
		default:
			plain := unquote(name)
			wrong.Add("/"+hub.EscapePointer(plain), "unknown field %q%s", hub.Shorten(plain, 60),
				didYouMean(plain, []string{"type", "data", "key", "id", "time", "channels", "metadata"}))
		}
	}
	if !seen[0] {
		wrong.Add("/type", "is missing; give the event type, such as order.created")
	}
	if !seen[1] {
		wrong.Add("/data", "is missing; any JSON will do, also null")
	}
	return in, wrong.Err()
}

func textMember(wrong *hub.Problems, pointer string, v expr.Value) string {
	if v.Kind() != expr.String {
		wrong.Add(pointer, "is %s, but must be a text", kindName(v))
		return ""
	}
	return v.Text()
}

func timeMember(wrong *hub.Problems, pointer string, v expr.Value) time.Time {
	text := textMember(wrong, pointer, v)
	t, err := time.Parse(time.RFC3339, text)
	switch {
	case v.Kind() != expr.String:
	case err != nil:
		wrong.Add(pointer, "%q is not a time: write it as 2006-01-02T15:04:05Z", hub.Shorten(text, 60))
	case t.Year() < 1 || t.UTC().Year() > 9999:
		wrong.Add(pointer, "the year must be between 1 and 9999")
	}
	return t
}

func channelsMember(wrong *hub.Problems, v expr.Value) []string {
	if v.Kind() == expr.Null {
		return nil
	}
	if v.Kind() != expr.Array {
		wrong.Add("/channels", "is %s, but must be a list of texts", kindName(v))
		return nil
	}
	var channels []string
	for item := range v.Items() {
		channels = append(channels, textMember(wrong, "/channels/"+strconv.Itoa(len(channels)), item))
		if len(channels) > 100 {
			wrong.Add("/channels", "holds more than 100")
			return nil
		}
	}
	return channels
}

func kindName(v expr.Value) string {
	kind := v.Kind().String()
	if kind == "null" {
		return kind
	}
	return article(kind) + " " + kind
}

func unquote(name []byte) string {
	var plain string
	if err := json.Unmarshal(name, &plain); err != nil {
		return string(name)
	}
	return plain
}

func didYouMean(word string, known []string) string {
	if near := hub.Nearest(word, known); near != "" {
		return "; did you mean " + strconv.Quote(near) + "?"
	}
	return ""
}

// hops counts the hubs an event has passed, so that two hubs that call each other come to an end.
func hops(r *http.Request) (int, error) {
	given := r.Header["Hacek-Hops"]
	if len(given) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(given[0])
	if err != nil || n < 0 {
		return 0, hub.Errorf(hub.Invalid, "the header hacek-hops must be a number")
	}
	return n, nil
}

// appendAccepted writes the answer to one accepted event.
func appendAccepted(b []byte, p *ingest.Published) []byte {
	e := p.Event
	b = append(b, `{"id":"`...)
	b = append(b, e.ID.Text(hub.EventPrefix)...)
	b = append(b, `","type":`...)
	b = appendText(b, e.Type)
	b = append(b, `,"key":`...)
	if e.Key == "" {
		b = append(b, "null"...)
	} else {
		b = appendText(b, e.Key)
	}
	b = append(b, `,"time":"`...)
	b = hub.AppendTime(b, e.Time)
	b = append(b, `","received_at":"`...)
	b = hub.AppendTime(b, e.ReceivedAt)
	b = append(b, `","deliveries":`...)
	b = strconv.AppendInt(b, int64(p.Deliveries), 10)
	if p.Duplicate {
		b = append(b, `,"duplicate":true`...)
	}
	return append(b, '}')
}

// optionalTime is null for no time.
func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := hub.TimeText(t)
	return &text
}

// optional is null for no text.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// appendText appends a JSON string.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, err := marshal(text)
			if err != nil {
				panic("BUG: a text cannot be written: " + err.Error())
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// inCloudWords names the fields as the sender of a CloudEvent knows them.
func inCloudWords(err error) error {
	var e *hub.Error
	if !errors.As(err, &e) {
		return err
	}
	copied := *e
	copied.Fields = nil
	for _, f := range e.Fields {
		if rest, found := strings.CutPrefix(f.Pointer, "/key"); found {
			f.Pointer = "/subject" + rest
		}
		copied.Fields = append(copied.Fields, f)
	}
	return &copied
}

// marshal writes JSON without touching <, > and &.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// plainBytes reports text that a JSON string can hold without loss.
func plainBytes(raw []byte) bool { return utf8.Valid(raw) && bytes.IndexByte(raw, 0) < 0 }
