package tour

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

func newShop(t *testing.T) *Shop {
	t.Helper()
	s, err := OpenShop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func (s *Shop) token(t *testing.T) string {
	t.Helper()
	request, _ := http.NewRequest("GET", s.Base+"/action/ApiOAuthServer/getAccessToken", nil)
	request.Header.Set("Authorization", "Bearer "+s.OAuth)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var given struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&given); err != nil || given.Token == "" {
		t.Fatalf("no token: %v, %s", err, answer.Status)
	}
	return given.Token
}

func (s *Shop) get(t *testing.T, path, token string) (status int, body string, header http.Header) {
	t.Helper()
	request, _ := http.NewRequest("GET", s.Base+path, nil)
	request.Header.Set("Shoptet-Access-Token", token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), answer.Header
}

// The signature is the one of Shoptet's own published test vector.
func TestShopSignsAsShoptetDoes(t *testing.T) {
	s := newShop(t)
	got := make(chan string, 1)
	hub := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Shoptet-Webhook-Signature")
	}))
	defer hub.Close()
	s.Hook = hub.URL
	s.send([]byte(`{"eshopId":315185,"event":"addon:uninstall","eventCreated":"2019-09-23T22:01:36+0200","eventInstance":"315185"}`))
	if sum := <-got; sum != "a0e0a3e7689bd4c80e4d6ffcccb05235b864e1d0" {
		t.Errorf("signature %s", sum)
	}
}

func TestShopRetriesThreeTimesAndGivesUp(t *testing.T) {
	for answers, want := range map[string]NoticeCounts{
		"500 500 200":     {Sent: 3, Taken: 1, Again: 2},
		"500 500 500 200": {Sent: 3, Again: 2, GivenUp: 1},
		"200":             {Sent: 1, Taken: 1},
	} {
		t.Run(answers, func(t *testing.T) {
			s := newShop(t)
			s.Tries.Every = time.Millisecond
			statuses := make(chan int, 8)
			for word := range strings.FieldsSeq(answers) {
				var status int
				if _, err := fmt.Sscan(word, &status); err != nil {
					t.Fatal(err)
				}
				statuses <- status
			}
			hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(<-statuses) }))
			defer hub.Close()
			s.Hook = hub.URL
			s.Tell("order:create", "2018000057", s.Now())
			got, err := s.Quiet()
			if got != want || (err != nil) != (want.GivenUp > 0) {
				t.Errorf("got %+v and %v, want %+v", got, err, want)
			}
		})
	}
}

func TestShopLetsThreeCallsOfATokenThrough(t *testing.T) {
	s := newShop(t)
	code, token := s.Place(), s.token(t)
	var all sync.WaitGroup
	var mu sync.Mutex
	statuses := map[int]int{}
	for range 12 {
		all.Go(func() {
			status, _, header := s.get(t, "/api/orders/"+code, token)
			if _, err := http.ParseTime(header.Get("Retry-After")); status == http.StatusTooManyRequests && err != nil {
				t.Errorf("Retry-After is no date: %v", err)
			}
			mu.Lock()
			statuses[status]++
			mu.Unlock()
		})
	}
	all.Wait()
	if c := s.Counts(); c.Busiest > shopCalls || statuses[200]+statuses[429] != 12 || statuses[200] != c.Fetched["/api/orders/"+code] {
		t.Errorf("answers %v, counts %+v", statuses, c)
	}
}

func TestShopShowsWhatAShopShows(t *testing.T) {
	s := newShop(t)
	var codes []string
	for range 6 {
		codes = append(codes, s.Place())
	}
	token := s.token(t)
	status, body, _ := s.get(t, "/api/orders/"+codes[0]+"?include=notes", token)
	for _, part := range []string{`"itemId":12345678901234000000`, `"withVat":"12345678901234567.00"`, "Žofie Černá", "🎁", `+0100"`, `"code":null`} {
		if status != 200 || !strings.Contains(body, part) {
			t.Errorf("%d: no %s in %s", status, part, body)
		}
	}
	s.Revise(codes[1], s.Now(), statusCancelled)
	if _, body, _ = s.get(t, "/api/orders/"+codes[1], token); !strings.Contains(body, `{"id":-4,"name":"Stornována"}`) {
		t.Errorf("a cancelled order says %s", body)
	}
	if status, _, _ = s.get(t, "/api/orders/none", token); status != http.StatusNotFound {
		t.Errorf("an order nobody placed: %d", status)
	}
	if status, _, _ = s.get(t, "/api/orders/statuses", token); status != http.StatusOK {
		t.Errorf("the statuses: %d", status)
	}
	if _, body, _ = s.get(t, "/api/orders/"+codes[0], token); strings.Contains(body, "customerRemark") {
		t.Errorf("notes are shown on demand only, and here is %s", body)
	}
	s.Move("40/ZEL", 20)
	s.Move("26/BIL", 3)
	s.Move("40/ZEL", 18)
	status, body, _ = s.get(t, "/api/stocks/1/supplies?include=changeTime&itemsPerPage=1&page=1", token)
	for _, part := range []string{`"code":"40/ZEL","amount":"18.000","claim":"2.500"`, `"changeTime":"20`, `"totalCount":2`, `"pageCount":2,`} {
		if status != 200 || !strings.Contains(body, part) || strings.Contains(body, "26/BIL") {
			t.Errorf("%d: no %s in %s", status, part, body)
		}
	}
	if _, body, _ = s.get(t, "/api/stocks/1/supplies", token); !strings.Contains(body, "26/BIL") || strings.Contains(body, "changeTime") {
		t.Errorf("the stock shows %s", body)
	}
	s.ExpireTokens()
	if status, _, _ = s.get(t, "/api/orders/"+codes[0], token); status != http.StatusUnauthorized {
		t.Errorf("with a token that has ended: %d", status)
	}
}

// The comparison is only worth something if it catches one changed column, one missing row and one too many.
func TestComparisonCatchesEveryColumn(t *testing.T) {
	ctx := context.Background()
	e, err := OpenERP(ctx, "sqlite", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s := newShop(t)
	s.Place()
	s.told[s.Place()] = true
	s.Register()
	s.Move("40/ZEL", 3)
	want := s.wanted()
	for _, table := range shopTables() {
		if err := e.run(ctx, table.definition(e.Driver)); err != nil {
			t.Fatal(err)
		}
		rows := want[table.name]
		for _, r := range rows {
			insert(t, e, table, r)
		}
		if _, err := e.compare(ctx, table.name, rows); err != nil {
			t.Errorf("%s as it should be: %v", table.name, err)
		}
		if len(rows) == 0 {
			t.Errorf("the shop has nothing for %s, so nothing is compared there", table.name)
			continue
		}
		for i, c := range table.columns {
			r := append(row{}, rows[0]...)
			if r[i] += "1"; c.kind == ofMoment {
				r[i] = "2020-01-01T00:00:00+0100"
			}
			if _, err := e.compare(ctx, table.name, append([]row{r}, rows[1:]...)); err == nil {
				t.Errorf("%s: another %s was not noticed", table.name, c.name)
			}
		}
		if _, err := e.compare(ctx, table.name, rows[1:]); err == nil {
			t.Errorf("%s: a row too many was not noticed", table.name)
		}
	}
	if torn, n, err := e.headersAndLines(ctx); err != nil || len(torn) > 0 || n != 2 {
		t.Errorf("whole orders: %v, %d, %v", torn, n, err)
	}
	if _, err := e.db.Exec("DELETE FROM order_lines WHERE item_id IN (SELECT min(item_id) FROM order_lines)"); err != nil {
		t.Fatal(err)
	}
	if torn, _, err := e.headersAndLines(ctx); err != nil || len(torn) != 1 {
		t.Errorf("a line is gone, and it found %v, %v", torn, err)
	}
}

func insert(t *testing.T, e *ERP, table erpTable, r row) {
	t.Helper()
	values := make([]any, len(r))
	for i, v := range r {
		if v != null {
			values[i] = v
		}
	}
	statement := "INSERT INTO " + table.name + " VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(r)), ", ") + ")"
	if _, err := e.db.Exec(statement, values...); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyAKillExcusesARepetition(t *testing.T) {
	many := strings.Fields(strings.Repeat("x ", InFlight+1))
	for i := range many {
		many[i] += fmt.Sprint(i)
	}
	for name, c := range map[string]struct {
		list  []string
		kills []int
		done  string // what the hub had said was done, at every kill
		twice int
		holds bool
	}{
		"nothing twice":                {[]string{"a", "b"}, nil, "", 0, true},
		"a kill in between":            {[]string{"a", "b", "a"}, []int{2}, "b", 1, true},
		"right before and right after": {[]string{"a", "a"}, []int{1}, "", 1, true},
		"no kill":                      {[]string{"a", "b", "a"}, nil, "", 1, false},
		"a kill before both":           {[]string{"b", "a", "a"}, []int{1}, "", 1, false},
		"a kill after both":            {[]string{"a", "a", "b"}, []int{2}, "", 1, false},
		"twice after one kill":         {[]string{"a", "a", "a"}, []int{1}, "", 2, false},
		"more than were in flight":     {append(append([]string{}, many...), many...), []int{len(many)}, "", InFlight + 1, false},
		"a mail that was known":        {[]string{"<dlv_a-4@b.cz>", "<dlv_a-4@b.cz>"}, []int{1}, "dlv_a", 1, false},
		"a document that was known":    {[]string{"dlv_a-3", "dlv_b-3", "dlv_a-3"}, []int{1, 2}, "dlv_a", 1, false},
	} {
		var cuts []cut
		for _, length := range c.kills {
			cuts = append(cuts, cut{length, map[string]bool{c.done: true}})
		}
		if n, err := twice(c.list, cuts, InFlight); n != c.twice || (err == nil) != c.holds {
			t.Errorf("%s: %d repetitions and %v", name, n, err)
		}
	}
	if n, err := twice(append(append([]string{}, many...), many...), []cut{{len(many), nil}}, 0); n != InFlight+1 || err != nil {
		t.Errorf("without a bound: %d repetitions and %v", n, err)
	}
}

func TestAKillExcusesOneFetchOfEachPipeline(t *testing.T) {
	kill := func(a, b int) Kill { return Kill{fetched: map[string]int{"a": a, "b": b}} }
	for name, c := range map[string]struct {
		a, b  int // fetches of a record with two runs of two pipelines, and of one with three runs of one
		kills []Kill
		more  int
		holds bool
	}{
		"one for each run":              {2, 3, nil, 0, true},
		"shared":                        {1, 1, nil, 0, true},
		"one more":                      {3, 3, nil, 1, false},
		"one more of each":              {3, 4, []Kill{kill(1, 2)}, 2, true},
		"two more of two pipelines":     {4, 3, []Kill{kill(2, 3)}, 2, true},
		"two more of one pipeline":      {2, 5, []Kill{kill(2, 3)}, 2, false},
		"three more of two pipelines":   {5, 3, []Kill{kill(3, 3)}, 3, false},
		"a kill before the first fetch": {3, 3, []Kill{kill(0, 3)}, 1, false},
		"nothing between two kills":     {4, 3, []Kill{kill(1, 3), kill(1, 3)}, 2, false},
		"two kills":                     {4, 3, []Kill{kill(1, 3), kill(2, 3)}, 2, true},
		"of another record":             {2, 4, []Kill{kill(2, 0)}, 1, false},
	} {
		n, err := again(map[string]int{"a": c.a, "b": c.b}, map[string]about{"a": {2, 2}, "b": {3, 1}}, c.kills)
		if (err == nil) != c.holds || err == nil && n != c.more {
			t.Errorf("%s: %d more and %v", name, n, err)
		}
	}
	if _, err := again(map[string]int{"/api/orders/of-nobody": 1}, nil, []Kill{kill(1, 1)}); err == nil {
		t.Error("a record that no run is about may be fetched")
	}
}
