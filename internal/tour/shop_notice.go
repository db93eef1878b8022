package tour

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Tries is how often a notice is sent that nobody takes, and how long it waits in between. Shoptet tries three times, 15
// minutes apart; the tour's shop is 3,000 times faster.
type Tries struct {
	Most  int
	Every time.Duration
}

// noticing is what the shop knows of its notices.
type noticing struct {
	under sync.WaitGroup
	stop  chan struct{}

	mu     sync.Mutex
	counts NoticeCounts
	last   [][]byte // bodies of the latest, for repeats
}

// NoticeCounts says what became of the shop's notices.
type NoticeCounts struct {
	Sent    int // requests, repeats included
	Taken   int // notices that were answered 2xx
	Again   int // requests that were a further try or a repeat
	GivenUp int // notices that nobody took
}

// Tell sends a notice that something happened to a record, after a random moment: several go at once, and in no order.
// It returns at once; Quiet waits for all.
func (s *Shop) Tell(event, instance string, at time.Time) {
	body, err := json.Marshal(struct {
		EshopID       int    `json:"eshopId"`
		Event         string `json:"event"`
		EventCreated  string `json:"eventCreated"`
		EventInstance string `json:"eventInstance"`
	}{222651, event, stamp(at), instance})
	if err != nil {
		panic("BUG: " + err.Error()) // texts always encode
	}
	switch event {
	case "order:update", "order:cancel", "order:paid":
		s.mu.Lock()
		s.told[instance] = true
		s.mu.Unlock()
	}
	s.notices.mu.Lock()
	s.notices.last = append(s.notices.last, body)
	s.notices.mu.Unlock()
	s.send(body)
}

// TellMany sends one notice about several records: their list is a JSON text inside the JSON.
func (s *Shop) TellMany(event string, instances []string, at time.Time) {
	list, err := json.Marshal(instances)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	s.Tell(event, string(list), at)
}

// Repeat sends the latest n notices once more, as a shop does that has missed the answer.
func (s *Shop) Repeat(n int) {
	s.notices.mu.Lock()
	bodies := s.notices.last[max(0, len(s.notices.last)-n):]
	s.notices.counts.Again += len(bodies)
	s.notices.mu.Unlock()
	for _, body := range bodies {
		s.send(body)
	}
}

func (s *Shop) send(body []byte) {
	s.notices.under.Go(func() {
		if !s.rest(time.Duration(rand.Int64N(int64(30 * time.Millisecond)))) {
			return
		}
		for try := 1; ; try++ {
			taken := s.post(body)
			s.notices.mu.Lock()
			s.notices.counts.Sent++
			switch {
			case taken:
				s.notices.counts.Taken++
			case try == s.Tries.Most:
				s.notices.counts.GivenUp++
			default:
				s.notices.counts.Again++
			}
			s.notices.mu.Unlock()
			if taken || try == s.Tries.Most || !s.rest(s.Tries.Every) {
				return
			}
		}
	})
}

// rest waits; false means that the shop closes.
func (s *Shop) rest(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.notices.stop:
		return false
	}
}

// noticeTime is how long Shoptet waits for an answer.
const noticeTime = 4 * time.Second

//nolint:contextcheck // the pretend shop has a life of its own; Close ends it
func (s *Shop) post(body []byte) (taken bool) {
	ctx, cancel := context.WithTimeout(context.Background(), noticeTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Hook, bytes.NewReader(body))
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, []byte(s.Secret))
	mac.Write(body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Shoptet-Webhook-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode/100 == 2
}

// Quiet waits until no notice is under way. The error says how many nobody took.
func (s *Shop) Quiet() (NoticeCounts, error) {
	s.notices.under.Wait()
	s.notices.mu.Lock()
	defer s.notices.mu.Unlock()
	c := s.notices.counts
	if c.GivenUp > 0 {
		return c, fmt.Errorf("%d notices of the shop were not taken in %d tries", c.GivenUp, s.Tries.Most)
	}
	return c, nil
}
