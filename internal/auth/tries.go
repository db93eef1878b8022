package auth

import (
	"net/netip"
	"sync"
	"time"

	"hacek/internal/hub"
)

// How many sign-ins may fail before the next ones are refused without a look: of one user from one network, of one
// network, of one user from anywhere. The last is high, so that a stranger does not lock a user out.
const (
	failuresOfBoth    = 5
	failuresOfNetwork = 40
	failuresOfUser    = 100

	pauseAfterFailures = 15 * time.Minute
	mostRemembered     = 20_000
)

// tries counts failed sign-ins in memory: a restart forgets them, and an attacker cannot restart the hub.
type tries struct {
	mu     sync.Mutex
	failed map[string]failures
}

type failures struct {
	n     int
	until time.Time // then they are forgotten
}

type limit struct {
	key  string
	most int
}

func limits(email, from string) []limit {
	network := networkOf(from)
	return []limit{
		{"both " + email + " " + network, failuresOfBoth},
		{"network " + network, failuresOfNetwork},
		{"user " + email, failuresOfUser},
	}
}

// networkOf is what one attacker has at hand: an IPv4 address, or the /64 of an IPv6 one.
func networkOf(from string) string {
	address, err := netip.ParseAddr(from)
	if err != nil {
		return from
	}
	if address = address.Unmap(); address.Is6() {
		prefix, _ := address.WithZone("").Prefix(64)
		return prefix.String()
	}
	return address.String()
}

// take counts a try as failed before it is made, so that many at once do not pass together; forget takes it back.
func (t *tries) take(email, from string, now time.Time) error {
	return t.takeAll(limits(email, from), now)
}

// portalLimits hold for links to the portal. They cannot be guessed, so nobody is locked out because of somebody else.
func portalLimits(from string) []limit {
	return []limit{{"portal " + networkOf(from), failuresOfNetwork}}
}

func (t *tries) takeAll(tried []limit, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil || len(t.failed) > mostRemembered {
		t.drop(now)
	}
	for _, l := range tried {
		if f := t.failed[l.key]; f.n >= l.most && now.Before(f.until) {
			wait := f.until.Sub(now)
			err := hub.Errorf(hub.TooMany, "too many sign-ins have failed").WithHint("Try again in %s.", hub.Duration(wait.Truncate(time.Second)))
			err.RetryAfter = wait
			return err
		}
	}
	for _, l := range tried {
		f := t.failed[l.key]
		if !now.Before(f.until) {
			f.n = 0
		}
		t.failed[l.key] = failures{f.n + 1, now.Add(pauseAfterFailures)}
	}
	return nil
}

// giveBack takes one try back that has not failed.
func (t *tries) giveBack(tried []limit) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range tried {
		if f := t.failed[l.key]; f.n > 0 {
			f.n--
			t.failed[l.key] = f
		}
	}
}

// drop forgets what is over; when that is not enough, everything.
func (t *tries) drop(now time.Time) {
	for key, f := range t.failed {
		if !now.Before(f.until) {
			delete(t.failed, key)
		}
	}
	if t.failed == nil || len(t.failed) > mostRemembered {
		t.failed = map[string]failures{}
	}
}

// forget takes the failures of a user back who has shown the password.
func (t *tries) forget(email, from string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range limits(email, from) {
		if l.most == failuresOfNetwork {
			// Whoever has one password may not try others' for ever.
			if f := t.failed[l.key]; f.n > 0 {
				f.n--
				t.failed[l.key] = f
			}
			continue
		}
		delete(t.failed, l.key)
	}
}
