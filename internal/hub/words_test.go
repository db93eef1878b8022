package hub

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestIDsComeBack(t *testing.T) {
	id := NewID()
	back, err := ParseID(EventPrefix, id.Text(EventPrefix))
	if err != nil || back != id {
		t.Fatalf("got %v, %v; want %v", back, err, id)
	}
	if age := time.Since(id.Time()); age < -time.Minute || age > time.Minute {
		t.Fatalf("made %s ago", age)
	}
	for _, wrong := range []string{"", "evt_", id.Text(EndpointPrefix), id.Text(EventPrefix) + "0", strings.ToUpper(id.Text(EventPrefix)), "evt_zzzzzzzzzzzzzzzzzzzzzzzzzz"} {
		if _, err := ParseID(EventPrefix, wrong); CodeOf(err) != NotFound {
			t.Errorf("%q: got %v, want not_found", wrong, err)
		}
	}
	d := DeliveryID{Event: id, Target: 70_000, Gen: 3}
	if back, err := ParseDeliveryID(d.Text()); err != nil || back != d {
		t.Fatalf("got %v, %v; want %v", back, err, d)
	}
	if d.Attempt(1) == d.Attempt(2) || !strings.HasPrefix(d.Attempt(1), AttemptPrefix) {
		t.Fatalf("attempt ids %s and %s", d.Attempt(1), d.Attempt(2))
	}
	if _, err := ParseDeliveryID(d.Text()[:len(d.Text())-1]); err == nil {
		t.Fatal("a cut delivery id was taken")
	}
}

func TestIDsSortByTime(t *testing.T) {
	last := NewID()
	for range 1000 {
		next := NewID()
		if string(next[:]) <= string(last[:]) {
			t.Fatalf("%x does not come after %x", next, last)
		}
		last = next
	}
}

func TestDurationsAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{"5s": 5 * time.Second, "2h": 2 * time.Hour, "5d": 120 * time.Hour, "1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond} {
		got, err := ParseDuration(text)
		if err != nil || got.D() != want || got.String() != text {
			t.Errorf("%q: got %s (%q), %v", text, got.D(), got, err)
		}
	}
	for _, wrong := range []string{"", "5", "-5s", "1y", "d", "5 s", "99999999d"} {
		if d, err := ParseDuration(wrong); err == nil {
			t.Errorf("%q was read as %s", wrong, d)
		}
	}
}

func TestRatesAsPeopleWriteThem(t *testing.T) {
	if r, err := ParseRate("5/s"); err != nil || r.Every() != 200*time.Millisecond || r.String() != "5/s" {
		t.Errorf("5/s: got %v, %v", r, err)
	}
	for _, wrong := range []string{"", "5", "0/s", "-1/s", "5/d", "1000000/s"} {
		if r, err := ParseRate(wrong); err == nil {
			t.Errorf("%q was read as %v", wrong, r)
		}
	}
}

func TestRule18_SecretsDoNotPrint(t *testing.T) {
	s := struct{ Token Secret }{NewSecret("planted-7391")}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "token", s.Token, "all", s)
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%+v %#v %s", s, s, s.Token), string(raw), logged.String()} {
		if strings.Contains(out, "7391") {
			t.Errorf("the secret shows in %q", out)
		}
	}
	if s.Token.Reveal() != "planted-7391" {
		t.Error("Reveal does not reveal")
	}
}

func TestC1_PatternsOfEventTypes(t *testing.T) {
	cases := []struct {
		pattern, eventType string
		want               bool
	}{
		{"order.created", "order.created", true},
		{"order.created", "order.created2", false},
		{"order.*", "order.created", true},
		{"order.*", "orders.created", false},
		{"order:*", "order:create", true},
		{"*", "order.created", true},
		{"*", "hacek.endpoint.failing", false},
		{"hacek.*", "hacek.endpoint.failing", true},
		{"h*", "hacek.endpoint.failing", false},
	}
	for _, c := range cases {
		if got := MatchesType(c.pattern, c.eventType); got != c.want {
			t.Errorf("%s takes %s: got %v, want %v", c.pattern, c.eventType, got, c.want)
		}
	}
	for _, wrong := range []string{"", "*.created", "a*b", "a\x00"} {
		var p Problems
		if CheckPattern(&p, "/x", wrong); p.Err() == nil {
			t.Errorf("pattern %q was taken", wrong)
		}
	}
}

func TestTimesAreWrittenWithTheirMilliseconds(t *testing.T) {
	prague := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{time.Date(2026, 11, 22, 13, 4, 5, 678_999_999, prague), "2026-11-22T12:04:05.678Z"},
		{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "0001-01-01T00:00:00.000Z"},
		{time.Date(9999, 12, 31, 23, 59, 59, 5_000_000, time.UTC), "9999-12-31T23:59:59.005Z"},
		{time.Date(2024, 2, 29, 0, 0, 0, 90_000_000, time.UTC), "2024-02-29T00:00:00.090Z"},
	} {
		if got := TimeText(c.at); got != c.want {
			t.Errorf("%v: got %s, want %s", c.at, got, c.want)
		}
	}
}
