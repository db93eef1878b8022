package tour

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of the shop's API.
const (
	shopCalls  = 3 // at once for one token
	shopTokens = 5 // valid at once; the oldest goes
	shopPage   = 1000
	shopTakes  = 15 * time.Millisecond
)

func (s *Shop) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /action/ApiOAuthServer/getAccessToken", s.giveToken)
	mux.Handle("GET /api/orders/{code}", s.guarded(func(r *http.Request) any {
		o := s.orders[r.PathValue("code")]
		if o == nil {
			return nil
		}
		shown := *o
		if !includes(r, "notes") {
			shown.Notes = nil
		}
		return map[string]any{"order": shown}
	}))
	mux.Handle("GET /api/orders/statuses", s.guarded(func(*http.Request) any {
		return map[string]any{"statuses": statuses(), "defaultStatus": statusNew.ID}
	}))
	mux.Handle("GET /api/customers/{guid}", s.guarded(func(r *http.Request) any {
		if c := s.customers[r.PathValue("guid")]; c != nil {
			return map[string]any{"customer": c}
		}
		return nil
	}))
	mux.Handle("GET /api/stocks/{stock}/supplies", s.guarded(func(r *http.Request) any {
		if r.PathValue("stock") != stockID {
			return nil
		}
		return s.supplyPage(r)
	}))
	return mux
}

// includes tells whether a call asks for a part that is shown on demand only.
func includes(r *http.Request, part string) bool {
	return slices.Contains(strings.Split(r.URL.Query().Get("include"), ","), part)
}

// supplyPage is one page of the stock; a page holds 1,000 variants at most.
func (s *Shop) supplyPage(r *http.Request) any {
	asked := func(name string, otherwise int) int {
		n, err := strconv.Atoi(r.URL.Query().Get(name))
		if err != nil || n < 1 {
			return otherwise
		}
		return n
	}
	size, page := min(asked("itemsPerPage", shopPage), shopPage), asked("page", 1)
	from := min((page-1)*size, len(s.supplies))
	list := slices.Clone(s.supplies[from:min(from+size, len(s.supplies))])
	if !includes(r, "changeTime") {
		for i := range list {
			list[i].ChangeTime = nil
		}
	}
	return map[string]any{"supplies": list, "paginator": map[string]int{"totalCount": len(s.supplies), "page": page,
		"pageCount": max(1, (len(s.supplies)+size-1)/size), "itemsOnPage": len(list), "itemsPerPage": size}}
}

// giveToken answers a token of 30 minutes to whoever has the add-on's own.
func (s *Shop) giveToken(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+s.OAuth {
		s.refuse(w, http.StatusUnauthorized, "invalid-token")
		return
	}
	token := "222651-" + rand.Text()
	s.mu.Lock()
	s.tokens = append(s.tokens, token)
	s.tokens = s.tokens[max(0, len(s.tokens)-shopTokens):]
	s.counts.Tokens++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":1800}`, token)
}

// ExpireTokens ends every token before its time.
func (s *Shop) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens = nil
}

// guarded lets three calls of a token through at once and answers 429 with a date to more. read is called with the lock
// held and answers nil for what is not there.
func (s *Shop) guarded(read func(*http.Request) any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Shoptet-Access-Token")
		s.mu.Lock()
		known, full := slices.Contains(s.tokens, token), s.busy[token] >= shopCalls
		switch {
		case !known:
			s.counts.Expired++
		case full:
			s.counts.Refused++
		default:
			s.busy[token]++
			s.counts.Busiest = max(s.counts.Busiest, s.busy[token])
		}
		s.mu.Unlock()
		switch {
		case !known:
			s.refuse(w, http.StatusUnauthorized, "expired-token")
			return
		case full:
			w.Header().Set("X-RateLimit-Bucket-Filling", "200/200")
			w.Header().Set("Retry-After", s.now().Add(time.Second).UTC().Format(http.TimeFormat))
			s.refuse(w, http.StatusTooManyRequests, "too-many-requests")
			return
		}
		select { // as long as a real one takes, so that calls meet
		case <-time.After(shopTakes):
		case <-r.Context().Done():
		}
		s.mu.Lock()
		if r.Context().Err() != nil {
			s.busy[token]--
			s.mu.Unlock()
			return
		}
		data := read(r)
		var body []byte
		var err error
		if data != nil {
			s.counts.Fetched[r.URL.Path]++
			body, err = json.Marshal(map[string]any{"data": data, "errors": nil, "metadata": map[string]string{"requestId": rand.Text()}})
		}
		if s.late != nil && s.late.path == r.URL.Path {
			s.stay(r)
		}
		s.busy[token]-- // before the answer: whoever has read it may call again
		s.mu.Unlock()
		switch {
		case err != nil:
			panic("BUG: " + err.Error()) // everything the shop holds encodes
		case data == nil:
			s.refuse(w, http.StatusNotFound, "page-not-found")
		default:
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = w.Write(body)
		}
	})
}

// late is an answer that is read, and then kept on its way.
type late struct {
	path       string
	read, goes chan struct{}
}

// HoldBack keeps the next answer about an order on its way until letGo is called: it shows the order as it was when read was closed.
func (s *Shop) HoldBack(code string) (read <-chan struct{}, letGo func()) {
	l := &late{path: "/api/orders/" + code, read: make(chan struct{}), goes: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.late = l
	return l.read, sync.OnceFunc(func() { close(l.goes) })
}

// stay waits with the lock let go.
func (s *Shop) stay(r *http.Request) {
	l := s.late
	s.late = nil
	s.mu.Unlock()
	defer s.mu.Lock()
	close(l.read)
	select {
	case <-l.goes:
	case <-r.Context().Done():
	}
}

func (s *Shop) refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"data":null,"errors":[{"errorCode":%q,"message":%q,"instance":"api"}],"metadata":{"requestId":%q}}`, code, http.StatusText(status), rand.Text())
}

// Counts is what was asked so far.
func (s *Shop) Counts() ShopCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Fetched = maps.Clone(c.Fetched)
	return c
}
