package tour

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// booking is what becomes of one kind of Stripe's events: a row, a mail, an event.
type booking struct {
	kind, vendor, table string
	key                 string
	fetch               bool // the e-mail has to be asked for
	columns             map[string]string
	subject, text       string
	publishes           string
	data                object
}

func bookings() []booking {
	const o = "data.data.object."
	return []booking{
		{kind: "payment.received", vendor: "payment_intent.succeeded", table: "payments", key: "id",
			columns: map[string]string{"id": "#" + o + "id#", "amount": "#" + o + "amount_received#", "currency": "#" + o + "currency#",
				"email": "#" + o + "receipt_email#", "status": "#" + o + "status#", "paid_at": "#data.created#"},
			subject: "Děkujeme za platbu k objednávce #" + o + "metadata.order#", text: "Přijali jsme #" + o + "amount_received# haléřů 🎉.",
			publishes: "payment.booked", data: object{"payment": "#" + o + "id#", "amount": "#" + o + "amount_received#"}},
		{kind: "payment.refunded", vendor: "charge.refunded", table: "refunds", key: "charge_id",
			columns: map[string]string{"charge_id": "#" + o + "id#", "payment_id": "#" + o + "payment_intent#", "refunded": "#" + o + "amount_refunded#",
				"currency": "#" + o + "currency#", "email": "#" + o + "receipt_email#"},
			subject: "Vracíme peníze k objednávce #" + o + "metadata.order#", text: "Vrátili jsme #" + o + "amount_refunded# haléřů.",
			publishes: "refund.booked", data: object{"charge": "#" + o + "id#", "amount": "#" + o + "amount_refunded#"}},
		{kind: "subscription.changed", vendor: "customer.subscription.updated", table: "subscriptions", key: "id", fetch: true,
			columns: map[string]string{"id": "#" + o + "id#", "customer_id": "#" + o + "customer#", "email": "#who.email#", "customer_name": "#who.name#",
				"status": "#" + o + "status#", "period_end": "#" + o + "current_period_end#"},
			subject: "Vaše předplatné se mění, #who.name#", text: "Stav předplatného: #" + o + "status#.",
			publishes: "subscription.booked", data: object{"subscription": "#" + o + "id#", "status": "#" + o + "status#"}},
	}
}

func (b booking) pipeline(s *stripe) object {
	to := "#data.data.object.receipt_email#"
	var steps []object
	if b.fetch {
		to = "#who.email#"
		steps = append(steps, object{"type": "fetch", "as": "who", "request": object{"method": "GET", "url": s.base + "/v1/customers/#data.data.object.customer#"},
			"auth": object{"type": "bearer", "token": s.key}})
	}
	steps = append(steps,
		object{"type": "upsert", "connection": moneyERP, "table": b.table, "key": []string{b.key}, "columns": b.columns},
		object{"type": "mail", "to": []string{to}, "subject": b.subject, "body": b.text, "language": "cs", "domains": []string{"example.cz"}},
		object{"type": "publish", "event": object{"type": b.publishes, "key": "#event.key#", "data": b.data}})
	return object{"uid": "tour-" + b.table, "name": "Stripe: " + b.kind, "retry": tries(),
		"subscription": object{"sources": []string{stripeSource}, "event_types": []string{b.vendor}}, "steps": steps}
}

const stripeSource = "Tour Stripe"

// stripes: a payment, a refund and a changed subscription are each stored, mailed to the customer, and told to accounting.
func (t *Tour) stripes(ctx context.Context) error {
	s, err := openStripe()
	if err != nil {
		return err
	}
	t.closing = append(t.closing, s.close)
	accounting, err := t.receive("Accounting")
	if err != nil {
		return err
	}
	if err := t.setUpStripe(ctx, s, accounting); err != nil {
		return err
	}
	before := t.Mailbox.Count()
	tour := rand.Text()[:8]
	var bodies [][]byte
	for _, b := range bookings() {
		body, err := stripeEvent(b.kind, tour)
		if err != nil {
			return err
		}
		for range 2 { // as it does when it has missed the answer
			if err := s.send(ctx, body); err != nil {
				return err
			}
		}
		bodies = append(bodies, body)
		t.show.fact("sent twice", "%s, signed", b.vendor)
	}
	if err := t.booked(ctx, accounting); err != nil {
		return err
	}
	if err := t.mailed(ctx, before); err != nil {
		return err
	}
	return t.stored(ctx, bodies)
}

func (t *Tour) setUpStripe(ctx context.Context, s *stripe, accounting *receiver) error {
	old := []string{"/v1/sources/" + url.PathEscape(stripeSource)}
	for _, b := range bookings() {
		old = append(old, "/v1/pipelines/tour-"+b.table)
	}
	for _, path := range old {
		if err := forget(ctx, t.Hub, path); err != nil {
			return err
		}
	}
	if err := connect(ctx, t.Hub, t.ERP); err != nil {
		return err
	}
	var source struct{ Path string }
	if err := t.Hub.Do(ctx, "POST", "/v1/sources", object{"name": stripeSource, "preset": "stripe",
		"verify": object{"scheme": "stripe", "secrets": []string{s.secret}}}, &source); err != nil {
		return fmt.Errorf("set up the source: %w", err)
	}
	s.hook = door(t.Hub, source.Path)
	var booked []string
	for _, b := range bookings() {
		booked = append(booked, b.publishes)
		if err := t.Hub.Do(ctx, "POST", "/v1/pipelines", b.pipeline(s), nil); err != nil {
			return fmt.Errorf("set up the pipeline for %s: %w", b.kind, err)
		}
	}
	_, err := t.add(ctx, "accounting", object{"name": accounting.name, "subscription": object{"event_types": booked},
		"request": object{"url": accounting.base + "/booked"}})
	return err
}

// booked: accounting hears of each exactly once.
func (t *Tour) booked(ctx context.Context, accounting *receiver) error {
	heard := map[string]bool{}
	for range bookings() {
		got, err := accounting.next(ctx)
		if err != nil {
			return err
		}
		t.show.arrived(got)
		var event struct {
			Type string         `json:"type"`
			Data map[string]any `json:"data"`
		}
		if err := json.Unmarshal(got.body, &event); err != nil {
			return fmt.Errorf("accounting got %s: %w", got.body, err)
		}
		if len(event.Data) != 2 {
			return fmt.Errorf("accounting got %s, want two fields of data", got.body)
		}
		heard[event.Type] = true
	}
	for _, b := range bookings() {
		if !heard[b.publishes] {
			return fmt.Errorf("accounting did not hear of %s, only of %v", b.publishes, heard)
		}
	}
	if quiet, err := accounting.quiet(ctx, 200*time.Millisecond); err != nil {
		return err
	} else if !quiet {
		return fmt.Errorf("accounting heard of something twice")
	}
	return nil
}

// mailed: the customer got one mail for each.
func (t *Tour) mailed(ctx context.Context, before int) error {
	want := map[string]string{
		"Děkujeme za platbu k objednávce 2018000057": "Přijali jsme 129900 haléřů 🎉.",
		"Vracíme peníze k objednávce 2018000057":     "Vrátili jsme 29900 haléřů.",
		"Vaše předplatné se mění, " + stripeName:     "Stav předplatného: active.",
	}
	letters, err := t.Mailbox.letters(ctx, before, len(want))
	if err != nil {
		return err
	}
	for _, l := range letters {
		text, expected := want[l.subject]
		if !expected || l.to != stripeMail || strings.TrimSpace(l.text) != text {
			return fmt.Errorf("a mail to %s is %q: %q", l.to, l.subject, l.text)
		}
		delete(want, l.subject)
		t.show.fact("mailed", "%s: %s", l.to, escape(l.subject))
	}
	return nil
}

// stored: every column of the three rows.
func (t *Tour) stored(ctx context.Context, bodies [][]byte) error {
	want := map[string][]row{}
	for i, b := range bookings() {
		var event struct {
			Created json.Number `json:"created"`
			Data    struct {
				Object struct {
					ID       string      `json:"id"`
					Received json.Number `json:"amount_received"`
					Refunded json.Number `json:"amount_refunded"`
					Currency string      `json:"currency"`
					Mail     string      `json:"receipt_email"`
					Status   string      `json:"status"`
					Payment  string      `json:"payment_intent"`
					Customer string      `json:"customer"`
					End      json.Number `json:"current_period_end"`
				} `json:"object"`
			} `json:"data"`
		}
		if err := json.Unmarshal(bodies[i], &event); err != nil {
			return fmt.Errorf("read Stripe's event: %w", err)
		}
		o := event.Data.Object
		want[b.table] = []row{map[string]row{
			"payments":      {o.ID, o.Received.String(), o.Currency, o.Mail, o.Status, event.Created.String()},
			"refunds":       {o.ID, o.Payment, o.Refunded.String(), o.Currency, o.Mail},
			"subscriptions": {o.ID, o.Customer, stripeMail, stripeName, o.Status, o.End.String()},
		}[b.table]}
	}
	values := 0
	for table, rows := range want {
		n, err := t.ERP.compare(ctx, table, rows)
		if err != nil {
			return err
		}
		values += n
	}
	t.show.fact("verified", "each stored once, mailed once, told to accounting once: %d values in three tables", values)
	return nil
}
