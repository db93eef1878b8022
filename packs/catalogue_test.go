package packs

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func open(t *testing.T, name string) *Pack {
	t.Helper()
	p, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantTypes(t *testing.T, pack string, want ...string) {
	t.Helper()
	var got []string
	for _, typ := range open(t, pack).Types {
		got = append(got, typ.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("types of %s:\n got %q\nwant %q", pack, got, want)
	}
}

func typeOf(t *testing.T, pack, name string) *Type {
	t.Helper()
	typ := open(t, pack).Type(name)
	if typ == nil {
		t.Fatalf("pack %s has no type %s", pack, name)
	}
	return typ
}

func wantFields(t *testing.T, pack, name string, want ...string) {
	t.Helper()
	typ := typeOf(t, pack, name)
	for _, path := range want {
		if !slices.ContainsFunc(typ.Fields, func(f Field) bool { return f.Name == path }) {
			t.Errorf("%s of %s has no field %s", name, pack, path)
		}
	}
}

func TestP1_TheTwelveEventsOfTheJoineryERP(t *testing.T) {
	want := []string{
		"Neues Projekt", "Projekt erteilt", "Projekt abgerechnet", "Neuer Kunde", "Neuer Mitarbeiter",
		"Neue Projektzeit", "Neuer Lieferant", "Neue Bestellung", "Projekt gutgeschrieben",
		"Projekt geliefert", "Prozessstatus geändert", "OP gemahnt",
	}
	var got []string
	for _, typ := range open(t, "profacto").Types {
		got = append(got, typ.VendorName)
		if typ.Table == "" {
			t.Errorf("%s names no table to preselect", typ.Name)
		}
		if project := strings.HasPrefix(typ.Name, "project."); project && typ.Table != "Auftrag" {
			t.Errorf("table of %s: got %q, want Auftrag", typ.Name, typ.Table)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("events of profacto:\n got %q\nwant %q", got, want)
	}
	wantFields(t, "profacto", "project.process_status_changed", "project.status", "project.previous_status")
}

func TestC2_ShipmentsBookingsAndOrders(t *testing.T) {
	wantTypes(t, "cargoson", "order.created", "shipment.status_changed", "booking.created", "shipment.updated")
	wantFields(t, "cargoson", "order.created", "order.number", "customer.name", "customer.email", "payment.status")
	wantFields(t, "cargoson", "shipment.updated", "changes[].old", "changes[].new")
	wantFields(t, "cargoson", "shipment.status_changed",
		"shipment.status", "shipment.previous_status", "customer.email", "payment.status")

	status := typeOf(t, "cargoson", "shipment.status_changed")
	before, after := at(t, status.Sample, "shipment.previous_status"), at(t, status.Sample, "shipment.status")
	if before != "booked" || after != "collected" {
		t.Errorf("the sample carries old and new status: got %v -> %v, want booked -> collected", before, after)
	}
}

func TestO7_OrdersParcelsStockAndLabels(t *testing.T) {
	wantTypes(t, "onestock", "order.state_changed", "parcel.state_changed", "line_item_group.state_changed",
		"stock_import.failed", "stock.snapshot_exported", "stock.delta_exported",
		"shipping_label.print_failed", "integration.message_received", "custom.triggered")
	for _, object := range []string{"order", "parcel", "line_item_group"} {
		wantFields(t, "onestock", object+".state_changed", object+".state", object+".previous_state")
	}
	wantFields(t, "onestock", "stock.delta_exported", "image.sequence", "image.base_sequence", "image.as_of")
}

func TestE2_CreditTierAndEventsOnRequest(t *testing.T) {
	wantTypes(t, "ellity", "customer.credit_changed", "customer.tier_changed", "customer.credit_expiring",
		"customer.pin_changed", "custom.requested")
	wantFields(t, "ellity", "customer.credit_changed", "customer.id", "customer.email", "account.eshopId")
	if tier := typeOf(t, "ellity", "customer.tier_changed"); at(t, tier.Sample, "creditChange.value") != nil {
		t.Error("a changed tier has no creditChange.value: its variable becomes an empty text")
	}
}

func TestM8_OrdersCustomersAndStockForTheERP(t *testing.T) {
	wantTypes(t, "money", "order.created", "order.status_changed", "customer.created", "customer.updated", "stock.level_changed")
	wantFields(t, "money", "order.status_changed", "order.status.name", "order.previous_status.name", "order.changed_at")
}

func TestM9_All111EventsOfTheShop(t *testing.T) {
	text, err := os.ReadFile("testdata/shoptet-events.txt")
	if err != nil {
		t.Fatal(err)
	}
	vendor := strings.Fields(string(text))
	if len(vendor) != 111 {
		t.Fatalf("the vendor's list has %d events, want 111", len(vendor))
	}
	shop := open(t, "shoptet")
	if len(shop.Types) != len(vendor) {
		t.Errorf("the pack has %d types, want %d", len(shop.Types), len(vendor))
	}
	var beta int
	for _, word := range vendor {
		typ := shop.Type(word)
		if typ == nil {
			t.Errorf("%s is missing", word)
			continue
		}
		if typ.Beta {
			beta++
		}
		if got := at(t, typ.AsSent(), "event"); got != word {
			t.Errorf("the notice of %s says event %v", word, got)
		}
	}
	if beta != 17 {
		t.Errorf("%d types are beta, want 17", beta)
	}
}

func TestM9_TheOrderBehindTheThinNotice(t *testing.T) {
	created := typeOf(t, "shoptet", "order.created")
	if got := at(t, created.AsSent(), "eventInstance"); got != "2018000057" {
		t.Errorf("the shop sends the thin notice: eventInstance is %v, want 2018000057", got)
	}
	if got := at(t, created.Sample, "order.price.withVat"); got != "1999.30" {
		t.Errorf("the sample is the whole order: withVat is %v, want 1999.30", got)
	}
	// The tour answers the fetch with the file and publishes the sample; they are the same order.
	file := at(t, Sample("shoptet-order-detail"), "data.order")
	if got := at(t, created.Sample, "order"); got == nil || !reflect.DeepEqual(got, file) {
		t.Errorf("the sample and samples/shoptet-order-detail.json differ:\n%v\n%v", got, file)
	}
}

func TestTheHubsOwnEventsBeginWithItsName(t *testing.T) {
	for _, typ := range open(t, "hacek").Types {
		if !strings.HasPrefix(typ.Name, "hacek.") {
			t.Errorf("%s does not begin with hacek.", typ.Name)
		}
	}
	for _, name := range []string{"failing", "disabled", "recovered"} {
		if open(t, "hacek").Type("hacek.endpoint."+name) == nil {
			t.Errorf("hacek.endpoint.%s is missing", name)
		}
	}
}
