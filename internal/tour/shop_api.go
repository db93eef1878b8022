package tour

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Limits of the shop's API.
const (
	shopCalls  = 3 // at once for one token
	shopTokens = 5 // valid at once; the oldest goes
	shopTakes  = 15 * time.Millisecond
)

func (s *Shop) api() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /action/ApiOAuthServer/getAccessToken", s.giveToken)
	mux.Handle("GET /api/orders/{code}", s.guarded(func(r *http.Request) any {
		if o := s.orders[r.PathValue("code")]; o != nil {
			return map[string]any{"order": o}
		}
		return nil
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
	mux.Handle("GET /api/stocks/{stock}/movements", s.guarded(func(r *http.Request) any {
		if r.PathValue("stock") != stockID {
			return nil
		}
		last, _ := strconv.Atoi(r.URL.Query().Get("lastId"))
		list := slices.DeleteFunc(slices.Clone(s.movements), func(m Movement) bool { return m.ID <= last })
		return map[string]any{"movements": list, "paginator": map[string]int{"totalCount": len(list), "page": 1, "pageCount": 1}}
	}))
	return mux
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
		defer func() {
			s.mu.Lock()
			s.busy[token]--
			s.mu.Unlock()
		}()
		select { // as long as a real one takes, so that calls meet
		case <-time.After(shopTakes):
		case <-r.Context().Done():
			return
		}
		s.mu.Lock()
		data := read(r)
		var body []byte
		var err error
		if data != nil {
			s.counts.Fetched[r.URL.Path]++
			body, err = json.Marshal(map[string]any{"data": data, "errors": nil})
		}
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

func (s *Shop) refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"data":null,"errors":[{"errorCode":%q,"message":%q,"instance":"api"}]}`, code, http.StatusText(status))
}

// Counts is what was asked so far.
func (s *Shop) Counts() ShopCounts {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.counts
	c.Fetched = maps.Clone(c.Fetched)
	return c
}
