package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/packs"
)

// samplesOf are the events of which there is a sample, in the provider's words.
func samplesOf(p *packs.Provider) []string {
	words := slices.Collect(maps.Keys(p.Samples))
	if pack, err := packs.Open(p.Name); err == nil { // a provider need not have one
		for i := range pack.Types {
			t := &pack.Types[i]
			if t.AsSent() == nil {
				continue
			}
			word := t.VendorName
			if word == "" {
				word = t.Name
			}
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func wordsOf(p *packs.Provider) string {
	words := samplesOf(p)
	if len(words) == 0 {
		return "there is no sample of " + p.Name + "; give the body with --data"
	}
	const most = 12
	if len(words) > most {
		return "there are " + strings.Join(words[:most], ", ") + " and more: hacek trigger " + p.Name
	}
	return "there are " + strings.Join(words, ", ")
}

// sample is the request before it is signed: the body of --data, or the provider's own sample.
func (t *trigger) sample() (http.Header, []byte, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	own, body := t.find()
	for name, value := range own {
		header.Set(name, value)
	}
	if t.data == "" && body == nil {
		hint := wordsOf(t.provider)
		if near := hub.Nearest(t.event, samplesOf(t.provider)); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		return nil, nil, wrong(hint, "%s has no sample of %q", t.provider.Name, t.event)
	}
	if t.event != "" {
		if field := t.eventHeader(); field != "" && header.Get(field) == "" {
			header.Set(field, t.event)
		}
	}
	if t.data != "" {
		var err error
		if body, err = t.app.readData(t.data); err != nil {
			return nil, nil, err
		}
	}
	for _, line := range t.add {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, nil, wrong("", "--header %q is not 'Name: value'", name)
		}
		header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return header, body, nil
}

// find looks for the event by the provider's word and by the catalogue's name. nil: there is no sample of it.
func (t *trigger) find() (headers map[string]string, body []byte) {
	word := t.event
	if _, known := t.provider.Samples[word]; !known {
		for _, theirs := range slices.Sorted(maps.Keys(t.provider.Types)) {
			if _, known := t.provider.Samples[theirs]; known && t.provider.Types[theirs] == t.event {
				word = theirs
			}
		}
	}
	if s, known := t.provider.Samples[word]; known {
		return s.Headers, asSent(s.Body)
	}
	if pack, err := packs.Open(t.provider.Name); err == nil {
		if known := pack.Type(t.event); known != nil {
			return nil, asSent(known.AsSent())
		}
	}
	return nil, nil
}

// eventHeader is the header field in which the provider names the event, "" when it does so elsewhere.
func (t *trigger) eventHeader() string {
	var preset struct {
		EventType string `json:"event_type"`
	}
	if json.Unmarshal(t.provider.Source, &preset) != nil {
		return ""
	}
	name, is := strings.CutPrefix(preset.EventType, "header.")
	if !is {
		return ""
	}
	return name
}

// asSent is a sample's body: JSON, or the text that a JSON text holds.
func asSent(body json.RawMessage) []byte {
	var text string
	if body != nil && json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	return body
}
