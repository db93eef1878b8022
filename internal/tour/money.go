package tour

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"hacek/internal/client"
	"hacek/internal/hub"
)

// Money is the Money example: a pretend shop sends thin notices, the hub asks the shop for the record behind each, and writes
// it into the tables of a pretend ERP and, as XML, into its import API. All fields but Mail are needed.
type Money struct {
	Hub   *client.Client
	Shop  *Shop
	ERP   *ERP
	Inbox *Inbox
	Mail  string // address that is told of every order that was written; "" for none

	source    string // id
	Pipelines []Pipeline
}

// Pipeline is what the example reads of one.
type Pipeline struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	State    string `json:"state"`
	Waiting  int    `json:"waiting"`
	Failures int    `json:"failures_in_a_row"`
}

// Names of what the example sets up.
const (
	moneySource = "Tour Shoptet"
	moneyERP    = "tour-erp"
	moneyStates = "shoptet-order-statuses" // as the ready pipelines have it
)

// SetUp tells the hub of everything, through its API as anybody would. What an earlier tour left makes room.
func (m *Money) SetUp(ctx context.Context) error {
	if err := m.forgetAll(ctx); err != nil {
		return err
	}
	if err := m.makeTables(ctx); err != nil {
		return err
	}
	if err := connect(ctx, m.Hub, m.ERP); err != nil {
		return err
	}
	var source struct{ ID, Path string }
	err := m.Hub.Do(ctx, "POST", "/v1/sources", object{"name": moneySource, "preset": "shoptet",
		"verify": object{"scheme": "shoptet", "secrets": []string{m.Shop.Secret}}}, &source)
	if err != nil {
		return fmt.Errorf("set up the source: %w", err)
	}
	m.source, m.Shop.Hook = source.ID, door(m.Hub, source.Path)
	m.Pipelines = nil
	for _, r := range m.ready() {
		p, err := m.apply(ctx, r)
		if err != nil {
			return err
		}
		m.Pipelines = append(m.Pipelines, p)
	}
	return m.teach(ctx, statusShipped, "shipped")
}

// door is where a source takes requests. Its url begins with the hub's public address, which for others is the right one;
// a tour's hub is at home at whatever port was free.
func door(h *client.Client, path string) string { return h.Base + "/in/" + path }

// forget deletes what may not be there.
func forget(ctx context.Context, h *client.Client, path string) error {
	if err := h.Do(ctx, "DELETE", path, nil, nil); err != nil && hub.CodeOf(err) != hub.NotFound {
		return fmt.Errorf("remove what an earlier tour left (%s): %w", path, err)
	}
	return nil
}

// connect tells the hub of the ERP's database, and asks it to try.
func connect(ctx context.Context, h *client.Client, e *ERP) error {
	err := h.Do(ctx, "PUT", "/v1/connections/"+moneyERP, object{"name": moneyERP, "driver": e.Driver, "dsn": e.DSN}, nil)
	if err == nil {
		err = h.Do(ctx, "POST", "/v1/connections/"+moneyERP+"/test", nil, nil)
	}
	if err != nil {
		return fmt.Errorf("set up the connection to the ERP: %w", err)
	}
	return nil
}

// knownStates is the shop's word for each state, and the ERP's. The ready pipelines bring those that every shop begins with;
// shipped is this shop's own, and added when everything is set up. The shop has one more.
func knownStates() map[string]string {
	return map[string]string{statusNew.Name: "new", statusProcessed.Name: "processing", statusDone.Name: "done",
		statusCancelled.Name: "cancelled", statusShipped.Name: "shipped"}
}

// engraving is what the ERP calls the shop's own state, once somebody has said so.
const engraving = "engraving"

// Teach adds the unknown word to the translation table.
func (m *Money) Teach(ctx context.Context) error { return m.teach(ctx, statusEngraving, engraving) }

func (m *Money) teach(ctx context.Context, theirs Status, ours string) error {
	err := m.Hub.Do(ctx, "PATCH", "/v1/tables/"+moneyStates, object{"entries": object{theirs.Name: ours}}, nil)
	if err != nil {
		return fmt.Errorf("add a word to the translation table: %w", err)
	}
	return nil
}

// Waiting is how many deliveries the pipelines still owe.
func (m *Money) Waiting(ctx context.Context) (int, error) {
	sum := 0
	for _, p := range m.Pipelines {
		var now Pipeline
		if err := m.Hub.Do(ctx, "GET", "/v1/pipelines/"+p.ID, nil, &now); err != nil {
			return 0, fmt.Errorf("look at the pipeline %s: %w", p.Name, err)
		}
		sum += now.Waiting
	}
	return sum, nil
}

// Settle waits until no notice is under way and no delivery is owed.
func (m *Money) Settle(ctx context.Context) error {
	if _, err := m.Shop.Quiet(); err != nil {
		return err
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		waiting, err := m.Waiting(ctx)
		if err != nil || waiting == 0 {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d deliveries are still owed", waiting), m.stuck(context.WithoutCancel(ctx)))
		}
	}
}

// stuck tells what the oldest open deliveries last failed of.
func (m *Money) stuck(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var all error
	for _, p := range m.Pipelines {
		list, err := deliveriesOf(ctx, m.Hub, p.ID, "&state=pending&limit=2")
		if err != nil {
			return err
		}
		for _, d := range list {
			all = errors.Join(all, fmt.Errorf("%s, key %s: %s", p.Name, d.Event.Key, d.lastError()))
		}
	}
	return all
}

// Compare holds the ERP's tables and the documents of its import API against the shop. It answers how many values were
// compared; the error names what differs.
func (m *Money) Compare(ctx context.Context) (values int, err error) {
	wants := m.Shop.wanted()
	for _, t := range shopTables() {
		n, wrong := m.ERP.compare(ctx, t.name, wants[t.name])
		values, err = values+n, errors.Join(err, wrong)
	}
	latest, _ := m.Inbox.imported()
	for _, code := range m.Shop.Codes() {
		want, got := m.Shop.Order(code).document(), latest[code]
		if values += 8 + 6*len(want.Lines); !reflect.DeepEqual(want, got) {
			err = errors.Join(err, fmt.Errorf("the import API's order %s is\n%+v\nnot\n%+v", code, got, want))
		}
	}
	if len(latest) != len(m.Shop.Codes()) {
		err = errors.Join(err, fmt.Errorf("the import API has %d orders, the shop %d", len(latest), len(m.Shop.Codes())))
	}
	return values, err
}
