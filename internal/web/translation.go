package web

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
)

// translationsView is what translations.html shows: the translation tables.
type translationsView struct {
	Lines  []translationLine
	Pager  Pager
	MayAdd bool
}

type translationLine struct {
	Name, Path, Description, Unknown string
	Words                            int
}

// menuPath is the entry of the menu that a page belongs to. Translation tables are reached through the pipelines.
func menuPath(page string) string {
	first := "/" + strings.Split(page, "/")[1]
	if first == "/tables" {
		return "/pipelines"
	}
	return first
}

func tableAddress(t *settings.Table) string { return "/tables/" + t.ID.Text(hub.TablePrefix) }

// askPath is the page on which a word is added to a table, for the sake of a delivery if there is one.
func askPath(table, word, delivery string) string {
	query := url.Values{"word": {word}}
	if delivery != "" {
		query.Set("delivery", delivery)
	}
	return "/tables/" + url.PathEscape(table) + "?" + query.Encode()
}

func (v *visit) tablesPage() error {
	list, next, err := v.Settings.TablePage(v.ctx(), v.tenant(), store.Page{Cursor: v.r.URL.Query().Get("cursor")})
	if err != nil {
		return err
	}
	page := translationsView{MayAdd: v.may(hub.Editor), Pager: v.pager(next)}
	for i := range list {
		t := &list[i]
		line := translationLine{Name: t.Name, Path: tableAddress(t), Description: t.Description, Words: len(t.Entries), Unknown: v.lang.Text("web_pipeline.unknown_stop")}
		if t.Default != nil {
			line.Unknown = v.lang.Text("web_pipeline.unknown_becomes", "word", visible(*t.Default))
		}
		page.Lines = append(page.Lines, line)
	}
	return v.show("translations", v.lang.Text("web_pipeline.tables"), page)
}

// translationView is what translation.html shows: a translation table as a form of rows.
type translationView struct {
	Name, Path string // "" for a new one
	Form       *Form
	Rows       []wordRow
	Stops      bool // an unknown word stops and asks
	MayEdit    bool
	Asked      string // the word that a delivery waits for
	Delivery   string
	Seen       int // words that came and are not in the table
}

// wordRow is their word and ours.
type wordRow struct {
	Theirs, Ours string
	Seen, Asked  bool // it came and is not in the table; a delivery waits for it
}

func (v *visit) newTablePage() error { return v.showTable(nil) }
func (v *visit) tablePage() error    { return v.showTable(nil) }

// theTable is the one that the path names, nil for a new one.
func (v *visit) theTable() (*settings.Table, error) {
	ref := v.r.PathValue("table")
	if ref == "" {
		return nil, nil
	}
	t, err := v.Settings.Table(v.ctx(), v.tenant(), ref)
	return &t, err
}

func (v *visit) showTable(refusal error) error {
	t, err := v.theTable()
	if err != nil {
		return err
	}
	page := translationView{MayEdit: v.may(hub.Editor), Stops: true, Asked: v.r.FormValue("word"), Delivery: v.r.FormValue("delivery")}
	var set hub.TranslationTable
	action, etag, title := "/tables/new", "", v.lang.Text("web_pipeline.table_new")
	if t != nil {
		set, action, etag, title = t.TranslationTable, tableAddress(t), t.ETag(), t.Name
		page.Name, page.Path, page.Stops = t.Name, action, t.Default == nil
	}
	fallback := deref(set.Default)
	if refusal != nil || v.form("do") == "rows" {
		page.Rows, page.Stops = v.typedRows(), v.form("unknown") != "default"
	} else {
		for _, word := range sortedKeys(set.Entries) {
			page.Rows = append(page.Rows, wordRow{Theirs: word, Ours: set.Entries[word], Asked: word == page.Asked})
		}
		if t != nil {
			if err := v.addSeen(&page, t); err != nil {
				return err
			}
		}
	}
	for range spareRows {
		page.Rows = append(page.Rows, wordRow{})
	}
	page.Form = v.newForm(action, refusal,
		Field{Name: "name", Pointer: "/name", Label: v.lang.Text("web.column.name"), Value: set.Name, Required: true},
		Field{Name: "description", Pointer: "/description", Label: v.lang.Text("web_pipeline.description"), Type: "textarea", Value: set.Description},
		Field{Name: "default", Pointer: "/default", Label: v.lang.Text("web_pipeline.default"), Value: fallback})
	page.Form.ETag = v.heldAt(etag, refusal)
	if t != nil && hub.CodeOf(refusal) == hub.PreconditionFailed {
		page.Form.Differs = append(page.Form.Differs, v.wordsDiffer(t, page.Stops)...)
	}
	if refusal == nil && v.form("do") == "rows" {
		for name, field := range page.Form.Fields {
			field.Value = v.form(name)
		}
		page.Form.ETag = v.form("etag")
	}
	if refusal != nil {
		return v.refuse(refusal, "translation", title, page)
	}
	return v.show("translation", title, page)
}

// wordsDiffer are the words that somebody else stored in another way than they were typed here.
func (v *visit) wordsDiffer(t *settings.Table, stops bool) (list []difference) {
	mine := map[string]string{}
	for _, row := range v.typedRows() {
		if _, stored := t.Entries[row.Theirs]; row.Ours != "" || stored {
			mine[row.Theirs] = row.Ours
		}
	}
	all := maps.Clone(mine)
	maps.Copy(all, t.Entries)
	for _, word := range sortedKeys(all) {
		if mine[word] != t.Entries[word] {
			list = append(list, difference{word, mine[word], t.Entries[word]})
		}
	}
	if said := func(stops bool) string {
		if stops {
			return v.lang.Text("web_pipeline.unknown_stop")
		}
		return v.lang.Text("web_pipeline.unknown_default")
	}; stops != (t.Default == nil) {
		list = append(list, difference{v.lang.Text("web_pipeline.unknown"), said(stops), said(!stops)})
	}
	return list
}

// addSeen adds the word that is asked for, and those which the last runs have met and the table lacks.
func (v *visit) addSeen(page *translationView, t *settings.Table) error {
	seen, err := v.seenWords(t)
	if err != nil {
		return err
	}
	if _, known := t.Entries[page.Asked]; page.Asked != "" && !known {
		seen = slices.DeleteFunc(seen, func(word string) bool { return word == page.Asked })
		page.Rows = append([]wordRow{{Theirs: page.Asked, Seen: true, Asked: true}}, page.Rows...)
		page.Seen++
	}
	for _, word := range seen {
		page.Rows = append(page.Rows, wordRow{Theirs: word, Seen: true})
		page.Seen++
	}
	return nil
}

// typedRows are the rows as they were typed.
func (v *visit) typedRows() []wordRow {
	var rows []wordRow
	theirs, ours := v.r.PostForm["theirs"], v.r.PostForm["ours"]
	for i := range min(len(theirs), len(ours)) {
		if theirs[i] != "" || ours[i] != "" {
			rows = append(rows, wordRow{Theirs: theirs[i], Ours: ours[i], Asked: theirs[i] == v.form("word") && theirs[i] != ""})
		}
	}
	return rows
}

// readTable makes settings of the rows. A word without a translation stays out, unless it was stored so.
func (v *visit) readTable(old map[string]string) (json.RawMessage, error) {
	var wrong hub.Problems
	set := hub.TranslationTable{Name: strings.TrimSpace(v.form("name")), Description: unixLines(v.form("description")), Entries: map[string]string{}}
	for _, row := range v.typedRows() {
		before, stored := old[row.Theirs]
		_, twice := set.Entries[row.Theirs]
		switch {
		case row.Theirs == "":
			wrong.Add("", "%s", v.lang.Text("web_pipeline.word_missing", "word", visible(row.Ours)))
		case twice:
			wrong.Add("", "%s", v.lang.Text("web_pipeline.word_twice", "word", visible(row.Theirs)))
		case row.Ours != "" || stored && before == "":
			set.Entries[row.Theirs] = row.Ours
		case row.Asked && v.form("delivery") != "":
			wrong.Add("", "%s", v.lang.Text("web_pipeline.word_needed", "word", visible(row.Theirs)))
		}
	}
	if v.form("unknown") == "default" {
		text := v.form("default")
		set.Default = &text
	}
	raw, err := json.Marshal(set)
	if err == nil {
		err = wrong.Err()
	}
	return raw, err
}

func (v *visit) saveTable() error {
	if v.form("do") == "rows" {
		return v.showTable(nil)
	}
	t, err := v.theTable()
	if err != nil {
		return err
	}
	var old map[string]string
	if t != nil {
		old = t.Entries
	}
	raw, err := v.readTable(old)
	if err != nil {
		return v.showTable(err)
	}
	var saved settings.Table
	if t == nil {
		saved, err = v.Settings.CreateTable(v.ctx(), v.tenant(), raw, v.by())
	} else {
		saved, _, err = v.Settings.ReplaceTable(v.ctx(), v.tenant(), t.ID.Text(hub.TablePrefix), raw, v.form("etag"), v.by())
	}
	if err != nil {
		if ours(err) {
			return err
		}
		return v.showTable(err)
	}
	if v.form("do") == "again" && v.form("delivery") != "" {
		id, err := hub.ParseDeliveryID(v.form("delivery"))
		if err != nil {
			return hub.Errorf(hub.NotFound, "%v", err)
		}
		if id, err = v.Ingest.Retry(v.ctx(), v.tenant(), id); err != nil {
			return err
		}
		return v.goTo("/deliveries/"+id.Text(), "web_pipeline.table_again", "name", saved.Name)
	}
	return v.goTo(tableAddress(&saved), "web_pipeline.table_saved", "name", saved.Name)
}

func (v *visit) deleteTable() error {
	t, err := v.theTable()
	if err != nil {
		return err
	}
	if err := v.Settings.DeleteTable(v.ctx(), v.tenant(), t.ID.Text(hub.TablePrefix), v.form("etag"), v.by()); err != nil {
		return err
	}
	return v.goTo("/tables", "web_pipeline.table_deleted", "name", t.Name)
}
