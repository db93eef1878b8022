package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"hacek/internal/hub"
)

// EncodeAttempt writes an attempt as compact JSON, by hand because every delivery pays for it. The event's data
// inside the body sent are left out: they are stored with the event, and DecodeAttempt puts them back.
func EncodeAttempt(a *hub.Attempt) []byte {
	draft := drafts.Get().(*jsonText)
	defer drafts.Put(draft)
	*draft = (*draft)[:0].attempt(a)
	text := bytes.Clone(*draft)
	if cap(*draft) > mostDraft {
		*draft = nil
	}
	return text
}

// drafts are where attempts are encoded; only then it is known how long they are.
var drafts = sync.Pool{New: func() any { return new(jsonText) }}

const mostDraft = 64 << 10 // bytes that are kept for the next

func (j jsonText) attempt(a *hub.Attempt) jsonText {
	j = append(j, '{')
	j = j.number("n", int64(a.N))
	if !a.At.IsZero() {
		j = j.number("at", a.At.UnixNano())
	}
	j = j.number("took", int64(a.Took))
	j = j.text("result", string(a.Result))
	j = j.number("status", int64(a.Status))
	j = j.number("retry_after", int64(a.RetryAfter))
	j = j.yes("final", a.Final)
	j = j.text("error", a.Error)
	j = j.text("hint", a.Hint)
	j = j.number("version", a.SettingsVersion)
	j = j.yes("test", a.Test)
	j = j.request(&a.Request)
	j = j.answer(&a.Response)
	j = j.timing(a.Timing)
	j = j.peer(&a.Peer)
	if len(a.Steps) > 0 {
		steps, err := json.Marshal(a.Steps) // only pipelines have them, so they may cost more
		if err != nil {
			panic(fmt.Sprintf("BUG: steps that are no JSON: %v", err))
		}
		j = append(j.name("steps"), steps...)
	}
	return append(j, '}')
}

// jsonText is JSON under construction; each method adds one field, or nothing when it is empty.
type jsonText []byte

func (j jsonText) name(name string) jsonText {
	if last := j[len(j)-1]; last != '{' && last != '[' {
		j = append(j, ',')
	}
	j = append(j, '"')
	j = append(j, name...)
	return append(j, '"', ':')
}

func (j jsonText) number(name string, v int64) jsonText {
	if v == 0 {
		return j
	}
	return strconv.AppendInt(j.name(name), v, 10)
}

func (j jsonText) yes(name string, v bool) jsonText {
	if !v {
		return j
	}
	return append(j.name(name), "true"...)
}

func (j jsonText) text(name, v string) jsonText {
	if v == "" {
		return j
	}
	return appendQuoted(j.name(name), v)
}

func (j jsonText) request(r *hub.SentRequest) jsonText {
	j = append(j.name("request"), '{')
	j = j.text("method", r.Method)
	j = j.text("url", r.URL)
	if len(r.Headers) > 0 {
		j = append(j.name("headers"), '[')
		for i := range r.Headers {
			if i > 0 {
				j = append(j, ',')
			}
			j = append(j, '[')
			j = appendQuoted(j, r.Headers[i].Name)
			j = append(j, ',')
			j = appendQuoted(j, r.Headers[i].Value)
			j = append(j, ']')
		}
		j = append(j, ']')
	}
	before, after := r.Body, []byte(nil)
	if end := r.DataAt + r.DataLen; r.DataLen > 0 && r.DataAt >= 0 && end <= len(r.Body) {
		before, after = r.Body[:r.DataAt], r.Body[end:]
		j = j.number("data", int64(r.DataLen))
	}
	j = j.text("body", string(before))
	j = j.text("tail", string(after))
	return append(j, '}')
}

func (j jsonText) answer(r *hub.Answer) jsonText {
	j = append(j.name("response"), '{')
	j = j.number("status", int64(r.Status))
	if len(r.Headers) > 0 {
		j = append(j.name("headers"), '[')
		for name, values := range r.Headers {
			for _, v := range values {
				if j[len(j)-1] != '[' {
					j = append(j, ',')
				}
				j = append(j, '[')
				j = appendQuoted(j, name)
				j = append(j, ',')
				j = appendQuoted(j, v)
				j = append(j, ']')
			}
		}
		j = append(j, ']')
	}
	j = j.text("body", string(r.Body))
	j = j.yes("truncated", r.Truncated)
	return append(j, '}')
}

func (j jsonText) timing(t hub.Timing) jsonText {
	if t == (hub.Timing{}) {
		return j
	}
	j = append(j.name("timing"), '{')
	j = j.number("dns", int64(t.DNS))
	j = j.number("connect", int64(t.Connect))
	j = j.number("tls", int64(t.TLS))
	j = j.number("first_byte", int64(t.FirstByte))
	j = j.number("total", int64(t.Total))
	return append(j, '}')
}

func (j jsonText) peer(p *hub.Peer) jsonText {
	if p.Address == "" && p.TLSVersion == "" && p.Issuer == "" && p.Expires.IsZero() {
		return j
	}
	j = append(j.name("peer"), '{')
	j = j.text("address", p.Address)
	j = j.text("tls", p.TLSVersion)
	j = j.text("issuer", p.Issuer)
	if !p.Expires.IsZero() {
		j = j.number("expires", p.Expires.UnixNano())
	}
	return append(j, '}')
}

// appendQuoted writes a JSON string, or, for bytes that no JSON string can hold, an array of their base64.
func appendQuoted(b []byte, v string) []byte {
	if hub.Plain(v, 0) == len(v) {
		b = append(b, '"')
		b = append(b, v...)
		return append(b, '"')
	}
	if !utf8.ValidString(v) {
		b = append(b, '[', '"')
		b = base64.StdEncoding.AppendEncode(b, []byte(v))
		return append(b, '"', ']')
	}
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(v); i++ {
		c := v[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, v[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, v[from:]...)
	return append(b, '"')
}

// rawText reads what appendQuoted wrote.
type rawText string

func (t *rawText) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		var coded []string
		if err := json.Unmarshal(b, &coded); err != nil || len(coded) != 1 {
			return fmt.Errorf("coded bytes: %w", err)
		}
		raw, err := base64.StdEncoding.DecodeString(coded[0])
		*t = rawText(raw)
		return err
	}
	var s string
	err := json.Unmarshal(b, &s)
	*t = rawText(s)
	return err
}

func (t rawText) bytes() []byte {
	if t == "" {
		return nil
	}
	return []byte(t)
}

type attemptJSON struct {
	N          int           `json:"n"`
	At         int64         `json:"at"`
	Took       time.Duration `json:"took"`
	Result     hub.Result    `json:"result"`
	Status     int           `json:"status"`
	RetryAfter time.Duration `json:"retry_after"`
	Final      bool          `json:"final"`
	Error      rawText       `json:"error"`
	Hint       rawText       `json:"hint"`
	Version    int64         `json:"version"`
	Test       bool          `json:"test"`
	Request    struct {
		Method  rawText      `json:"method"`
		URL     rawText      `json:"url"`
		Headers [][2]rawText `json:"headers"`
		Body    rawText      `json:"body"`
		Data    int          `json:"data"`
		Tail    rawText      `json:"tail"`
	} `json:"request"`
	Response struct {
		Status    int          `json:"status"`
		Headers   [][2]rawText `json:"headers"`
		Body      rawText      `json:"body"`
		Truncated bool         `json:"truncated"`
	} `json:"response"`
	Timing struct {
		DNS       time.Duration `json:"dns"`
		Connect   time.Duration `json:"connect"`
		TLS       time.Duration `json:"tls"`
		FirstByte time.Duration `json:"first_byte"`
		Total     time.Duration `json:"total"`
	} `json:"timing"`
	Peer struct {
		Address rawText `json:"address"`
		TLS     rawText `json:"tls"`
		Issuer  rawText `json:"issuer"`
		Expires int64   `json:"expires"`
	} `json:"peer"`
	Steps []hub.StepRecord `json:"steps"`
}

// DecodeAttempt reads what EncodeAttempt wrote; data is the event's, which is put back into the body.
func DecodeAttempt(evidence, data []byte) (hub.Attempt, error) {
	var x attemptJSON
	if err := json.Unmarshal(evidence, &x); err != nil {
		return hub.Attempt{}, fmt.Errorf("read the evidence of an attempt: %w", err)
	}
	a := hub.Attempt{
		N: x.N, At: fromNanos(x.At), Took: x.Took, Result: x.Result, Status: x.Status, RetryAfter: x.RetryAfter, Final: x.Final,
		Error: string(x.Error), Hint: string(x.Hint), SettingsVersion: x.Version, Test: x.Test,
		Request:  hub.SentRequest{Method: string(x.Request.Method), URL: string(x.Request.URL), Body: x.Request.Body.bytes()},
		Response: hub.Answer{Status: x.Response.Status, Body: x.Response.Body.bytes(), Truncated: x.Response.Truncated},
		Timing:   hub.Timing(x.Timing),
		Peer: hub.Peer{
			Address: string(x.Peer.Address), TLSVersion: string(x.Peer.TLS), Issuer: string(x.Peer.Issuer),
			Expires: fromNanos(x.Peer.Expires),
		},
		Steps: x.Steps,
	}
	if n := x.Request.Data; n > 0 {
		a.Request.DataAt, a.Request.DataLen = len(a.Request.Body), n
		if len(data) != n {
			return hub.Attempt{}, fmt.Errorf("read the evidence of an attempt: the event has %d bytes of data, %d were sent", len(data), n)
		}
		a.Request.Body = append(append(a.Request.Body, data...), x.Request.Tail...)
	}
	for _, h := range x.Request.Headers {
		a.Request.Headers = append(a.Request.Headers, hub.Header{Name: string(h[0]), Value: string(h[1])})
	}
	for _, h := range x.Response.Headers {
		if a.Response.Headers == nil {
			a.Response.Headers = http.Header{}
		}
		a.Response.Headers[string(h[0])] = append(a.Response.Headers[string(h[0])], string(h[1]))
	}
	return a, nil
}

func fromNanos(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
