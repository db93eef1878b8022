package tour

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// eachRun shows every delivery of a pipeline: one delivery is one run, however often it was tried.
func (m *Money) eachRun(ctx context.Context, p Pipeline, filter string, show func(id, state string)) error {
	for cursor := ""; ; {
		var page struct {
			Data []struct {
				ID    string `json:"id"`
				State string `json:"state"`
			} `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := m.Hub.Do(ctx, "GET", "/v1/deliveries?limit=250&target="+url.QueryEscape(p.ID)+filter+cursor, nil, &page); err != nil {
			return fmt.Errorf("list the runs of %s: %w", p.Name, err)
		}
		for _, d := range page.Data {
			show(d.ID, d.State)
		}
		if page.Next == nil {
			return nil
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// Runs is how often the pipelines had to run, by name.
func (m *Money) Runs(ctx context.Context) (map[string]int, error) {
	runs := map[string]int{}
	var other error
	for _, p := range m.Pipelines {
		err := m.eachRun(ctx, p, "", func(_, state string) {
			if state != "delivered" {
				other = fmt.Errorf("a delivery to %s is %s", p.Name, state)
			}
			runs[p.Name]++
		})
		if err != nil {
			return nil, err
		}
	}
	return runs, other
}

// Done lists the deliveries to pipelines of orders that the hub says are done. What it has said stays true.
func (m *Money) Done(ctx context.Context) (map[string]bool, error) {
	done := map[string]bool{}
	for _, p := range m.Pipelines[:ofOrders] {
		if err := m.eachRun(ctx, p, "&state=delivered", func(id, _ string) { done[id] = true }); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// Kill is what had been done when the hub was killed, and what it had said was done.
type Kill struct {
	mails, posts int
	done         map[string]bool
}

// Killed notes a kill, before the hub is started again. mailbox is the one the hub sends to; done is what Done answered last.
func (m *Money) Killed(mailbox *Mailbox, done map[string]bool) Kill {
	return Kill{mailbox.Count(), m.Inbox.Counts().Posts, done}
}

// Effects is what the pipelines did outside that can be done twice.
type Effects struct {
	Runs    int // of all pipelines
	Mails   int // sent more than once
	Posts   int // documents posted more than once; the import API takes each once
	Fetches int // records fetched beyond one for each run
}

// InFlight is how many runs of one pipeline may be under way at a moment, or done and not yet recorded, with the hub's data
// in a file: twice its concurrency. A kill makes each of them begin anew from its last durable step, so each may fetch, post
// and mail once more.
const InFlight = 2 * 8

// Effects holds what was done twice against the kills. Each repetition needs a kill between the two, before which the hub
// had not said that the run was done; a kill excuses at most so many repetitions (0: any number, for a hub whose database may
// take long to record what is done), and every run must have mailed.
func (m *Money) Effects(ctx context.Context, mailbox *Mailbox, kills []Kill, most int) (e Effects, err error) {
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
	var atMail, atPost []cut
	for _, k := range kills {
		atMail, atPost = append(atMail, cut{k.mails, k.done}), append(atPost, cut{k.posts, k.done})
	}
	if e.Mails, err = twice(mails, atMail, most); err != nil {
		return e, fmt.Errorf("mails: %w", err)
	}
	if different, orders := len(mails)-e.Mails, runs[m.Pipelines[0].Name]; different != orders {
		return e, fmt.Errorf("%d different mails for %d runs of %s", different, orders, m.Pipelines[0].Name)
	}
	m.Inbox.mu.Lock()
	defer m.Inbox.mu.Unlock()
	if e.Posts, err = twice(m.Inbox.keys, atPost, most); err != nil {
		return e, fmt.Errorf("documents: %w", err)
	}
	return e, nil
}

// cut is a kill in a list: how long the list was then, and which deliveries were known to be done.
type cut struct {
	length int
	done   map[string]bool
}

// twice counts what stands in a list again; its words begin with the delivery they belong to. Each repetition needs a cut
// between it and the one before, at none of which the delivery was known to be done; each cut excuses so many, 0 is any number.
func twice(list []string, cuts []cut, most int) (n int, err error) {
	last, excused := map[string]int{}, map[int]int{}
	for at, id := range list {
		before, again := last[id]
		last[id] = at
		if !again {
			continue
		}
		n++
		delivery, _, _ := strings.Cut(strings.TrimPrefix(id, "<"), "-")
		excuse := -1
		for k, c := range cuts {
			if before >= c.length || c.length > at {
				continue
			}
			if excuse = k; c.done[delivery] {
				return n, fmt.Errorf("%s was done again, and the hub had said before kill %d that it was done", id, k+1)
			}
		}
		if excuse < 0 {
			return n, fmt.Errorf("%s was done again, and no kill came in between", id)
		}
		if excused[excuse]++; most > 0 && excused[excuse] > most {
			return n, fmt.Errorf("kill %d would have to excuse %d repetitions, %d were in flight at most", excuse+1, excused[excuse], most)
		}
	}
	return n, nil
}
