package receiver

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/ingest"
)

// unknownType is what an event is called whose type is nowhere to be found.
const unknownType = "unknown"

// plan is what a request becomes by the source's rules.
type plan struct {
	inputs []ingest.Input
	pieces int
	left   int    // pieces that are not accepted by rule
	why    string // of the first of them
	err    error  // the request cannot be judged: a person has to look
}

// judging is what the accepting condition may cost for all pieces of one request, as expr weighs it: about 500 ms of one
// processor, however busy that is.
const judging = 320 << 20

var errSlow = errors.New("the accepting condition takes more than 500 ms for this request")

// plan applies split, types, keys, times and rules. It changes nothing.
func (a *arrival) plan(r *roots, doc expr.Doc) plan {
	pieces, found, err := split(a.split, *r, doc)
	if err != nil {
		return plan{err: err}
	}
	p := plan{pieces: len(pieces)}
	if found && len(pieces) == 0 {
		p.why = "its list " + a.Split + " is empty"
	}
	left := judging
	for i := range pieces {
		one := &pieces[i]
		in := a.input(one)
		why, work, err := a.takes(&in, one)
		if left -= work; err == nil && left < 0 {
			err = errSlow
		}
		if err != nil {
			p.err = err
			return p
		}
		if why != "" {
			if p.left++; p.left == 1 {
				p.why = why
			}
			continue
		}
		p.inputs = append(p.inputs, in)
	}
	return p
}

// input is one piece as the door for events takes it.
func (a *arrival) input(one *piece) ingest.Input {
	in := ingest.Input{
		Type: unknownType, Data: one.data.Raw(), Doc: one.data, Source: a.Name, Unverified: !a.in.Verified,
		Request: &a.in, Window: a.DuplicateOf.Window.D(), Hops: a.hops(),
	}
	if word, found := a.eventType.text(&one.roots); found && usable(word, hub.MaxTypeLen) {
		in.Type, in.VendorType = word, word
		if name, known := a.types[word]; known {
			in.Type = name
		}
		if strings.HasPrefix(word, "hacek.") {
			in.Type, in.VendorType = unknownType, "" // those are the hub's own
		}
	}
	if key, found := a.key.text(&one.roots); found && usable(key, hub.MaxKeyLen) {
		in.Key = &key
	}
	if text, found := a.happened.text(&one.roots); found {
		if t, ok := readTime(text, a.zone); ok {
			in.Time = t
		}
	}
	in.ID = a.identity(one)
	return in
}

// hops counts the hubs that an event has passed, so that two hubs that call each other's sources come to an end. Other
// senders know no such header: what is no number of ours counts nothing.
func (a *arrival) hops() int {
	n, err := strconv.Atoi(a.header.Get("Hacek-Hops"))
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// usable tells whether a text can be a type or a key at all.
func usable(text string, most int) bool {
	return len(text) <= most && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// takes says why a piece is not accepted by rule, "" when it is. An error means that nobody can tell.
func (a *arrival) takes(in *ingest.Input, one *piece) (why string, work int, err error) {
	if patterns := a.Accept.EventTypes; len(patterns) > 0 && !matchesAny(patterns, in.Type) && !matchesAny(patterns, in.VendorType) {
		word := in.VendorType
		if word == "" {
			word = in.Type
		}
		return "the source does not accept the event type " + cut(word, 80), 0, nil
	}
	if a.unreadable != nil {
		return "", 0, fmt.Errorf("the accepting condition cannot be read: %w", a.unreadable)
	}
	if a.condition == nil {
		return "", 0, nil
	}
	s := expr.NewScope()
	s.SetDoc("data", one.data)
	s.SetValue("headers", "", one.header)
	s.SetValue("source", "", one.source)
	s.SetText("event", "type", in.Type)
	s.SetText("event", "vendor_type", in.VendorType)
	s.SetText("event", "source", in.Source)
	s.SetText("event", "received_at", hub.TimeText(a.in.At))
	if in.Key != nil {
		s.SetText("event", "key", *in.Key)
	} else {
		s.SetText("event", "key", "")
	}
	matched, work, err := a.condition.Weigh(s)
	if err != nil {
		return "", work, fmt.Errorf("the accepting %w", err)
	}
	if !matched {
		return "the accepting condition does not hold: " + cut(a.Accept.Condition, 200), work, nil
	}
	return "", work, nil
}

func matchesAny(patterns []string, name string) bool {
	for _, pattern := range patterns {
		if name != "" && hub.MatchesType(pattern, name) {
			return true
		}
	}
	return false
}

// identity is a digest of the fields that tell repeats from new notices, "" where one of them is absent. What no
// signature covers identifies nothing: the whole body joins it then.
func (a *arrival) identity(one *piece) string {
	if len(a.duplicates) == 0 {
		return ""
	}
	digest := sha256.New()
	add := func(name string, value []byte) {
		var size [8]byte
		for _, part := range [][]byte{[]byte(name), value} {
			binary.BigEndian.PutUint64(size[:], uint64(len(part)))
			digest.Write(size[:])
			digest.Write(part)
		}
	}
	whole, items := false, one.scalar
	for _, d := range a.duplicates {
		if len(d.path) == 1 && d.path[0] == "body" {
			whole = true
			continue
		}
		v, found := d.find(&one.roots)
		if !found {
			return ""
		}
		items = items || d.path[0] == "item"
		if root := d.path[0]; (root == "header" || root == "query") && !a.covers(d.name) {
			whole = true
		}
		add(d.name, v.AppendJSON(nil))
	}
	if whole {
		add("body", a.body)
	}
	if one.raw != nil && (!items || one.scalar) {
		add("item", one.raw)
	}
	return "in:" + base64.RawURLEncoding.EncodeToString(digest.Sum(nil))
}
