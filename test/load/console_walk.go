//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"hacek/test/load/rig"
)

// slow is what no page may take.
const slow = 100 * time.Millisecond

// page is one address of the console or the API, with how long its answers took.
type page struct {
	name, path string
	took       []int64
	size       int
	failed     string // the first refusal: the page was given up, or its list has no such place
}

// browser is somebody who is signed in.
type browser struct {
	client *http.Client
	base   string
}

// firstLink is the address at which the first administrator is made, as the hub's start prints it.
var firstLink = regexp.MustCompile(`http://\S+/first/\S+`)

// signIn makes the first administrator, signs out of what that opened, and in again over the login.
func signIn(ctx context.Context, hub *rig.Hub) (*browser, error) {
	log, err := os.ReadFile(hub.LogName())
	if err != nil {
		return nil, err
	}
	link := firstLink.Find(log)
	if link == nil {
		return nil, errors.New("the hub printed no link for the first administrator")
	}
	at, err := url.Parse(string(link))
	if err != nil {
		return nil, err
	}
	b := &browser{base: "http://" + hub.Address}
	const email, password = "load@example.com", "a-long-enough-password-42"
	for _, form := range []struct {
		path   string
		fields url.Values
	}{
		{at.Path, url.Values{"name": {"Load"}, "email": {email}, "password": {password}, "zone": {"Europe/Prague"}}},
		{"/login", url.Values{"email": {email}, "password": {password}, "to": {"/"}}},
	} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			return nil, err
		}
		b.client = &http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		request, err := http.NewRequestWithContext(ctx, "POST", b.base+form.path, strings.NewReader(form.fields.Encode()))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", b.base)
		answer, err := b.client.Do(request)
		if err != nil {
			return nil, err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusSeeOther {
			return nil, fmt.Errorf("POST %s was answered %d", form.path, answer.StatusCode)
		}
	}
	return b, nil
}

// visit reads a page once; key is for the API.
func (b *browser) visit(ctx context.Context, p *page, key string) error {
	request, err := http.NewRequestWithContext(ctx, "GET", b.base+p.path, nil)
	if err != nil {
		return err
	}
	if strings.HasPrefix(p.path, "/v1/") {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	start := time.Now()
	answer, err := b.client.Do(request)
	if err != nil {
		return fmt.Errorf("GET %s: %w", p.path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return fmt.Errorf("GET %s: %w", p.path, err)
	}
	p.took, p.size = append(p.took, int64(time.Since(start))), len(body)
	if answer.StatusCode != http.StatusOK && p.failed == "" {
		p.failed = fmt.Sprintf("answered %d: %.200s", answer.StatusCode, body)
	}
	return nil
}

// listing is a list of the API and, where it has one, the page of the console that shows the same.
type listing struct {
	name, api, console string
}

// with adds a cursor to an address.
func with(path, name, value string) string {
	if strings.Contains(path, "?") {
		return path + "&" + name + "=" + url.QueryEscape(value)
	}
	return path + "?" + name + "=" + url.QueryEscape(value)
}

// pagesOf are the first, the tenth and the last page of a list, here and there. A cursor is a place in the list, so the one
// behind the first page from the other end leads to the last page.
func (c *consoleStory) pagesOf(ctx context.Context, l listing) ([]*page, error) {
	var pages []*page
	add := func(which, cursor string) {
		for _, at := range []string{l.console, l.api} {
			if at == "" {
				continue
			}
			name := l.name + which
			if at == l.api {
				name = "API " + name
			}
			if cursor != "" {
				at = with(at, "cursor", cursor)
			}
			pages = append(pages, &page{name: name, path: at})
		}
	}
	add("", "")
	type answer struct {
		Next *string `json:"next_cursor"`
	}
	cursor := ""
	for n := 2; n <= 10; n++ {
		path := l.api
		if cursor != "" {
			path = with(path, "cursor", cursor)
		}
		var a answer
		if err := c.api.Do(ctx, "GET", path, nil, &a); err != nil {
			return unreachable(pages, l, ", page 10", err)
		}
		if a.Next == nil {
			return pages, nil // the list is as short as this
		}
		cursor = *a.Next
	}
	add(", page 10", cursor)
	var a answer
	if err := c.api.Do(ctx, "GET", with(l.api, "order", "asc"), nil, &a); err != nil {
		return unreachable(pages, l, ", last page", err)
	}
	if a.Next != nil {
		add(", last page", *a.Next)
	}
	return pages, nil
}

// unreachable adds a page that the hub refused to lead to; any other error ends the run.
func unreachable(pages []*page, l listing, which string, err error) ([]*page, error) {
	var refusal *rig.Refusal
	if !errors.As(err, &refusal) {
		return nil, err
	}
	return append(pages, &page{name: "API " + l.name + which, failed: err.Error()}), nil
}

// pages are all that is walked.
func (c *consoleStory) pages(ctx context.Context) ([]*page, error) {
	middle := time.Now().Add(-time.Since(c.began) / 2)
	since, soon := middle.UTC().Format(time.RFC3339), middle.Add(10*time.Second).UTC().Format(time.RFC3339)
	prague, err := time.LoadLocation("Europe/Prague")
	if err != nil {
		return nil, err
	}
	local := func(t time.Time) string { return url.QueryEscape(t.In(prague).Format("2006-01-02T15:04:05")) }
	span := "since=" + local(middle) + "&until=" + local(middle.Add(10*time.Second))
	target, held, order := c.endpoints[3], c.endpoints[shopEndpoints-1], shopOrder(c.events/2)
	lists := []listing{
		{"events", "/v1/events", "/events"},
		{"events of a type", "/v1/events?type=invoice.paid", "/events?type=invoice.paid"},
		{"events of a group", "/v1/events?type=payment.*", "/events?type=payment.*"},
		{"events of a type that never came", "/v1/events?type=no.such", "/events?type=no.such"},
		{"events of a source", "/v1/events?source=stripe", "/events?source=stripe"},
		{"events of a number", "/v1/events?key=" + order, "/events?key=" + order},
		{"events of a busy till", "/v1/events?key=" + shopTill, "/events?key=" + shopTill},
		{"events of a type and a source", "/v1/events?type=invoice.paid&source=stripe", "/events?type=invoice.paid&source=stripe"},
		{"events of a type since half", "/v1/events?type=invoice.paid&since=" + since, "/events?type=invoice.paid&since=" + local(middle)},
		{"events in 10 s", "/v1/events?since=" + since + "&until=" + soon, "/events?" + span},
		{"deliveries", "/v1/deliveries", "/deliveries"},
		{"deliveries failed", "/v1/deliveries?state=failed", "/deliveries?state=failed"},
		{"deliveries delivered", "/v1/deliveries?state=delivered", "/deliveries?state=delivered"},
		{"deliveries pending", "/v1/deliveries?state=pending", "/deliveries?state=pending"},
		{"deliveries held", "/v1/deliveries?state=held", "/deliveries?state=held"},
		{"deliveries cancelled", "/v1/deliveries?state=cancelled", "/deliveries?state=cancelled"},
		{"deliveries of a target", "/v1/deliveries?target=" + target, "/deliveries?target=" + target},
		{"deliveries of a target, delivered", "/v1/deliveries?state=delivered&target=" + target, "/deliveries?state=delivered&target=" + target},
		{"deliveries of a target, held", "/v1/deliveries?state=held&target=" + target, "/deliveries?state=held&target=" + target},
		{"deliveries of a target, failed", "/v1/deliveries?state=failed&target=" + target, "/deliveries?state=failed&target=" + target},
		{"deliveries of the paused target", "/v1/deliveries?target=" + held, "/deliveries?target=" + held},
		{"deliveries of a number", "/v1/deliveries?key=" + order, "/deliveries?key=" + order},
		{"deliveries of a busy till", "/v1/deliveries?key=" + shopTill, "/deliveries?key=" + shopTill},
		{"deliveries failed since half", "/v1/deliveries?state=failed&since=" + since, "/deliveries?state=failed&since=" + local(middle)},
		{"deliveries in 10 s", "/v1/deliveries?since=" + since + "&until=" + soon, "/deliveries?" + span},
		{"webhooks", "/v1/endpoints", "/webhooks"},
		{"sources", "/v1/sources", "/sources"},
		{"requests", "/v1/sources/stripe/requests", "/sources/stripe/requests"},
		{"requests accepted", "/v1/sources/stripe/requests?outcome=accepted", "/sources/stripe/requests?outcome=accepted"},
		{"requests in quarantine", "/v1/sources/stripe/requests?outcome=quarantined", "/sources/stripe/requests?outcome=quarantined"},
		{"requests ignored", "/v1/sources/stripe/requests?outcome=ignored", "/sources/stripe/requests?outcome=ignored"},
		{"requests repeated", "/v1/sources/stripe/requests?outcome=duplicate", "/sources/stripe/requests?outcome=duplicate"},
		{"requests of two outcomes", "/v1/sources/stripe/requests?outcome=quarantined,ignored", ""},
		{"requests since half", "/v1/sources/stripe/requests?since=" + since, ""},
		{"pipelines", "/v1/pipelines", "/pipelines"},
		{"catalogue", "/v1/event-types", "/catalogue"},
		{"audit", "/v1/audit", "/settings/audit"},
		{"audit of the installation", "/v1/audit?of=installation", "/settings/audit?of=installation"},
		{"connections", "/v1/connections", "/connections"},
		{"translation tables", "/v1/tables", "/tables"},
		{"packs", "/v1/packs", "/catalogue/packs"},
		{"presets", "/v1/presets", "/webhooks/new"},
		{"providers", "/v1/providers", "/catalogue/providers"},
		{"listeners", "/v1/listeners", "/settings/listeners"},
		{"users", "/v1/users", "/settings/users"},
		{"keys", "/v1/keys", "/settings/keys"},
		{"tenants", "/v1/tenants", "/settings/tenants"},
	}
	var all []*page
	for _, l := range lists {
		pages, err := c.pagesOf(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		all = append(all, pages...)
	}
	var newest struct{ Data []struct{ ID string } }
	if err := c.api.Do(ctx, "GET", "/v1/events?key="+order, nil, &newest); err != nil || len(newest.Data) == 0 {
		return nil, fmt.Errorf("no event to look at: %w", err)
	}
	event := newest.Data[0].ID
	if err := c.api.Do(ctx, "GET", "/v1/events?source=stripe", nil, &newest); err != nil || len(newest.Data) == 0 {
		return nil, fmt.Errorf("no event that came in to look at: %w", err)
	}
	cameIn := newest.Data[len(newest.Data)-1].ID
	if err := c.api.Do(ctx, "GET", "/v1/deliveries?state=failed", nil, &newest); err != nil || len(newest.Data) == 0 {
		return nil, fmt.Errorf("no failed delivery to look at: %w", err)
	}
	failed := newest.Data[0].ID
	for _, p := range []page{
		{name: "today", path: "/"},
		{name: "one webhook", path: "/webhooks/" + target},
		{name: "one webhook, paused", path: "/webhooks/" + held},
		{name: "API one webhook", path: "/v1/endpoints/" + target},
		{name: "API one webhook, paused", path: "/v1/endpoints/" + held},
		{name: "API figures of a webhook", path: "/v1/endpoints/" + target + "/stats"},
		{name: "API figures of a webhook, paused", path: "/v1/endpoints/" + held + "/stats"},
		{name: "API figures of a webhook since half", path: "/v1/endpoints/" + target + "/stats?since=" + since},
		{name: "API figures of a pipeline", path: "/v1/pipelines/" + c.pipeline + "/stats"},
		{name: "one webhook, to change it", path: "/webhooks/" + target + "/edit"},
		{name: "one type", path: "/catalogue/types/invoice.paid"},
		{name: "audit of endpoints", path: "/settings/audit?kind=endpoint"},
		{name: "audit by nobody", path: "/settings/audit?who=nobody"},
		{name: "API one source", path: "/v1/sources/stripe"},
		{name: "one source", path: "/sources/stripe"},
		{name: "one pipeline", path: "/pipelines/" + c.pipeline},
		{name: "quarantine", path: "/quarantine"},
		{name: "one event", path: "/events/" + event},
		{name: "API one event", path: "/v1/events/" + event},
		{name: "API fates of an event", path: "/v1/events/" + event + "/fates"},
		{name: "one delivery", path: "/deliveries/" + failed},
		{name: "API one delivery", path: "/v1/deliveries/" + failed},
		{name: "search: order number, its timeline", path: "/search?q=" + order},
		{name: "search: parcel, its timeline", path: "/search?q=" + fmt.Sprintf("CZ%09d", c.events/8)},
		{name: "search: event id, its timeline", path: "/search?q=" + event},
		{name: "search: busy till, its timeline", path: "/search?q=" + shopTill},
		{name: "search: event that came in, its timeline", path: "/search?q=" + cameIn},
		{name: "API fates of an event that came in", path: "/v1/events/" + cameIn + "/fates"},
		{name: "search: 9 of 11 digits", path: "/search?q=" + order[:9]},
		{name: "search: 6 of 11 digits", path: "/search?q=" + order[:6]},
		{name: "search: 2 of 11 digits", path: "/search?q=" + order[:2]},
		{name: "search: name of a webhook", path: "/search?q=System"},
		{name: "search: nothing found", path: "/search?q=20269999999"},
		{name: "search: nothing like it", path: "/search?q=zzzzzz"},
		{name: "API search: order number", path: "/v1/search?q=" + order},
		{name: "API search: 6 of 11 digits", path: "/v1/search?q=" + order[:6]},
		{name: "API search: 2 of 11 digits", path: "/v1/search?q=" + order[:2]},
		{name: "API search: busy till", path: "/v1/search?q=" + shopTill},
		{name: "API search: nothing found", path: "/v1/search?q=20269999999"},
		{name: "replay, before it starts", path: "/replay"},
	} {
		all = append(all, &p)
	}
	return all, nil
}

// walk reads all pages in turn until done.
func (c *consoleStory) walk(ctx context.Context, b *browser, pages []*page, done <-chan struct{}) error {
	for {
		for _, p := range pages {
			if p.path == "" {
				continue
			}
			select {
			case <-done:
				return nil
			default:
			}
			if err := b.visit(ctx, p, c.key); err != nil {
				return err
			}
		}
	}
}

// printPages prints what each page took and returns how many are slower than they may be.
func printPages(pages []*page) (over int) {
	ms := func(nanoseconds float64) string {
		if math.IsNaN(nanoseconds) {
			return "-"
		}
		return fmt.Sprintf("%.1f", nanoseconds/1e6)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "page\tn\tp50 ms\tp95 ms\tworst ms\tbytes\t")
	for _, p := range pages {
		p95, mark := percentile(p.took, 95), ""
		switch {
		case p.failed != "":
			mark, over = "FAILED: "+p.failed, over+1
		case p95 > float64(slow):
			mark, over = "OVER", over+1
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%s\t%d\t%s\n", p.name, len(p.took), ms(percentile(p.took, 50)), ms(p95), ms(percentile(p.took, 100)), p.size, mark)
	}
	out.Flush()
	return over
}
