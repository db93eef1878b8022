package tour

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// tries are short, and so many that a delivery outlives whatever the tour does to it.
func tries() object {
	list := []string{"300ms", "500ms"}
	for range 28 {
		list = append(list, "1s")
	}
	return object{"intervals": list, "jitter": 0}
}

// ready is one of the ready pipelines of the shop's pack, and what this ERP wants otherwise.
type ready struct {
	preset, name string
	change       func(*setting) // nil: taken as it is
}

// setting is what may be changed of a pipeline that was set up.
type setting struct {
	Subscription object   `json:"subscription"`
	Retry        object   `json:"retry"`
	Steps        []object `json:"steps"`
}

// Names of the pipelines.
const (
	intoTables    = "Orders into the ERP's tables"
	intoInbox     = "Orders into the ERP's import API"
	intoStates    = "Order statuses into a table of their own"
	intoCustomers = "Customers into the ERP"
	intoStock     = "Stock levels into the ERP"
)

// ready lists what brings a shop's changes into this ERP; those of orders come first.
func (m *Money) ready() []ready {
	return []ready{
		{"orders", intoTables, m.mailed},
		{"orders", intoInbox, m.posted},
		{"order-statuses", intoStates, ownTable},
		{"customers", intoCustomers, nil},
		{"stock-levels", intoStock, nil},
	}
}

// ofOrders is how many of the pipelines concern orders.
const ofOrders = 3

// mailed adds a mail about each order that was written.
func (m *Money) mailed(set *setting) {
	if m.Mail != "" {
		set.Steps = append(set.Steps, object{"type": "mail", "to": []string{m.Mail}, "subject": "Order #event.key# is in the ERP: #row.status#",
			"body": "It was last changed at #detail.data.order.changeTime#."})
	}
}

// posted leaves the order's way up to its row, and then posts it as a document that is imported later.
func (m *Money) posted(set *setting) {
	set.Steps = append(set.Steps[:2],
		object{"type": "request", "as": "sent", "request": object{"method": "POST", "url": m.Inbox.Base + "/imports",
			"content_type": "application/xml", "body": documentTemplate}},
		object{"type": "confirm", "request": object{"method": "GET", "url": m.Inbox.Base + "/imports/#sent.import#"},
			"until": "response.json.state == 'imported'", "every": "200ms", "for": "20s"})
}

// statesTable is where this ERP has the states of orders: beside the orders that another pipeline writes whole.
const statesTable = "order_states"

func ownTable(set *setting) { set.Steps[2]["table"] = statesTable }

// apply sets up one ready pipeline with the few values that it asks for, and then changes what is to be otherwise.
func (m *Money) apply(ctx context.Context, r ready) (Pipeline, error) {
	var made struct {
		ID string `json:"id"`
		setting
	}
	err := m.Hub.Do(ctx, "POST", "/v1/presets/shoptet/"+r.preset+"/apply", object{"name": r.name, "variables": object{
		"source": moneySource, "connection": moneyERP, "shop": m.Shop.Base, "api": m.Shop.Base, "token": m.Shop.OAuth,
	}}, &made)
	if err != nil {
		return Pipeline{}, fmt.Errorf("set up the pipeline %s: %w", r.name, err)
	}
	made.Retry = tries()
	if r.change != nil {
		r.change(&made.setting)
	}
	var p Pipeline
	if err := m.Hub.Do(ctx, "PATCH", "/v1/pipelines/"+made.ID, made.setting, &p); err != nil {
		return Pipeline{}, fmt.Errorf("change the pipeline %s: %w", r.name, err)
	}
	return p, nil
}

// makeTables makes the tables that the ready pipelines write, by the statements that come with them.
func (m *Money) makeTables(ctx context.Context) error {
	var list struct {
		Data []struct {
			Name     string              `json:"name"`
			Database map[string][]string `json:"database"`
		} `json:"data"`
	}
	if err := m.Hub.Do(ctx, "GET", "/v1/presets?kind=pipeline&pack=shoptet", nil, &list); err != nil {
		return fmt.Errorf("list the ready pipelines: %w", err)
	}
	made := map[string]bool{}
	for _, r := range m.ready() {
		for _, preset := range list.Data {
			if preset.Name != r.preset || made[r.preset] {
				continue
			}
			made[r.preset] = true
			for _, statement := range preset.Database[m.ERP.Driver] {
				if r.name == intoStates {
					statement = strings.Replace(statement, "TABLE orders ", "TABLE "+statesTable+" ", 1)
				}
				if err := m.ERP.run(ctx, statement); err != nil {
					return fmt.Errorf("make a table of the ready pipeline %s: %w", r.preset, err)
				}
			}
		}
		if !made[r.preset] {
			return fmt.Errorf("the hub has no ready pipeline %s", r.preset)
		}
	}
	return nil
}

// forgetAll removes what an earlier tour left.
func (m *Money) forgetAll(ctx context.Context) error {
	var old []string
	for _, r := range m.ready() {
		old = append(old, "/v1/pipelines/"+url.PathEscape(r.name))
	}
	for _, path := range slices.Concat(old, []string{"/v1/sources/" + url.PathEscape(moneySource), "/v1/tables/" + moneyStates}) {
		if err := forget(ctx, m.Hub, path); err != nil {
			return err
		}
	}
	return nil
}
