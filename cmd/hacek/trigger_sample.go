package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
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
	own, body := t.find()
	if t.data != "" {
		var err error
		if body, err = t.app.readAny(t.data); err != nil {
			return nil, nil, err
		}
	}
	header := http.Header{"Content-Type": {contentType(body)}}
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
	if name, value := t.eventHeader(); name != "" && value != "" && header.Get(name) == "" {
		header.Set(name, value)
	}
	for _, line := range t.add {
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, nil, wrong("such as --header 'X-GitHub-Event: push'", "a --header is not 'Name: value'")
		}
		header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	if place := t.provider.Scheme.Signature; len(place) > 0 && strings.HasPrefix(place[0].Path, "form.") && header.Get("Content-Type") != formType {
		return nil, nil, wrong("such as --data 'status=PAID&price=1234'", "%s sends forms, and the body is none", t.provider.Name)
	}
	return header, body, nil
}

const formType = "application/x-www-form-urlencoded"

// contentType is what a body looks like.
func contentType(body []byte) string {
	text := strings.TrimSpace(string(body))
	switch {
	case json.Valid(body):
		return "application/json"
	case strings.HasPrefix(text, "<"):
		return "text/xml"
	case strings.Contains(text, "=") && !strings.ContainsAny(text, " \t\r\n{"):
		return formType
	}
	return "text/plain"
}

// readAny is --data of whatever kind: a text, @FILE, or - for standard input.
func (a *app) readAny(text string) ([]byte, error) {
	if text == "-" {
		return a.readFile(text)
	}
	if name, file := strings.CutPrefix(text, "@"); file {
		return a.readFile(name)
	}
	return []byte(text), nil
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

// A source that reads the event from a header, or from a header and the body: "#header.X-GitHub-Event#.#body.action#".
var headerFirst = regexp.MustCompile(`^(#?)header\.([A-Za-z0-9-]+)`)

// eventHeader is the header field in which the provider names the event, and what stands there; "" when it does so
// elsewhere.
func (t *trigger) eventHeader() (name, value string) {
	var preset struct {
		EventType string `json:"event_type"`
	}
	if json.Unmarshal(t.provider.Source, &preset) != nil {
		return "", ""
	}
	found := headerFirst.FindStringSubmatch(preset.EventType)
	switch {
	case found == nil:
		return "", ""
	case found[1] == "":
		return found[2], t.event
	}
	value, _, _ = strings.Cut(t.event, ".") // what follows stands in the body
	return found[2], value
}

// asSent is a sample's body: JSON, or the text that a JSON text holds.
func asSent(body json.RawMessage) []byte {
	var text string
	if body != nil && json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	return body
}
