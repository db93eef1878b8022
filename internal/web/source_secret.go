package web

import (
	"sync"
	"time"

	"hacek/internal/hub"
)

// madeSecrets remembers for some minutes the secrets that the hub made, each for the session in which it was made: the
// provider has to be told, and the settings never show it again. They are nowhere else in clear, and gone with a restart.
type madeSecrets struct {
	mu  sync.Mutex
	all map[madeFor]madeSecret
}

type madeFor struct {
	session string
	source  hub.ID
}

type madeSecret struct {
	secret hub.Secret
	until  time.Time
}

const (
	madeShown = 15 * time.Minute
	mostMade  = 1000
)

func (m *madeSecrets) keep(session string, source hub.ID, secret hub.Secret, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[madeFor]madeSecret{}
	}
	for key, one := range m.all {
		if !now.Before(one.until) {
			delete(m.all, key)
		}
	}
	if len(m.all) < mostMade {
		m.all[madeFor{session, source}] = madeSecret{secret, now.Add(madeShown)}
	}
}

// of is the secret that this session was promised, zero when its time is over.
func (m *madeSecrets) of(session string, source hub.ID, now time.Time) hub.Secret {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one := m.all[madeFor{session, source}]; now.Before(one.until) {
		return one.secret
	}
	return hub.Secret{}
}
