package tour

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// run is what a delivery of a pipeline shows of itself.
type run struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Event struct {
		Key string `json:"key"`
	} `json:"event"`
}

// eachRun shows every delivery of a pipeline: one delivery is one run, however often it was tried.
func (m *Money) eachRun(ctx context.Context, p Pipeline, filter string, show func(r run)) error {
	for cursor := ""; ; {
		var page struct {
			Data []run   `json:"data"`
			Next *string `json:"next_cursor"`
		}
		if err := m.Hub.Do(ctx, "GET", "/v1/deliveries?limit=250&target="+url.QueryEscape(p.ID)+filter+cursor, nil, &page); err != nil {
			return fmt.Errorf("list the runs of %s: %w", p.Name, err)
		}
		for _, r := range page.Data {
			show(r)
		}
		if page.Next == nil {
			return nil
		}
		cursor = "&cursor=" + url.QueryEscape(*page.Next)
	}
}

// Runs is how often the pipelines had to run, by name, and how often that was about each record, by the path it is read at.
func (m *Money) Runs(ctx context.Context) (map[string]int, map[string]about, error) {
	runs, records := map[string]int{}, map[string]about{}
	var other error
	for i, p := range m.Pipelines {
		seen := map[string]bool{}
		err := m.eachRun(ctx, p, "", func(r run) {
			if r.State != "delivered" {
				other = fmt.Errorf("a delivery to %s is %s", p.Name, r.State)
			}
			runs[p.Name]++
			path := readAt(i, r.Event.Key)
			a := records[path]
			if a.runs++; !seen[path] {
				a.pipelines++
			}
			seen[path], records[path] = true, a
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return runs, records, other
}

// about is how many runs one record had, and of how many pipelines.
type about struct{ runs, pipelines int }

// readAt is the path at which a pipeline reads the record of a key: those of orders come first, then customers and stock.
func readAt(pipeline int, key string) string {
	switch {
	case pipeline < ofOrders:
		return "/api/orders/" + key
	case pipeline == ofOrders:
		return "/api/customers/" + key
	}
	return "/api/stocks/" + key + "/supplies"
}

// Done lists the deliveries to pipelines of orders that the hub says are done. What it has said stays true.
func (m *Money) Done(ctx context.Context) (map[string]bool, error) {
	done := map[string]bool{}
	for _, p := range m.Pipelines[:ofOrders] {
		if err := m.eachRun(ctx, p, "&state=delivered", func(r run) { done[r.ID] = true }); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// Kill is what had been done when the hub was killed, and what it had said was done.
type Kill struct {
	mails, posts int
	fetched      map[string]int // by path
	done         map[string]bool
}

// Killed notes a kill, before the hub is started again. mailbox is the one the hub sends to; done is what Done answered last.
func (m *Money) Killed(mailbox *Mailbox, done map[string]bool) Kill {
	return Kill{mailbox.Count(), m.Inbox.Counts().Posts, m.Shop.Counts().Fetched, done}
}

// Effects is what the pipelines did outside that can be done twice.
type Effects struct {
	Runs    int // of all pipelines
	Mails   int // sent more than once
	Posts   int // documents posted more than once; the import API takes each once
	Fetches int // of a record beyond one for each run about it
}

// InFlight is how many runs of one pipeline may be under way at a moment, or done and not yet recorded, with the hub's data
// in a file: twice its concurrency. A kill makes each of them begin anew from its last durable step, so each may post and mail
// once more.
const InFlight = 2 * 8

// Effects holds what was done twice against the kills. Each repetition needs a kill between the two, before which the hub
// had not said that the run was done; a kill excuses at most so many repetitions (0: any number, for a hub whose database may
// take long to record what is done), and every run must have mailed.
func (m *Money) Effects(ctx context.Context, mailbox *Mailbox, kills []Kill, most int) (e Effects, err error) {
	runs, records, err := m.Runs(ctx)
	if err != nil {
		return e, err
	}
	for _, n := range runs {
		e.Runs += n
	}
	if e.Fetches, err = again(m.Shop.Counts().Fetched, records, kills); err != nil {
		return e, err
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

// again counts, record by record, what was fetched more often than there were runs about it. A pipeline works one run of a record
// at a time, so a kill takes from each pipeline one fetch of it at most, and no more than were made since the kill before.
func again(fetched map[string]int, records map[string]about, kills []Kill) (n int, err error) {
	for path, times := range fetched {
		of, excused, before := records[path], 0, 0
		for _, k := range kills {
			excused += min(of.pipelines, k.fetched[path]-before)
			before = k.fetched[path]
		}
		more := max(0, times-of.runs)
		if n += more; more > excused {
			return n, fmt.Errorf("%s was fetched %d times for %d runs about it; %d kills excuse %d more", path, times, of.runs, len(kills), excused)
		}
	}
	return n, nil
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
