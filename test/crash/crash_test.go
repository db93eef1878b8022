//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/test/crash/check"
)

// forgetful is a hub that takes an event only when it is told twice, and passes it on with the given change.
type forgetful struct {
	t        *testing.T
	receiver string
	change   func(e *passed)
	told     map[string]int
}

// passed is what a receiver gets of an event.
type passed struct {
	ID, Type, Key string
	Data          json.RawMessage
}

func (f *forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event passed
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		f.t.Errorf("an event that is not JSON: %v in %s", err, body)
	}
	if f.told[event.ID]++; f.told[event.ID] == 1 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	id := "evt_" + event.ID
	kind := event.Type
	f.change(&event)
	envelope := fmt.Appendf(nil, `{"id":%q,"type":%q,"key":%q,"data":%s}`, id, event.Type, event.Key, event.Data)
	for _, e := range endpoints {
		if !slices.Contains(e.kinds, strings.TrimPrefix(kind, "crash.")) {
			continue
		}
		for status := 0; status != http.StatusOK; {
			request, _ := http.NewRequest("POST", f.receiver+"/"+e.name, bytes.NewReader(envelope))
			request.Header.Set("webhook-id", id)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				f.t.Fatal(err)
			}
			answer.Body.Close()
			status = answer.StatusCode
		}
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

// The publishers' and the receivers' journals of real requests hold together, and give a hub away that damages a byte.
func TestJournalsOfRealRequests(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*passed)
		want   bool
	}{
		"bytes as they came": {func(*passed) {}, true},
		"blanks removed": {func(e *passed) {
			var compact bytes.Buffer
			if err := json.Compact(&compact, e.Data); err != nil {
				t.Error(err)
			}
			e.Data = compact.Bytes()
		}, false},
		"HTML escaped": {func(e *passed) {
			var escaped bytes.Buffer
			json.HTMLEscape(&escaped, e.Data)
			e.Data = escaped.Bytes()
		}, false},
		"another type": {func(e *passed) { e.Type += ".old" }, false},
		"another key":  {func(e *passed) { e.Key = "0" + e.Key }, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			create := func(name string) *check.Journal {
				journal, err := check.Create(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return journal
			}
			publishing, receiving, faults := create(check.PublisherJournal), create(check.ReceiverJournal), create(check.FaultLog)
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receive(receiving, w, r) }))
			defer receiver.Close()
			hub := httptest.NewServer(&forgetful{t: t, receiver: receiver.URL, change: c.change, told: map[string]int{}})
			defer hub.Close()

			for _, e := range endpoints {
				if err := faults.Write(check.Line{Op: check.OpEndpoint, Endpoint: e.name, Kinds: e.kinds}); err != nil {
					t.Fatal(err)
				}
			}
			p := &publisher{url: hub.URL, journal: publishing, client: hub.Client()}
			kinds := map[string]bool{}
			for len(kinds) < 4 {
				e := newEvent()
				if kinds[e.kind] {
					continue
				}
				kinds[e.kind] = true
				if err := p.publish(e); err != nil {
					t.Fatal(err)
				}
			}
			for _, journal := range []*check.Journal{publishing, receiving, faults} {
				if err := journal.Close(); err != nil {
					t.Fatal(err)
				}
			}
			history, err := check.ReadHistory(dir)
			if err != nil {
				t.Fatal(err)
			}
			r := check.Check(history, check.Limits{Events: 4, Undone: time.Second})
			if r.OK() != c.want || r.Repeats != 4 || r.Matched != 6 {
				t.Errorf("holds: %t, want %t; %d repeats, %d owed; %v", r.OK(), c.want, r.Repeats, r.Matched, r.Violations)
			}
		})
	}
}
