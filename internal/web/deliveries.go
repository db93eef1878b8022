package web

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// deliveriesView is what deliveries.html shows: every event, owed to every target.
type deliveriesView struct {
	States  []Option
	Filters []Field
	Lines   []deliveryRow
	Pager   Pager
	Follow  string
	Live    bool
	Here    string
	Some    bool
	Wrong   string
	MayAct  bool
	Bulk    string // where all that match are sent again, with a count first
}

// deliveryRow is one delivery on the list.
type deliveryRow struct {
	ID, Number, Path, Type, Title, Target, TargetPath, Reason string
	Badge                                                     Badge
	Tries                                                     int
	At                                                        time.Time
}

// deliveryStates are what one may filter by; held is pending at a target that is not active.
func deliveryStates() []string {
	return []string{string(hub.Pending), hub.OutcomeHeld, string(hub.Failed), string(hub.Delivered), string(hub.Cancelled)}
}

func (v *visit) deliveriesPage() error {
	query := v.r.URL.Query()
	page := deliveriesView{Some: v.filtered("state", "target", "key", "since", "until"), MayAct: v.may(hub.Operator) && v.portal == nil}
	targets, err := v.targetsByNo()
	if err != nil {
		return err
	}
	maps.DeleteFunc(targets, func(_ int64, t hub.Target) bool { return !v.mine(&t) })
	filter := store.DeliveryFilter{Tenant: v.tenant(), Key: typed(query.Get("key"))}
	filter.Since, filter.Until, page.Wrong = v.span()
	var wanted []string
	for _, text := range query["state"] {
		wanted = append(wanted, listOf(text)...)
	}
	wanted = slices.DeleteFunc(wanted, func(state string) bool { return !slices.Contains(deliveryStates(), state) })
	v.narrow(&filter, wanted, targets)
	if ref := query.Get("target"); ref != "" {
		t, err := v.Settings.AnyTarget(v.ctx(), v.tenant(), ref)
		if err == nil && !v.mine(&t) {
			err = hub.Errorf(hub.NotFound, "%s", ref)
		}
		if err != nil {
			return err
		}
		// A target that is held and one that is asked for may be different ones: then there is nothing.
		if len(filter.Targets) > 0 && !slices.Contains(filter.Targets, t.No) {
			filter.Targets = []int64{-1}
		} else {
			filter.Targets = []int64{t.No}
		}
	}
	if v.portal != nil && len(filter.Targets) == 0 {
		filter.Targets = append(slices.Collect(maps.Keys(targets)), -1) // an empty list would be all
	}
	page.Follow, page.Live, page.Here = v.following()
	page.States, page.Filters = v.deliveryFilters(wanted, targets)
	rows, next, err := v.Store.Deliveries(v.ctx(), filter, store.Page{Cursor: query.Get("cursor")})
	if err != nil {
		return err
	}
	page.Pager = v.pager(next)
	words := titles{v, map[string]string{}}
	for i := range rows {
		d := &rows[i]
		t := targets[d.Target]
		if len(wanted) > 0 && !slices.Contains(wanted, v.deliveryOutcome(d, &t)) {
			continue
		}
		row := v.deliveryRow(d, &t)
		row.Title = words.word(v.ctx(), d.Type)
		page.Lines = append(page.Lines, row)
	}
	page.Bulk = address("/replay", bulkQuery(query.Get("target"), query.Get("since"), query.Get("until")))
	return v.show("deliveries", v.lang.Text("web.menu.deliveries"), page)
}

// narrow turns states as people call them into those of the database and the targets that make the difference.
func (v *visit) narrow(filter *store.DeliveryFilter, wanted []string, targets map[int64]hub.Target) {
	held, pending := slices.Contains(wanted, hub.OutcomeHeld), slices.Contains(wanted, string(hub.Pending))
	for _, state := range wanted {
		if state != hub.OutcomeHeld {
			filter.States = append(filter.States, hub.DeliveryState(state))
		}
	}
	if held && !pending {
		filter.States = append(filter.States, hub.Pending)
	}
	if len(wanted) != 1 || !held && !pending {
		return
	}
	filter.Targets = []int64{-1} // an empty list would be all
	for no, t := range targets {
		if (t.State != hub.Active) == held {
			filter.Targets = append(filter.Targets, no)
		}
	}
}

func (v *visit) deliveryFilters(wanted []string, targets map[int64]hub.Target) ([]Option, []Field) {
	query := v.r.URL.Query()
	var states []Option
	for _, state := range deliveryStates() {
		states = append(states, Option{state, v.lang.Text("web.state." + state), slices.Contains(wanted, state)})
	}
	fields := []Field{
		{Name: "target", Label: v.lang.Text("web_history.target"), Value: query.Get("target"), Type: "select", Options: v.targetOptions(targets, v.lang.Text("web_history.every_target"))},
		{Name: "key", Label: v.lang.Text("web.column.number"), Value: query.Get("key")},
		{Name: "since", Label: v.lang.Text("web_history.since"), Value: query.Get("since"), Type: "datetime-local"},
		{Name: "until", Label: v.lang.Text("web_history.until"), Value: query.Get("until"), Type: "datetime-local"},
	}
	numbered(fields)
	return states, fields
}

// targetOptions are the targets one may choose, by name; none is the word for not choosing.
func (v *visit) targetOptions(targets map[int64]hub.Target, none string) []Option {
	options := []Option{{Word: none}}
	for _, t := range targets {
		if !t.Deleted {
			options = append(options, Option{Value: t.ID.Text(t.Prefix()), Word: visible(t.Name)})
		}
	}
	slices.SortFunc(options[1:], func(a, b Option) int { return strings.Compare(a.Word+a.Value, b.Word+b.Value) })
	return options
}

func (v *visit) deliveryRow(d *store.DeliveryRow, t *hub.Target) deliveryRow {
	row := deliveryRow{
		ID: d.ID().Text(), Number: d.EventKey, Type: d.Type, Target: t.Name, TargetPath: targetPath(t), Reason: v.deliveryReason(d, t),
		Badge: v.deliveryBadge(d, t.State), Tries: d.Tries, At: d.ReceivedAt,
	}
	row.Path = "/deliveries/" + row.ID
	if row.Number == "" {
		row.Number = d.Event.Text(hub.EventPrefix)
	}
	if !d.At.IsZero() {
		row.At = d.At
	}
	return row
}

func itoa(n int) string { return strconv.Itoa(n) }
