package tour

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"hacek/internal/hub"
)

// settling is how long the shop's changes may take until they are all in the ERP.
const settling = 25 * time.Second

// money: a shop's orders end up in the ERP, whatever happens on the way.
func (t *Tour) money(ctx context.Context) error {
	m, err := t.openMoney(ctx)
	if err != nil {
		return err
	}
	watcher := t.ERP.Watch(ctx)
	err = t.playMoney(ctx, m)
	looks, torn := watcher.Stop()
	if err = errors.Join(err, torn); err != nil {
		return err
	}
	t.show.fact("verified", "another program looked at the ERP %d times, and never met an order without its lines", looks)
	return nil
}

func (t *Tour) openMoney(ctx context.Context) (*Money, error) {
	shop, err := OpenShop()
	if err != nil {
		return nil, err
	}
	t.closing = append(t.closing, shop.Close)
	inbox, err := OpenInbox()
	if err != nil {
		return nil, err
	}
	t.closing = append(t.closing, inbox.Close)
	t.shop = &Money{Hub: t.Hub, Shop: shop, ERP: t.ERP, Inbox: inbox}
	if err := t.shop.SetUp(ctx); err != nil {
		return nil, err
	}
	t.show.fact("set up", "a source for the shop's notices, a connection to the ERP (%s), and from ready pipelines", t.ERP.Driver)
	for _, p := range t.shop.Pipelines {
		t.show.fact("pipeline", "%s", p.Name)
	}
	return t.shop, nil
}

func (t *Tour) playMoney(ctx context.Context, m *Money) error {
	for _, part := range []func(context.Context, *Money) error{
		t.ordinaryDay, t.unknownStatus, t.plugPulled, t.moneyVerdict,
	} {
		if err := part(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// ordinaryDay: orders, three changes within a second, a cancellation, a bulk action, customers, stock, repeats.
func (t *Tour) ordinaryDay(ctx context.Context, m *Money) error {
	day(m.Shop)
	if err := m.settled(ctx); err != nil {
		return err
	}
	if err := threeTimes(ctx, m.Shop, m.Shop.Codes()[0]); err != nil {
		return err
	}
	if err := m.settled(ctx); err != nil {
		return err
	}
	t.show.fact("happened", "7 orders, one cancelled, three changed by a bulk action, customers and stock levels changed;")
	t.show.fact("", "every notice in any order, many of them twice; one order changed three times within one second,")
	t.show.fact("", "and the shop's answer about the first change was late: it came when the last was told")
	n, err := m.Compare(ctx)
	if err != nil {
		return err
	}
	t.show.fact("verified", "the ERP holds what the shop holds: %d values compared", n)
	return nil
}

// day is what happens in a shop on an ordinary day.
func day(s *Shop) {
	var codes []string
	for range 7 {
		code := s.Place()
		s.Tell("order:create", code, s.Now())
		codes = append(codes, code)
	}
	for i := range 3 {
		guid := s.Register()
		s.Tell("customer:create", guid, s.Now())
		if i == 1 {
			s.Rename(guid, "Žofie Nováková-Ťapková 🐎")
			s.Tell("customer:update", guid, s.Now())
		}
	}
	s.Revise(codes[1], s.Now(), statusCancelled)
	s.Tell("order:update", codes[1], s.Now())
	for i, level := range []int{20, 18, 17} {
		s.Move([]string{"40/ZEL", "26/BIL"}[i%2], level)
		s.Tell("stock:movement", stockID, s.Now())
	}
	// A bulk action sends one notice for all, and one for each.
	for _, code := range codes[2:5] {
		s.Revise(code, s.Now(), statusShipped)
		s.Tell("order:update", code, s.Now())
	}
	s.TellMany("order:massUpdate", codes[2:5], s.Now())
	s.Repeat(12)
}

// threeTimes changes an order three times within one second. The notices are equal to the last letter, and what the shop answers
// about the first change is late: the hub gets to know the oldest state when it has been told of the newest.
func threeTimes(ctx context.Context, s *Shop, code string) error {
	second := s.Now().Truncate(time.Second).Add(time.Second)
	if err := pause(ctx, time.Until(second)); err != nil {
		return err
	}
	change := func(status Status) {
		s.Revise(code, second, status)
		s.Tell("order:update", code, second)
	}
	read, letGo := s.HoldBack(code)
	defer letGo()
	change(statusProcessed)
	select {
	case <-read:
	case <-time.After(patience):
		return fmt.Errorf("nobody asked for the changed order %s", code)
	case <-ctx.Done():
		return ctx.Err()
	}
	change(statusDone)
	change(statusShipped)
	if _, err := s.Quiet(); err != nil {
		return err
	}
	return pause(ctx, time.Until(second.Add(lateBy))) // whatever could overtake the late answer does
}

// lateBy is when the late answer comes, from the beginning of the second.
const lateBy = 800 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled waits until the hub has nothing left to do.
func (m *Money) settled(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	return m.Settle(ctx)
}

// unknownStatus: the translation table does not know the shop's own status, so the hub stops and asks.
func (t *Tour) unknownStatus(ctx context.Context, m *Money) error {
	code := m.Shop.Codes()[5]
	m.Shop.Revise(code, m.Shop.Now(), statusEngraving)
	m.Shop.Tell("order:update", code, m.Shop.Now())
	t.show.fact("happened", "order %s has a status that the translation table does not know: %s", code, statusEngraving.Name)
	var open []delivery
	for _, p := range m.Pipelines[:ofOrders] {
		d, why, err := failing(ctx, t.Hub, p.ID, code, "map", statusEngraving.Name)
		if err != nil {
			return err
		}
		open = append(open, d)
		if p.ID == m.Pipelines[0].ID {
			t.show.fact("asked", "%s", escape(why))
		}
	}
	if err := m.Teach(ctx); err != nil {
		return err
	}
	for _, d := range open {
		err := t.Hub.Do(ctx, "POST", "/v1/deliveries/"+d.ID+"/retry", object{}, nil)
		if err != nil && hub.CodeOf(err) != hub.Conflict { // its own next try may have been quicker
			return fmt.Errorf("retry: %w", err)
		}
	}
	if err := m.settled(ctx); err != nil {
		return err
	}
	t.show.fact("verified", "the word was added, the delivery retried: the ERP calls it %q", engraving)
	return nil
}

// plugPulled: the ERP's database is away while the shop goes on.
func (t *Tour) plugPulled(ctx context.Context, m *Money) error {
	if err := t.ERP.Pull(ctx); err != nil {
		return err
	}
	defer func() { _ = t.ERP.PutBack() }() // once is enough; this is for the errors
	t.show.fact("pulled", "the ERP's plug: its database is away")
	m.Shop.ExpireTokens() // on top of it
	code := m.Shop.Place()
	m.Shop.Tell("order:create", code, m.Shop.Now())
	changed := m.Shop.Codes()[1:4]
	for _, code := range changed {
		m.Shop.Revise(code, m.Shop.Now(), statusDone)
		m.Shop.Tell("order:update", code, m.Shop.Now())
	}
	_, why, err := failing(ctx, t.Hub, m.Pipelines[0].ID, code, "upsert", "")
	if err != nil {
		return err
	}
	t.show.fact("waits", "%s", shorten(why, 160))
	if waiting, err := m.Waiting(ctx); err != nil || waiting == 0 {
		return errors.Join(err, errors.New("nothing waits although the ERP's database is away"))
	}
	if err := t.ERP.PutBack(); err != nil {
		return fmt.Errorf("put the plug back: %w", err)
	}
	if err := m.settled(ctx); err != nil {
		return err
	}
	t.show.fact("put back", "and everything that had waited was written")
	return nil
}

// moneyVerdict: nothing lost, nothing doubled, the shop's limits kept.
func (t *Tour) moneyVerdict(ctx context.Context, m *Money) error {
	values, err := m.Compare(ctx)
	if err != nil {
		return err
	}
	notices, err := m.Shop.Quiet()
	if err != nil {
		return err
	}
	asked, taken := m.Shop.Counts(), m.Inbox.Counts()
	switch {
	case asked.Refused > 0:
		return fmt.Errorf("the shop's API refused %d calls: %d at once are allowed for one token", asked.Refused, shopCalls)
	case asked.Expired == 0:
		return errors.New("the shop's tokens ended early, and nobody noticed")
	case taken.Repeats > 0:
		return fmt.Errorf("%d documents were posted twice under one key", taken.Repeats)
	case taken.Early == 0:
		return errors.New("no import was asked for before it was done: confirming was not tested")
	}
	fates, err := m.fates(ctx)
	if err != nil {
		return err
	}
	if fates["duplicate"] == 0 || fates["accepted"] == 0 || fates["quarantined"] > 0 {
		return fmt.Errorf("the requests' fates are %v: there should be accepted ones and duplicates, and none in quarantine", fates)
	}
	fetched := 0
	for _, n := range asked.Fetched {
		fetched += n
	}
	t.show.fact("notices", "%d requests of the shop: %d became events, %d were repeats", notices.Sent, fates["accepted"], fates["duplicate"])
	t.show.fact("fetched", "%d records, at most %d at once by all pipelines together, %d tokens", fetched, asked.Busiest, asked.Tokens)
	t.show.fact("imported", "%d documents by the import API, none under a key that came before", taken.Posts)
	t.show.fact("verified", "nothing lost, nothing doubled: %d values in tables and documents are the shop's", values)
	return nil
}

// fates counts what became of the shop's requests.
func (m *Money) fates(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				Outcome string `json:"outcome"`
			} `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := m.Hub.Do(ctx, "GET", "/v1/sources/"+m.source+"/requests?limit=250"+cursor, nil, &page); err != nil {
			return nil, fmt.Errorf("list the shop's requests: %w", err)
		}
		for _, r := range page.Data {
			counts[r.Outcome]++
		}
		if page.Next == nil {
			return counts, nil
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}
