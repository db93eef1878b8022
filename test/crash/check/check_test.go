package check

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var small = Limits{Kills: 4, Open: 100, Events: 12, Retries: 3, Undone: 2 * time.Second, AtOnce: 3}

const second = 1_000_000

// honest is what a hub that keeps its promises leaves behind: 12 events, three endpoints, four kills, one excused double.
func honest() History {
	var h History
	add := func(lines *[]Line, line Line) { *lines = append(*lines, line) }
	for name, kinds := range map[string][]string{"ok": {"a", "b"}, "flaky": {"b"}, "slow": {"a"}} {
		add(&h.Faults, Line{Op: OpEndpoint, Endpoint: name, Kinds: kinds})
	}
	slices.SortFunc(h.Faults, func(a, b Line) int { return strings.Compare(a.Endpoint, b.Endpoint) })
	for n, during := range []string{"load", "pause", "resume", "load"} {
		at := int64(n+1) * 100 * second
		add(&h.Faults, Line{Op: OpKill, At: at, Until: at + second/100, Open: 150, During: during, Counted: true})
		add(&h.Faults, Line{Op: OpReady, At: at + second})
	}
	add(&h.Faults, Line{Op: OpKill, At: 500 * second, Until: 501 * second, Open: 7, During: "load"})
	for n := range 12 {
		kind := string(rune('a' + n%3)) // c matches nobody
		caller, id := fmt.Sprintf("caller-%d", n), fmt.Sprintf("evt_%d", n)
		digest := digestOf(n)
		at := int64(10*n+50) * second
		intent := Line{Op: OpIntent, At: at, CallerID: caller, Try: 1, Kind: kind, Digest: digest}
		add(&h.Publisher, intent)
		if n == 5 { // the answer was lost in a kill: the same again
			add(&h.Publisher, Line{Op: OpResult, At: at + 1, CallerID: caller, Try: 1, Error: "connection reset"})
			intent.Try = 2
			add(&h.Publisher, intent)
		}
		add(&h.Publisher, Line{Op: OpResult, At: at + 2, CallerID: caller, Try: intent.Try, Status: 202, Event: id})
		receipt := Line{Op: OpReceipt, At: at + second, Event: id, Status: 200, Digest: digest}
		for _, endpoint := range map[string][]string{"a": {"ok", "slow"}, "b": {"flaky", "ok"}}[kind] {
			receipt.Endpoint = endpoint
			if endpoint == "flaky" {
				refused := receipt
				refused.At, refused.Status = at+second/2, 500
				add(&h.Receiver, refused)
			}
			add(&h.Receiver, receipt)
		}
	}
	// One success whose record a kill took away: received 1 s before the first kill, again after it.
	double := Line{Op: OpReceipt, At: 99 * second, Endpoint: "ok", Event: "evt_3", Status: 200, Digest: digestOf(3)}
	i := slices.IndexFunc(h.Receiver, func(l Line) bool { return l.Endpoint == "ok" && l.Event == "evt_3" })
	h.Receiver[i].At = 99 * second
	double.At = 102 * second
	h.Receiver = slices.Insert(h.Receiver, i+1, double)
	number(&h)
	return h
}

// digestOf is what the nth event was published as.
func digestOf(n int) string {
	return Digest("order.created", fmt.Sprintf("key-%d", n), []byte(fmt.Sprintf("caller-%d", n)))
}

// lateRecords lets the third kill, at 300 s, meet so many successes that were not recorded durably, the oldest 1.9 s old.
func (h *History) lateRecords(count int) {
	for n := range count {
		caller, id := fmt.Sprintf("late-%d", n), fmt.Sprintf("evt_late_%d", n)
		intent := Line{Op: OpIntent, CallerID: caller, Try: 1, Kind: "a", Digest: digestOf(n)}
		h.Publisher = append(h.Publisher, intent, Line{Op: OpResult, CallerID: caller, Try: 1, Status: 202, Event: id})
		for _, endpoint := range []string{"ok", "slow"} {
			receipt := Line{Op: OpReceipt, At: 300*second - second*19/10, Endpoint: endpoint, Event: id, Status: 200, Digest: digestOf(n)}
			h.Receiver = append(h.Receiver, receipt)
			if endpoint == "ok" {
				receipt.At = 302 * second
				h.Receiver = append(h.Receiver, receipt)
			}
		}
	}
}

func number(h *History) {
	for _, lines := range [][]Line{h.Publisher, h.Receiver, h.Faults} {
		for i := range lines {
			lines[i].Seq = int64(i + 1)
		}
	}
}

func (r *Report) kinds() []string { return slices.Sorted(maps.Keys(r.Violations)) }

func TestAnHonestHistoryHolds(t *testing.T) {
	r := Check(honest(), small)
	if !r.OK() {
		t.Fatalf("violations: %v", r.Violations)
	}
	got := fmt.Sprintf("%d events, %d repeats, %d receipts, %d retries, %d+%d kills, %d doubles, %d matched, least %d",
		r.Events, r.Repeats, r.Receipts, r.Retries, r.Kills, r.Uncounted, r.Doubles, r.Matched, r.LeastOpen)
	want := "12 events, 1 repeats, 21 receipts, 4 retries, 4+1 kills, 1 doubles, 16 matched, least 150"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// As many as can be on their way when a kill comes are no sign of a hub that records late.
func TestAsManyDoublesAsCanBeOnTheirWay(t *testing.T) {
	h := honest()
	h.lateRecords(small.AtOnce)
	number(&h)
	if r := Check(h, small); !r.OK() || r.MostDoubles != small.AtOnce {
		t.Errorf("%d doubles by one kill, want %d without a violation: %v", r.MostDoubles, small.AtOnce, r.Violations)
	}
}

// line finds the nth line that matches.
func line(lines []Line, match func(Line) bool) int {
	i := slices.IndexFunc(lines, match)
	if i < 0 {
		panic("BUG: the test's history has no such line")
	}
	return i
}

func receiptAt(endpoint, event string) func(Line) bool {
	return func(l Line) bool { return l.Endpoint == endpoint && l.Event == event && l.Status == 200 }
}

func TestN9_OneThingWrongIsCaught(t *testing.T) {
	without := func(lines []Line, match func(Line) bool) []Line {
		i := line(lines, match)
		return slices.Delete(lines, i, i+1)
	}
	for name, c := range map[string]struct {
		tamper func(h *History)
		want   string
	}{
		"a delivery dropped": {func(h *History) { h.Receiver = without(h.Receiver, receiptAt("slow", "evt_0")) }, Lost},
		"a delivery answered 500 and never again": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("slow", "evt_0"))].Status = 500
		}, Lost},
		"a delivery doubled at once": {func(h *History) {
			i := line(h.Receiver, receiptAt("slow", "evt_0"))
			h.Receiver = slices.Insert(h.Receiver, i, h.Receiver[i])
		}, Doubled},
		"a delivery doubled long after its success": {func(h *History) {
			again := h.Receiver[line(h.Receiver, receiptAt("slow", "evt_0"))]
			again.At = 450 * second
			h.Receiver = append(h.Receiver, again)
		}, Doubled},
		"a failed try after a success": {func(h *History) {
			again := h.Receiver[line(h.Receiver, receiptAt("slow", "evt_0"))]
			again.At, again.Status = again.At+second, 500
			h.Receiver = append(h.Receiver, again)
		}, Doubled},
		"the kill that excuses a double gone": {func(h *History) {
			h.Faults[line(h.Faults, func(l Line) bool { return l.Op == OpKill })].At += 50 * second
			h.Faults[line(h.Faults, func(l Line) bool { return l.Op == OpKill })].Until += 50 * second
		}, Doubled},
		"a double before the kill": {func(h *History) {
			h.Receiver[line(h.Receiver, func(l Line) bool { return l.At == 102*second })].At = 99*second + 1
		}, Doubled},
		"a double between two kills": {func(h *History) {
			again := h.Receiver[line(h.Receiver, receiptAt("slow", "evt_9"))] // 141 s: long after the first kill, long before the second
			again.At += second
			h.Receiver = append(h.Receiver, again)
		}, Doubled},
		"a hub that records late": {func(h *History) { h.lateRecords(4) }, Overdue},
		"two deliveries swapped": {func(h *History) {
			a, b := line(h.Receiver, receiptAt("ok", "evt_0")), line(h.Receiver, receiptAt("ok", "evt_1"))
			h.Receiver[a].Event, h.Receiver[b].Event = h.Receiver[b].Event, h.Receiver[a].Event
		}, Changed},
		"two endpoints swapped": {func(h *History) {
			a, b := line(h.Receiver, receiptAt("slow", "evt_0")), line(h.Receiver, receiptAt("flaky", "evt_1"))
			h.Receiver[a].Endpoint, h.Receiver[b].Endpoint = h.Receiver[b].Endpoint, h.Receiver[a].Endpoint
		}, Misdelivered},
		"a body changed": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Digest = Digest("order.created", "key-0", []byte("other"))
		}, Changed},
		"a type changed": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Digest = Digest("order.paid", "key-0", []byte("caller-0"))
		}, Changed},
		"a key changed": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Digest = Digest("order.created", "key-1", []byte("caller-0"))
		}, Changed},
		"a byte moved from the key to the data": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Digest = Digest("order.created", "key-", []byte("0caller-0"))
		}, Changed},
		"an id nobody was told": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Event = "evt_x"
		}, Unknown},
		"an endpoint nobody made": {func(h *History) {
			h.Receiver[line(h.Receiver, receiptAt("ok", "evt_0"))].Endpoint = "elsewhere"
		}, Misdelivered},
		"an event of the wrong kind delivered": {func(h *History) {
			h.Receiver = append(h.Receiver, Line{Op: OpReceipt, Endpoint: "ok", Event: "evt_2", Status: 200, Digest: digestOf(2)})
		}, Misdelivered},
		"a repeat answered with another id": {func(h *History) {
			i := line(h.Publisher, func(l Line) bool { return l.Op == OpResult && l.Error != "" })
			h.Publisher[i].Status, h.Publisher[i].Error, h.Publisher[i].Event = 202, "", "evt_y"
		}, Unstable},
		"one id for two events": {func(h *History) {
			h.Publisher[line(h.Publisher, func(l Line) bool { return l.Event == "evt_2" })].Event = "evt_5"
		}, Unstable},
		"a publisher that gave up": {func(h *History) {
			h.Publisher[line(h.Publisher, func(l Line) bool { return l.Event == "evt_2" })] = Line{Op: OpResult, CallerID: "caller-2", Try: 1, Status: 503}
		}, Unfinished},
		"a result dropped": {func(h *History) {
			h.Publisher = without(h.Publisher, func(l Line) bool { return l.Event == "evt_2" })
		}, Unfinished},
		"a last try without its result": {func(h *History) {
			h.Publisher = append(h.Publisher, Line{Op: OpIntent, CallerID: "caller-2", Try: 2, Kind: "c", Digest: digestOf(2)})
		}, Unfinished},
		"an intent dropped": {func(h *History) {
			h.Publisher = without(h.Publisher, func(l Line) bool { return l.CallerID == "caller-2" })
		}, Broken},
		"a correct event refused": {func(h *History) {
			i := line(h.Publisher, func(l Line) bool { return l.Op == OpResult && l.Error != "" })
			h.Publisher[i].Status, h.Publisher[i].Error = 409, ""
		}, Refused},
		"acknowledged without an id": {func(h *History) {
			h.Publisher[line(h.Publisher, func(l Line) bool { return l.Event == "evt_2" })].Event = ""
		}, Broken},
		"a kill that met too little and is counted": {func(h *History) {
			h.Faults[line(h.Faults, func(l Line) bool { return l.Open == 7 })].Counted = true
		}, Broken},
		"a kill too few": {func(h *History) {
			h.Faults = without(h.Faults, func(l Line) bool { return l.During == "load" && l.Counted })
		}, Vacuous},
		"no kill in a pause": {func(h *History) {
			h.Faults[line(h.Faults, func(l Line) bool { return l.During == "pause" })].During = "load"
		}, Vacuous},
		"nothing retried": {func(h *History) {
			h.Receiver = slices.DeleteFunc(h.Receiver, func(l Line) bool { return l.Status == 500 })
		}, Vacuous},
		"nothing at all": {func(h *History) { *h = History{} }, Vacuous},
	} {
		t.Run(name, func(t *testing.T) {
			h := honest()
			c.tamper(&h)
			number(&h)
			if r := Check(h, small); !slices.Contains(r.kinds(), c.want) {
				t.Errorf("got %v, want %s among them", r.kinds(), c.want)
			}
		})
	}
}

// Every single success is needed: whichever is taken away is missed.
func TestN9_EveryDroppedSuccessIsLost(t *testing.T) {
	for i, l := range honest().Receiver {
		if l.Status != 200 || l.Event == "evt_3" && l.Endpoint == "ok" { // that one arrived twice
			continue
		}
		h := honest()
		h.Receiver = slices.Delete(h.Receiver, i, i+1)
		if r := Check(h, small); !slices.Contains(r.kinds(), Lost) {
			t.Errorf("without receipt %d: got %v, want %s", l.Seq, r.kinds(), Lost)
		}
	}
}

func write(t *testing.T, dir string, h History) {
	t.Helper()
	for name, lines := range map[string][]Line{PublisherJournal: h.Publisher, ReceiverJournal: h.Receiver, FaultLog: h.Faults} {
		journal, err := Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if err := journal.Write(l); err != nil {
				t.Fatal(err)
			}
		}
		if err := journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalsAreReadAsWritten(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, honest())
	h, err := ReadHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r := Check(h, small); !r.OK() {
		t.Errorf("violations: %v", r.Violations)
	}
}

// Whoever drops, doubles, swaps or changes a line of a file, any line of any file, is found out on reading.
func TestATamperedFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, honest())
	for _, name := range []string{PublisherJournal, ReceiverJournal, FaultLog} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
		if _, err := Read(strings.NewReader(strings.Join(lines, ""))); err != nil {
			t.Fatalf("%s untouched: %v", name, err)
		}
		for i := range lines {
			next := (i + 1) % len(lines)
			changed := []byte(lines[i])
			changed[len(changed)/2] ^= 1
			swapped := slices.Clone(lines)
			swapped[i], swapped[next] = lines[next], lines[i]
			for what, tampered := range map[string][]string{
				"dropped": slices.Delete(slices.Clone(lines), i, i+1),
				"doubled": slices.Insert(slices.Clone(lines), i, lines[i]),
				"changed": slices.Replace(slices.Clone(lines), i, i+1, string(changed)),
				"swapped": swapped,
			} {
				if _, err := Read(strings.NewReader(strings.Join(tampered, ""))); err == nil {
					t.Errorf("%s: line %d %s was not noticed", name, i+1, what)
				}
			}
		}
	}
}
