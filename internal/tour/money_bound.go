package tour

import (
	"context"
	"fmt"
	"net/url"
)

// Runs is how often the pipelines had to run, by name: one delivery is one run, however often it was tried.
func (m *Money) Runs(ctx context.Context) (map[string]int, error) {
	runs := map[string]int{}
	for _, p := range m.Pipelines {
		for cursor := ""; ; {
			var page struct {
				Data []struct {
					State string `json:"state"`
				} `json:"data"`
				Next *string `json:"next_cursor"`
			}
			if err := m.Hub.Do(ctx, "GET", "/v1/deliveries?limit=250&target="+url.QueryEscape(p.ID)+cursor, nil, &page); err != nil {
				return nil, fmt.Errorf("count the runs of %s: %w", p.Name, err)
			}
			for _, d := range page.Data {
				if d.State != "delivered" {
					return nil, fmt.Errorf("a delivery to %s is %s", p.Name, d.State)
				}
			}
			runs[p.Name] += len(page.Data)
			if page.Next == nil {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(*page.Next)
		}
	}
	return runs, nil
}

// Kill is what had been done when the hub was killed.
type Kill struct{ mails, posts int }

// Killed notes a kill, before the hub is started again. mailbox is the one the hub sends to.
func (m *Money) Killed(mailbox *Mailbox) Kill {
	return Kill{mailbox.Count(), m.Inbox.Counts().Posts}
}

// Effects is what the pipelines did outside that can be done twice.
type Effects struct {
	Runs    int // of all pipelines
	Mails   int // sent more than once
	Posts   int // documents posted more than once; the import API takes each once
	Fetches int // records fetched beyond one for each run
}

// InFlight is how many runs of one pipeline may be under way at a moment, or done and not yet recorded: twice its
// concurrency. A kill makes each of them begin anew from its last durable step, so each may fetch, post and mail once more.
const InFlight = 2 * 8

// Effects holds what was done twice against the kills. Each repetition needs a kill between the two, a kill excuses at
// most as many as were in flight, and every run must have mailed.
func (m *Money) Effects(ctx context.Context, mailbox *Mailbox, kills []Kill) (e Effects, err error) {
	runs, err := m.Runs(ctx)
	if err != nil {
		return e, err
	}
	for _, n := range runs {
		e.Runs += n
	}
	for _, n := range m.Shop.Counts().Fetched {
		e.Fetches += n
	}
	e.Fetches = max(0, e.Fetches-e.Runs)
	if most := len(kills) * InFlight * len(m.Pipelines); e.Fetches > most {
		return e, fmt.Errorf("%d records more were fetched than there were runs; %d kills excuse %d", e.Fetches, len(kills), most)
	}
	mails, err := mailbox.IDs()
	if err != nil {
		return e, err
	}
	var atMail, atPost []int
	for _, k := range kills {
		atMail, atPost = append(atMail, k.mails), append(atPost, k.posts)
	}
	if e.Mails, err = twice(mails, atMail); err != nil {
		return e, fmt.Errorf("mails: %w", err)
	}
	if different, orders := len(mails)-e.Mails, runs[m.Pipelines[0].Name]; different != orders {
		return e, fmt.Errorf("%d different mails for %d runs of %s", different, orders, m.Pipelines[0].Name)
	}
	m.Inbox.mu.Lock()
	defer m.Inbox.mu.Unlock()
	if e.Posts, err = twice(m.Inbox.keys, atPost); err != nil {
		return e, fmt.Errorf("documents: %w", err)
	}
	return e, nil
}

// twice counts what stands in a list again. Each repetition needs a kill between it and the one before; kills are
// lengths of the list, and each excuses InFlight repetitions.
func twice(list []string, kills []int) (n int, err error) {
	last, excused := map[string]int{}, map[int]int{}
	for at, id := range list {
		before, again := last[id]
		last[id] = at
		if !again {
			continue
		}
		n++
		kill := -1
		for k, length := range kills {
			if before < length && length <= at {
				kill = k
			}
		}
		if kill < 0 {
			return n, fmt.Errorf("%s was done again, and no kill came in between", id)
		}
		if excused[kill]++; excused[kill] > InFlight {
			return n, fmt.Errorf("kill %d would have to excuse %d repetitions, %d were in flight at most", kill+1, excused[kill], InFlight)
		}
	}
	return n, nil
}
