package tour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hacek/internal/signature"
	"hacek/packs"
)

// order: the shop's whole order as Standard Webhooks JSON; the receiver checks the signature before it believes it.
func (t *Tour) order(ctx context.Context) error {
	warehouse, err := t.receive("Warehouse")
	if err != nil {
		return err
	}
	to, err := t.add(ctx, "warehouse", object{
		"name":         "Warehouse",
		"subscription": object{"event_types": []string{"order.created"}},
		"request":      object{"url": warehouse.base + "/orders"},
	})
	if err != nil {
		return err
	}
	var sample struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(packs.Sample("shoptet-order-detail"), &sample); err != nil {
		return fmt.Errorf("read the order: %w", err)
	}
	event, err := t.publish(ctx, "order.created", sample.Data)
	if err != nil {
		return err
	}
	got, err := warehouse.next(ctx)
	if err != nil {
		return err
	}
	t.show.arrived(got)

	head := got.header
	verify := func(body []byte) error {
		return signature.VerifyStandard(to.Signature.Secret, head.Get(signature.HeaderID), head.Get(signature.HeaderTimestamp),
			head.Get(signature.HeaderSignature), body, time.Now())
	}
	if err := verify(got.body); err != nil {
		return fmt.Errorf("the signature does not hold: %w", err)
	}
	if err := verify(bytes.Replace(got.body, []byte("1999.30"), []byte("1.30"), 1)); !errors.Is(err, signature.ErrNoMatch) {
		return errors.New("the signature also holds for a changed amount")
	}
	t.show.fact("verified", "the signature holds, and not for a changed amount")
	if head.Get(signature.HeaderID) != event {
		return fmt.Errorf("webhook-id is %s, not the event's id %s", head.Get(signature.HeaderID), event)
	}
	if !bytes.Contains(got.body, sample.Data) {
		return errors.New("the order did not arrive byte for byte")
	}
	t.show.fact("", "the order is the shop's byte for byte: \"Žofie Černá\", 1999.30 CZK")
	_, err = t.settled(ctx, event, to, "delivered")
	return err
}
