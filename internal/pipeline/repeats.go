package pipeline

import (
	"sync"
	"time"

	"hacek/internal/hub"
)

// repeats remembers when an event was last told of, as long as an answer may be shared. It need not outlive the program,
// because the answers do not.
type repeats struct {
	mu    sync.Mutex
	at    map[hub.ID]time.Time
	swept time.Time
}

// Repeated notes that an event was told of once more: a fetch that began earlier serves it no longer.
func (r *Runner) Repeated(event hub.ID) { r.repeats.note(event, r.now()) }

func (r *repeats) note(event hub.ID, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[hub.ID]time.Time{}
	}
	if now.Sub(r.swept) > shareFor {
		for id, at := range r.at {
			if now.Sub(at) > 2*shareFor {
				delete(r.at, id)
			}
		}
		r.swept = now
	}
	r.at[event] = now
}

// latest is when an event was last told of.
func (r *repeats) latest(event *hub.Event) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, again := r.at[event.ID]; again {
		return at
	}
	return event.ReceivedAt
}
