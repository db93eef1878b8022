package web

import (
	"encoding/json"
	"slices"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// How many pipelines, runs and words the page of a table looks at.
const (
	lookedPipelines = 20
	lookedRuns      = 20
	mostSeen        = 50
)

// seenWords are words that came to the table in the last runs of its pipelines, and are not in it.
func (v *visit) seenWords(t *settings.Table) ([]string, error) {
	targets, _, err := v.Settings.Pipelines(v.ctx(), v.tenant(), store.Page{Limit: 250})
	if err != nil {
		return nil, err
	}
	var words []string
	looked := 0
	for i := range targets {
		steps := targets[i].Pipeline.Steps
		uses := slices.ContainsFunc(steps, func(s hub.Step) bool {
			for _, table := range s.Tables {
				if table == t.Name {
					return true
				}
			}
			return false
		})
		if !uses || looked >= lookedPipelines {
			continue
		}
		looked++
		runs, err := v.lastRunsOf(&targets[i], lookedRuns, lookedRuns)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			for n := range steps {
				words = append(words, wordsOf(&steps[n], run.records[n+1], t.Name)...)
			}
		}
	}
	words = slices.DeleteFunc(words, func(word string) bool { _, known := t.Entries[word]; return known || word == "" })
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), mostSeen)], nil
}

// wordsOf are the words that one step had translated by a table, read from its input.
func wordsOf(s *hub.Step, record hub.StepRecord, table string) []string {
	if s.Type != hub.StepMap || record.Type != s.Type {
		return nil
	}
	var words []string
	if asked, word, asks := asksFor(record.Error); asks && asked == table {
		words = append(words, word)
	}
	doc, err := expr.ParseDoc([]byte(record.Input))
	if err != nil {
		return words
	}
	for name, value := range doc.Value().Members() {
		var path string
		if json.Unmarshal(name, &path) != nil || value.Kind() == expr.Null {
			continue
		}
		for field, by := range s.Tables {
			if by == table && s.Fields[field] == "#"+path+"#" && value.Text() != "(absent)" {
				words = append(words, value.Text())
			}
		}
	}
	return words
}
