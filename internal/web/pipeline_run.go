package web

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// stepCard is one step on a page: what it is, and what it did with one event.
type stepCard struct {
	N                 int
	Icon, Title, Name string
	What              string // what it does, as it is set up
	Path              string // of its form; "" for a step that is only shown
	First, Last       bool
	Result            *Badge
	Took              string
	Error, Hint       string
	Input, Output     *Cut
	Truncated         bool
	Ask               *askedWord
	Kind              string
	Rows              []shownRows // of a write: what goes into which table
	HasRun            bool
}

// askedWord is a word that a translation table lacks, and the way to add it.
type askedWord struct{ Word, Table, Path string }

// lastRun is the newest delivery whose steps are known.
type lastRun struct {
	Number, Path string
	At           time.Time
	Delivery     string
	records      map[int]hub.StepRecord // by number, counted from 1
	event        hub.ID
}

var stepIcons = map[string]string{
	hub.StepValidate: "shield", hub.StepFetch: "fetch", hub.StepMap: "book", hub.StepUpsert: "db", hub.StepRequest: "out",
	hub.StepConfirm: "check", hub.StepMail: "mail", hub.StepPublish: "branch", hub.StepWait: "today",
}

// stepTypes are the kinds of steps in the order of a list.
func stepTypes() []string {
	return []string{hub.StepValidate, hub.StepFetch, hub.StepMap, hub.StepUpsert, hub.StepRequest, hub.StepConfirm, hub.StepMail, hub.StepPublish, hub.StepWait}
}

func (v *visit) stepWord(kind string) string { return v.lang.Text("web_pipeline.type." + kind) }

func (v *visit) stepKinds() []Option {
	var all []Option
	for _, kind := range stepTypes() {
		all = append(all, Option{Value: kind, Word: v.stepWord(kind)})
	}
	return all
}

func (v *visit) stepCards(t *hub.Target, path string) []stepCard {
	var cards []stepCard
	for i := range t.Pipeline.Steps {
		s := &t.Pipeline.Steps[i]
		cards = append(cards, stepCard{
			N: i + 1, Kind: s.Type, Icon: stepIcons[s.Type], Title: v.stepWord(s.Type), Name: s.Name, What: v.stepDoes(s),
			Path: path + "/steps/" + strconv.Itoa(i+1), First: i == 0, Last: i == len(t.Pipeline.Steps)-1,
		})
	}
	return cards
}

// stepDoes says in a line what a step is set up to do.
func (v *visit) stepDoes(s *hub.Step) string {
	switch s.Type {
	case hub.StepFetch, hub.StepRequest, hub.StepConfirm:
		if s.Request != nil {
			return s.Request.Verb() + " " + s.Request.URL
		}
	case hub.StepMap:
		text := v.lang.Text("web_pipeline.fields", "number", len(s.Fields))
		var tables []string
		for _, table := range s.Tables {
			tables = append(tables, table)
		}
		slices.Sort(tables)
		for _, table := range slices.Compact(tables) {
			text += " " + v.lang.Text("web_pipeline.by_table", "name", table)
		}
		return text
	case hub.StepUpsert:
		text := v.lang.Text("web_pipeline.into", "table", s.Table, "name", s.Connection)
		for _, c := range s.Children {
			text += " " + v.lang.Text("web_pipeline.below", "table", c.Table)
		}
		return text
	case hub.StepMail:
		return strings.Join(s.To, ", ")
	case hub.StepPublish:
		if s.Event != nil {
			return s.Event.Type
		}
	case hub.StepWait:
		return v.lang.Duration(s.For.D())
	}
	return ""
}

// lastRunOf looks through the newest deliveries for one that was tried.
func (v *visit) lastRunOf(t *hub.Target) (*lastRun, error) {
	runs, err := v.lastRunsOf(t, lastDeliveries, 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	return &runs[0], nil
}

// lastRunsOf reads the steps of at most most runs among the newest look deliveries.
func (v *visit) lastRunsOf(t *hub.Target, look, most int) ([]lastRun, error) {
	rows, _, err := v.Store.Deliveries(v.ctx(), store.DeliveryFilter{Tenant: v.tenant(), Targets: []int64{t.No}}, store.Page{Limit: look})
	if err != nil {
		return nil, err
	}
	var runs []lastRun
	for i := range rows {
		d := &rows[i]
		if len(runs) == most {
			break
		}
		if d.Tries == 0 && d.State == hub.Pending {
			continue
		}
		attempts, err := v.Store.Attempts(v.ctx(), v.tenant(), d.ID())
		if hub.CodeOf(err) == hub.NotFound {
			continue // it has gone with its age
		}
		if err != nil {
			return nil, fmt.Errorf("read the attempts of %s: %w", d.ID().Text(), err)
		}
		run := lastRun{Number: d.EventKey, Delivery: d.ID().Text(), Path: "/deliveries/" + d.ID().Text(), At: d.ReceivedAt, records: map[int]hub.StepRecord{}, event: d.Event}
		if run.Number == "" {
			run.Number = d.Event.Text(hub.EventPrefix)
		}
		for _, a := range attempts {
			run.At = a.At
			run.take(a.Steps)
		}
		if len(run.records) > 0 {
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// take adds what an attempt did. A step that was kept from an earlier attempt has its evidence there.
func (r *lastRun) take(steps []hub.StepRecord) {
	for _, s := range steps {
		if _, known := r.records[s.N]; known && s.Result == hub.StepKept {
			continue
		}
		r.records[s.N] = s
	}
}

// withRun puts what a run did onto the cards of the same steps.
func (v *visit) withRun(cards []stepCard, run *lastRun) {
	for i := range cards {
		if record, did := run.records[cards[i].N]; did && record.Type == cards[i].Kind {
			v.record(&cards[i], &record, run.Delivery)
		}
	}
}

// record puts what a step did onto its card; delivery may be "".
func (v *visit) record(c *stepCard, r *hub.StepRecord, delivery string) {
	c.HasRun, c.Truncated, c.Error, c.Hint = true, r.Truncated, v.lang.Sentence(r.Error), v.lang.Sentence(r.Hint)
	badge := Badge{"skip", "skip", v.lang.Text("web_pipeline.result.skipped")}
	switch r.Result {
	case hub.StepDone:
		badge = Badge{"ok", "ok", v.lang.Text("web_pipeline.result.done")}
	case hub.StepKept:
		badge = Badge{"ok", "ok", v.lang.Text("web_pipeline.result.kept")}
	case hub.StepBroken:
		badge = Badge{"fail", "fail", v.lang.Text("web_pipeline.result.failed")}
	case hub.StepWaiting:
		badge = Badge{"", "wait", v.lang.Text("web_pipeline.result.waiting")}
	}
	c.Result = &badge
	if r.Took > 0 {
		c.Took = v.lang.Duration(max(r.Took.D(), time.Millisecond))
	}
	for _, part := range []struct {
		text string
		to   **Cut
	}{{r.Input, &c.Input}, {r.Output, &c.Output}} {
		if part.text != "" {
			shown := cut(indented([]byte(part.text)))
			*part.to = &shown
		}
	}
	if r.Type == hub.StepUpsert {
		c.Rows = rowsOf(r.Input)
	}
	if table, word, asks := asksFor(r.Error); asks {
		c.Ask = &askedWord{Word: word, Table: table, Path: askPath(table, word, delivery)}
		if v.may(hub.Editor) {
			c.Error, c.Hint = v.lang.Text("web_pipeline.asks", "word", visible(word), "table", visible(table)), ""
		}
	}
}

var unknownWord = regexp.MustCompile(`the translation table ("(?:[^"\\]|\\.)*") has no word ("(?:[^"\\]|\\.)*")`)

// asksFor reads which word a failed step asks for.
func asksFor(text string) (table, word string, asks bool) {
	found := unknownWord.FindStringSubmatch(text)
	if found == nil {
		return "", "", false
	}
	table, err := strconv.Unquote(found[1])
	if err != nil {
		return "", "", false
	}
	word, err = strconv.Unquote(found[2])
	return table, word, err == nil
}
