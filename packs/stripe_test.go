package packs

import "testing"

func TestC5_PaymentsRefundsAndSubscriptions(t *testing.T) {
	wantTypes(t, "stripe", "payment.received", "payment.failed", "payment.refunded", "payment.disputed",
		"subscription.created", "subscription.changed", "subscription.ended")
	wantFields(t, "stripe", "payment.received", "data.object.amount_received", "data.object.currency", "data.object.receipt_email")
	wantFields(t, "stripe", "payment.refunded", "data.object.payment_intent", "data.object.amount_refunded")
	wantFields(t, "stripe", "subscription.changed", "data.object.customer", "data.object.status")
	for word, name := range map[string]string{
		"payment_intent.succeeded": "payment.received", "charge.refunded": "payment.refunded", "customer.subscription.updated": "subscription.changed",
	} {
		typ := open(t, "stripe").Type(word)
		if typ == nil || typ.Name != name {
			t.Errorf("%s is %v, want %s", word, typ, name)
		}
		if typ != nil && at(t, typ.Sample, "type") != word {
			t.Errorf("the sample of %s says %v", word, at(t, typ.Sample, "type"))
		}
	}
}
