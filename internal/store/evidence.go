package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"hacek/internal/hub"
)

// An attempt is stored as its fields in a fixed order: whole numbers as varints, texts with their length in front, and words that come
// in every attempt by their number. It is half as long as JSON, and what is stored of a delivery is written three times: to the log, to
// the database and to every copy of it.

// evidenceVersion is the first byte. A '{' there is the JSON of before.
const evidenceVersion = 1

// words are stored by their place in this list, from 1. It only grows at its end.
var words = []string{
	"GET", "POST", "PUT", "PATCH", "DELETE",
	string(hub.Succeeded), string(hub.Refused), string(hub.Redirected), string(hub.TimedOut), string(hub.NoConnection),
	"User-Agent", "Content-Type", "Content-Encoding", "Authorization", "Idempotency-Key",
	"webhook-id", "webhook-timestamp", "webhook-signature", "hacek-delivery", "hacek-attempt", "hacek-hops",
	"Date", "Server", "Content-Length", "Connection", "Vary", "Cache-Control", "Etag", "X-Request-Id",
	"application/json", "0",
}

// wordsOfLength are the places of the words of a length: most texts are of another.
var wordsOfLength = sync.OnceValue(func() *[32][]byte {
	var of [32][]byte
	for i, word := range words {
		of[len(word)] = append(of[len(word)], byte(i+1))
	}
	return &of
})

// Bits of the byte of what is yes or no.
const (
	isFinal = 1 << iota
	isTest
	isTruncated
)

// EncodeAttempt writes an attempt. The event's data inside the body sent are left out: they are stored with the event, and
// DecodeAttempt puts them back.
func EncodeAttempt(a *hub.Attempt) []byte {
	draft := drafts.Get().(*record)
	defer drafts.Put(draft)
	*draft = (*draft)[:0].attempt(a)
	evidence := bytes.Clone(*draft)
	if cap(*draft) > mostDraft {
		*draft = nil
	}
	return evidence
}

// drafts are where attempts are encoded; only then it is known how long they are.
var drafts = sync.Pool{New: func() any { return new(record) }}

const mostDraft = 64 << 10 // bytes that are kept for the next

// record is an attempt under construction; each method adds one field.
type record []byte

func (r record) attempt(a *hub.Attempt) record {
	r = append(r, evidenceVersion)
	r = r.number(int64(a.N))
	r = r.moment(a.At)
	r = r.number(int64(a.Took))
	r = r.word(string(a.Result))
	r = r.number(int64(a.Status))
	r = r.number(int64(a.RetryAfter))
	r = append(r, bit(a.Final, isFinal)|bit(a.Test, isTest)|bit(a.Response.Truncated, isTruncated))
	r = r.text(a.Error)
	r = r.text(a.Hint)
	r = r.number(a.SettingsVersion)
	r = r.request(&a.Request)
	r = r.answer(&a.Response)
	for _, d := range [...]time.Duration{a.Timing.DNS, a.Timing.Connect, a.Timing.TLS, a.Timing.FirstByte, a.Timing.Total} {
		r = r.number(int64(d))
	}
	r = r.text(a.Peer.Address)
	r = r.text(a.Peer.TLSVersion)
	r = r.text(a.Peer.Issuer)
	r = r.moment(a.Peer.Expires)
	var steps []byte
	if len(a.Steps) > 0 {
		var err error
		if steps, err = json.Marshal(a.Steps); err != nil { // only pipelines have them, so they may cost more
			panic(fmt.Sprintf("BUG: steps that are no JSON: %v", err))
		}
	}
	return r.bytes(steps)
}

func bit(yes bool, is byte) byte {
	if yes {
		return is
	}
	return 0
}

func (r record) number(n int64) record { return binary.AppendVarint(r, n) }

// moment keeps nanoseconds, and 0 for a time that is not there.
func (r record) moment(t time.Time) record {
	if t.IsZero() {
		return r.number(0)
	}
	return r.number(t.UnixNano())
}

func (r record) text(s string) record {
	return append(binary.AppendUvarint(r, uint64(len(s))), s...)
}

func (r record) bytes(b []byte) record {
	return append(binary.AppendUvarint(r, uint64(len(b))), b...)
}

// word is a number of the list, or 0 and the text.
func (r record) word(s string) record {
	if of := wordsOfLength(); len(s) < len(of) {
		for _, number := range of[len(s)] {
			if words[number-1] == s {
				return append(r, number)
			}
		}
	}
	return append(r, 0).text(s)
}

func (r record) request(sent *hub.SentRequest) record {
	r = r.word(sent.Method)
	r = r.text(sent.URL)
	r = r.number(int64(len(sent.Headers)))
	for i := range sent.Headers {
		r = r.word(sent.Headers[i].Name)
		r = r.word(sent.Headers[i].Value)
	}
	before, data, tail := sent.Body, 0, []byte(nil)
	if end := sent.DataAt + sent.DataLen; sent.DataLen > 0 && sent.DataAt >= 0 && end <= len(sent.Body) {
		before, data, tail = sent.Body[:sent.DataAt], sent.DataLen, sent.Body[end:]
	}
	return r.number(int64(data)).bytes(before).bytes(tail)
}

func (r record) answer(got *hub.Answer) record {
	r = r.number(int64(got.Status))
	lines := 0
	for _, values := range got.Headers {
		lines += len(values)
	}
	r = r.number(int64(lines))
	for name, values := range got.Headers {
		for _, value := range values {
			r = r.word(name)
			r = r.word(value)
		}
	}
	return r.bytes(got.Body)
}

// DecodeAttempt reads what EncodeAttempt wrote; data is the event's, which is put back into the body.
func DecodeAttempt(evidence, data []byte) (hub.Attempt, error) {
	a, tail, err := readAttempt(evidence)
	if err != nil {
		return hub.Attempt{}, err
	}
	if n := a.Request.DataLen; n > 0 {
		if len(data) != n {
			return hub.Attempt{}, fmt.Errorf("read the evidence of an attempt: the event has %d bytes of data, %d were sent", len(data), n)
		}
		a.Request.DataAt = len(a.Request.Body)
		a.Request.Body = slices.Concat(a.Request.Body, data, tail)
	}
	return a, nil
}

// readAttempt leaves the body without the event's data, which stood before tail.
func readAttempt(evidence []byte) (a hub.Attempt, tail []byte, err error) {
	if len(evidence) > 0 && evidence[0] == '{' {
		return readJSON(evidence)
	}
	if len(evidence) == 0 || evidence[0] != evidenceVersion {
		return hub.Attempt{}, nil, errors.New("read the evidence of an attempt: a newer hub wrote it")
	}
	r := recordReader{rest: evidence[1:]}
	a.N = int(r.number())
	a.At = fromNanos(r.number())
	a.Took = time.Duration(r.number())
	a.Result = hub.Result(r.word())
	a.Status = int(r.number())
	a.RetryAfter = time.Duration(r.number())
	flags := r.byte()
	a.Final, a.Test, a.Response.Truncated = flags&isFinal != 0, flags&isTest != 0, flags&isTruncated != 0
	a.Error = string(r.bytes())
	a.Hint = string(r.bytes())
	a.SettingsVersion = r.number()
	tail = r.request(&a.Request)
	r.answer(&a.Response)
	for _, d := range [...]*time.Duration{&a.Timing.DNS, &a.Timing.Connect, &a.Timing.TLS, &a.Timing.FirstByte, &a.Timing.Total} {
		*d = time.Duration(r.number())
	}
	a.Peer.Address = string(r.bytes())
	a.Peer.TLSVersion = string(r.bytes())
	a.Peer.Issuer = string(r.bytes())
	a.Peer.Expires = fromNanos(r.number())
	if steps := r.bytes(); len(steps) > 0 {
		if err := json.Unmarshal(steps, &a.Steps); err != nil {
			return hub.Attempt{}, nil, fmt.Errorf("read the steps of an attempt: %w", err)
		}
	}
	if r.short {
		return hub.Attempt{}, nil, errors.New("read the evidence of an attempt: it is cut short")
	}
	return a, tail, nil
}

// recordReader reads the fields of a record one after the other. Behind the end of a record that was cut short everything is empty.
type recordReader struct {
	rest  []byte
	short bool
}

func (r *recordReader) cut() {
	r.rest, r.short = nil, true
}

func (r *recordReader) byte() byte {
	if len(r.rest) == 0 {
		r.cut()
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *recordReader) number() int64 {
	n, size := binary.Varint(r.rest)
	if size <= 0 {
		r.cut()
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *recordReader) bytes() []byte {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n > uint64(len(r.rest)-size) {
		r.cut()
		return nil
	}
	end := size + int(n)
	b := r.rest[size:end:end]
	if r.rest = r.rest[end:]; n == 0 {
		return nil
	}
	return b
}

func (r *recordReader) word() string {
	switch n := int(r.byte()); {
	case n == 0:
		return string(r.bytes())
	case n <= len(words):
		return words[n-1]
	}
	r.cut() // a word of a newer hub
	return ""
}

func (r *recordReader) request(sent *hub.SentRequest) (tail []byte) {
	sent.Method = r.word()
	sent.URL = string(r.bytes())
	for n := r.number(); n > 0 && !r.short; n-- {
		sent.Headers = append(sent.Headers, hub.Header{Name: r.word(), Value: r.word()})
	}
	sent.DataLen = int(r.number())
	sent.Body = r.bytes()
	return r.bytes()
}

func (r *recordReader) answer(got *hub.Answer) {
	got.Status = int(r.number())
	for n := r.number(); n > 0 && !r.short; n-- {
		if got.Headers == nil {
			got.Headers = http.Header{}
		}
		name := r.word()
		got.Headers[name] = append(got.Headers[name], r.word())
	}
	got.Body = r.bytes()
}

func fromNanos(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
