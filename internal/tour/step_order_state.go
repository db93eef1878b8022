package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hacek/packs"
)

// scale shortens OneStock's intervals: 30 s become 120 ms.
const scale = 250

// orderState: PUT, a receiver that fails twice and is asked again at OneStock's intervals, and a pause that holds.
func (t *Tour) orderState(ctx context.Context) error {
	site, err := t.receive("Web shop", http.StatusInternalServerError, http.StatusServiceUnavailable)
	if err != nil {
		return err
	}
	var vendor struct {
		Seconds []int `json:"retry_intervals"`
	}
	if err := json.Unmarshal(packs.Sample("onestock-site-webhook-config"), &vendor); err != nil {
		return fmt.Errorf("read OneStock's intervals: %w", err)
	}
	intervals := make([]string, len(vendor.Seconds))
	for i, s := range vendor.Seconds {
		intervals[i] = (time.Duration(s) * time.Second / scale).String()
	}
	to, err := t.add(ctx, "web-shop", object{
		"name":         site.name,
		"subscription": object{"event_types": []string{"order.state_changed"}},
		"request":      object{"method": "PUT", "url": site.base + "/orders/#order.id#"},
		"retry":        object{"intervals": intervals, "jitter": 0},
		"order":        object{"by": "all"},
	})
	if err != nil {
		return err
	}
	t.show.fact("intervals", "%s (OneStock's %v s, %d times faster)", strings.Join(intervals, " "), vendor.Seconds, scale)
	if err := t.retried(ctx, site, to, vendor.Seconds); err != nil {
		return err
	}
	return t.held(ctx, site, to)
}

func (t *Tour) retried(ctx context.Context, site *receiver, to endpoint, seconds []int) error {
	event, err := t.publish(ctx, "order.state_changed", stateOf("OMS78910", "shipped"))
	if err != nil {
		return err
	}
	var before time.Time
	for try, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusOK} {
		got, err := site.next(ctx)
		if err != nil {
			return err
		}
		waited := got.at.Sub(before)
		switch {
		case got.method != "PUT" || got.url.Path != "/orders/OMS78910":
			return fmt.Errorf("it came as %s %s", got.method, got.url)
		case try == 0:
			t.show.fact("try 1", "PUT %s, answered %d", got.url.Path, status)
		default:
			t.show.fact(fmt.Sprintf("try %d", try+1), "%d ms later, answered %d", waited.Milliseconds(), status)
			if least := time.Duration(seconds[try-1]) * time.Second / scale; waited < least-10*time.Millisecond {
				return fmt.Errorf("try %d came after %s, before its interval of %s", try+1, waited, least)
			}
		}
		before = got.at
	}
	if _, err := t.settled(ctx, event, to, "delivered"); err != nil {
		return err
	}
	t.show.fact("verified", "delivered at the third try, at the vendor's intervals")
	return nil
}

// heldFor is how long the tour looks whether something slips through a pause.
const heldFor = 500 * time.Millisecond

func (t *Tour) held(ctx context.Context, site *receiver, to endpoint) error {
	if err := t.Hub.Do(ctx, "POST", "/v1/endpoints/"+to.ID+"/pause", object{}, nil); err != nil {
		return fmt.Errorf("pause: %w", err)
	}
	t.show.fact("paused", "%s", to.Name)
	orders := []string{"OMS78911", "OMS78912", "OMS78913"}
	for _, id := range orders {
		event, err := t.publish(ctx, "order.state_changed", stateOf(id, "delivered"))
		if err != nil {
			return err
		}
		if _, err := t.settled(ctx, event, to, "held"); err != nil {
			return err
		}
	}
	if quiet, err := site.quiet(ctx, heldFor); err != nil {
		return err
	} else if !quiet {
		return fmt.Errorf("something was sent during the pause")
	}
	t.show.fact("held", "three events wait, nothing was sent")
	if err := t.Hub.Do(ctx, "POST", "/v1/endpoints/"+to.ID+"/resume", object{"rate": "5/s"}, nil); err != nil {
		return fmt.Errorf("resume: %w", err)
	}
	t.show.fact("resumed", "at 5/s")
	var first, last time.Time
	for _, id := range orders {
		got, err := site.next(ctx)
		if err != nil {
			return err
		}
		if got.url.Path != "/orders/"+id {
			return fmt.Errorf("%s came out of turn; %s was next", got.url.Path, id)
		}
		if first.IsZero() {
			first = got.at
		}
		last = got.at
	}
	// Three starts at 5/s take 400 ms; the last may be early by the lateness of the first.
	if last.Sub(first) < 250*time.Millisecond {
		return fmt.Errorf("three deliveries came within %s, faster than 5/s", last.Sub(first))
	}
	t.show.fact("verified", "all three arrived, in order, over %d ms", last.Sub(first).Milliseconds())
	return nil
}

func stateOf(order, state string) []byte {
	return fmt.Appendf(nil, `{"order":{"id":%q,"previous_state":"placed","state":%q,"changed_at":"2026-03-01T09:00:00Z","sales_channel":"web_it"}}`, order, state)
}
