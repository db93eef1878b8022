package web

import (
	"encoding/json"
	"strings"

	"hacek/internal/expr"
	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// dryRun is the card on which a pipeline is tried: with what, and what every step would do.
type dryRun struct {
	Choices []Option
	Ran     bool
	Stopped int    // number of the step it ended at; 0 when all were done
	Skipped string // why the pipeline would not take the event
	Steps   []stepCard
}

// shownRows are rows of one table as a write would leave them.
type shownRows struct {
	Table   string
	Columns []string
	Lines   [][]string
	More    int // rows that are not shown
}

// How much of a dry run's choice and of its rows a page shows.
const (
	dryEvents    = 10
	lookedEvents = 30
	dryRows      = 5
)

// dryChoices are the events a pipeline may be tried with: what came to it last, what it subscribes to, the samples.
func (v *visit) dryChoices(t *hub.Target, types map[string]settings.EventType) (dryRun, error) {
	var dry dryRun
	seen := map[string]bool{}
	add := func(id hub.ID, kind, key string, at string) {
		value := id.Text(hub.EventPrefix)
		if seen[value] || len(dry.Choices) >= dryEvents {
			return
		}
		seen[value] = true
		if key == "" {
			key = value
		}
		dry.Choices = append(dry.Choices, Option{Value: value, Word: visible(key) + ", " + visible(v.eventTitle(types, kind)) + ", " + at})
	}
	rows, _, err := v.Store.Deliveries(v.ctx(), store.DeliveryFilter{Tenant: v.tenant(), Targets: []int64{t.No}}, store.Page{Limit: dryEvents / 2})
	if err != nil {
		return dry, err
	}
	for i := range rows {
		add(rows[i].Event, rows[i].Type, rows[i].EventKey, v.clock(rows[i].ReceivedAt))
	}
	sub := t.Pipeline.Subscription
	filter := store.EventFilter{Tenant: v.tenant()}
	if len(sub.Sources) == 1 {
		filter.Source = sub.Sources[0]
	}
	events, _, err := v.Store.Events(v.ctx(), filter, store.Page{Limit: lookedEvents})
	if err != nil {
		return dry, err
	}
	for _, e := range events {
		if matched, _ := v.Ingest.Matches(v.ctx(), v.tenant(), sub, e); matched {
			add(e.ID, e.Type, e.Key, v.clock(e.ReceivedAt))
		}
	}
	for i, name := range sub.EventTypes {
		if kind := types[name]; i < dryEvents && !strings.Contains(name, "*") && (kind.Sample != nil || len(dry.Choices) == 0) {
			dry.Choices = append(dry.Choices, Option{Value: "type:" + name, Word: v.lang.Text("web_pipeline.sample_of", "name", visible(v.eventTitle(types, name)))})
		}
	}
	if len(dry.Choices) == 0 {
		dry.Choices = append(dry.Choices, Option{Word: v.lang.Text("web_pipeline.sample")})
	}
	for i := range dry.Choices {
		dry.Choices[i].Chosen = dry.Choices[i].Value == v.form("with")
	}
	return dry, nil
}

func (v *visit) dryRunPipeline() error {
	with, in := v.form("with"), settings.TryInput{}
	if kind, sample := strings.CutPrefix(with, "type:"); sample {
		in.EventType = kind
	} else {
		in.Event = with
	}
	result, err := v.Settings.DryRun(v.ctx(), v.tenant(), v.r.PathValue("pipeline"), nil, in, v.by())
	if err != nil {
		return v.refusePipeline(nil, err)
	}
	page, err := v.pipeline(nil, nil)
	if err != nil {
		return err
	}
	page.Dry.Ran = true
	if !result.Matched {
		page.Dry.Skipped = v.reason(result.Reason)
	}
	for i := range page.Steps {
		was := page.Steps[i]
		card := stepCard{N: was.N, Kind: was.Kind, Icon: was.Icon, Title: was.Title, Name: was.Name}
		for j := range result.Steps {
			if r := &result.Steps[j]; r.N == card.N {
				v.record(&card, r, "")
				if r.Result == hub.StepBroken && page.Dry.Stopped == 0 {
					page.Dry.Stopped = r.N
				}
			}
		}
		page.Dry.Steps = append(page.Dry.Steps, card)
	}
	return v.show("pipeline", page.Name, page)
}

// rowsOf reads the evidence of a write as rows. What was cut is no JSON and yields none.
func rowsOf(input string) []shownRows {
	doc, err := expr.ParseDoc([]byte(input))
	if err != nil {
		return nil
	}
	text := func(value expr.Value, name string) string {
		field, _ := value.Field(name)
		return field.Text()
	}
	all := doc.Value()
	var tables []shownRows
	if values, there := all.Field("values"); there {
		rows := shownRows{Table: text(all, "table")}
		rows.add(values)
		tables = append(tables, rows)
	}
	children, _ := all.Field("children")
	for child := range children.Items() {
		rows := shownRows{Table: text(child, "table")}
		list, _ := child.Field("rows")
		for row := range list.Items() {
			rows.add(row)
		}
		tables = append(tables, rows)
	}
	return tables
}

// add takes one row, an object of columns; the first names the columns.
func (s *shownRows) add(row expr.Value) {
	if len(s.Lines) >= dryRows {
		s.More++
		return
	}
	first, line := s.Columns == nil, []string{}
	for name, value := range row.Members() {
		if first {
			var column string
			if json.Unmarshal(name, &column) != nil {
				column = string(name)
			}
			s.Columns = append(s.Columns, visible(column))
		}
		shown := []rune(visible(value.Text()))
		if value.Kind() == expr.Null {
			shown = []rune("–")
		}
		if len(shown) > 200 {
			shown = append(shown[:200], '…')
		}
		line = append(line, string(shown))
	}
	s.Lines = append(s.Lines, line)
}
