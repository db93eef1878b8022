package web

import (
	"encoding/json"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// dataPath is a value that a step may use: how it is written, and what stood there last.
type dataPath struct {
	Path   string // as in a template, between # and #
	Sample string
}

// How many values of one document a form offers, and how deep it looks for them.
const (
	mostPaths    = 300
	deepestPaths = 8
)

// stepData finds the data that a step can use, from the last run or else from a sample of the event.
func (v *visit) stepData(page *stepView, t *hub.Target, n int) error {
	run, err := v.lastRunOf(t)
	if err != nil {
		return err
	}
	page.Paths = append(page.Paths, dataPath{Path: "event.key"})
	if run == nil {
		return v.sampleData(page, t)
	}
	page.PathsOf, page.Paths[0].Sample = run.Number, run.Number
	for i := 0; i < n && i < len(t.Pipeline.Steps); i++ {
		if as, record := t.Pipeline.Steps[i].As, run.records[i+1]; as != "" {
			page.take(as+".", answerOf(record.Output))
		}
	}
	if record, did := run.records[n+1]; did && record.Type == page.Kind && !page.New {
		card := stepCard{}
		v.record(&card, &record, run.Delivery)
		page.Result, page.Error, page.Input, page.Output = card.Result, card.Error, card.Input, card.Output
	}
	e, err := v.Store.Event(v.ctx(), v.tenant(), run.event)
	if hub.CodeOf(err) == hub.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	page.take("data.", string(e.Data))
	return nil
}

// sampleData takes what the pipeline's events look like by the catalogue; their names are not known where it is silent.
func (v *visit) sampleData(page *stepView, t *hub.Target) error {
	types, err := v.eventTypes()
	if err != nil {
		return err
	}
	for _, name := range t.Pipeline.Subscription.EventTypes {
		if kind := types[name]; kind.Sample != nil {
			page.PathsOf = v.lang.Text("web_pipeline.sample_of", "name", v.eventTitle(types, name))
			page.take("data.", string(kind.Sample))
			return nil
		}
	}
	return nil
}

// answerOf is the document within a step's output: a fetched answer has its status before it.
func answerOf(output string) string {
	if _, body, found := strings.Cut(output, "\n\n"); found && !strings.HasPrefix(output, "{") {
		return body
	}
	return output
}

// take adds the values of a document. What is no JSON, or was cut, has none.
func (p *stepView) take(prefix, text string) {
	doc, err := expr.ParseDoc([]byte(text))
	if err != nil {
		return
	}
	p.walk(strings.TrimSuffix(prefix, "."), doc.Value(), 0)
}

func (p *stepView) walk(path string, value expr.Value, depth int) {
	if len(p.Paths) >= mostPaths || depth > deepestPaths || strings.ContainsAny(path, "# |") {
		return
	}
	switch value.Kind() {
	case expr.Object:
		for name, member := range value.Members() {
			var key string
			if json.Unmarshal(name, &key) == nil {
				p.walk(path+"."+key, member, depth+1)
			}
		}
	case expr.Array:
		first, there := value.Index(0)
		p.Lists = append(p.Lists, path)
		if there {
			p.walk(path+"[0]", first, depth+1)
		}
	default:
		p.Paths = append(p.Paths, dataPath{path, short(value.Text())})
	}
}

// short is a sample as a form shows it.
func short(text string) string {
	shown := []rune(visible(text))
	if len(shown) > 80 {
		return string(shown[:80]) + "…"
	}
	return string(shown)
}

// sample is what a template would have become, when it is one variable alone.
func (p *stepView) sample(template string) string {
	inner, opened := strings.CutPrefix(template, "#")
	inner, closed := strings.CutSuffix(inner, "#")
	if !opened || !closed || inner == "" {
		return ""
	}
	for _, path := range p.Paths {
		if path.Path == inner || path.Path == "data."+inner {
			return path.Sample
		}
	}
	return ""
}
