package tour

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Live lets one thing after the other happen in the shop until the context ends, about every so often.
func (s *Shop) Live(ctx context.Context, random *rand.Rand, every time.Duration) {
	for ctx.Err() == nil {
		s.happen(random)
		select {
		case <-time.After(time.Duration(random.ExpFloat64() * float64(every))):
		case <-ctx.Done():
		}
	}
}

// happen lets one thing happen, chosen by random, and tells of it: an order, a change of one, three changes within a
// second, a bulk action, a customer, a stock level, or notices once more.
func (s *Shop) happen(random *rand.Rand) {
	codes, now := s.Codes(), s.Now()
	anyOf := func() string { return codes[random.IntN(len(codes))] }
	status := func() Status { return statuses()[random.IntN(len(statuses()))] }
	switch dice := random.IntN(20); {
	case len(codes) == 0 || dice < 6:
		s.Tell("order:create", s.Place(), now)
	case dice < 11:
		code := anyOf()
		s.Revise(code, now, status())
		s.Tell("order:update", code, now)
	case dice < 13:
		code := anyOf()
		for range 3 {
			s.Revise(code, now, status())
			s.Tell("order:update", code, now)
		}
	case dice < 14:
		list := codes[:1+random.IntN(min(len(codes), 4))]
		for _, code := range list {
			s.Revise(code, now, status())
			s.Tell("order:update", code, now)
		}
		s.TellMany("order:massUpdate", list, now)
	case dice < 16:
		guid := s.Register()
		s.Tell("customer:create", guid, now)
		s.Rename(guid, fmt.Sprintf("Žofie Nováková-Ťapková 🐎 %d", random.IntN(1000)))
		s.Tell("customer:update", guid, now)
	case dice < 18:
		s.Move([]string{"40/ZEL", "26/BIL", "12/MOD"}[random.IntN(3)], random.IntN(100))
		s.Tell("stock:movement", stockID, now)
	default:
		s.Repeat(1 + random.IntN(5))
	}
}
