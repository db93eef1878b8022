package locale

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var outage = time.Date(2026, 3, 3, 14, 5, 0, 0, time.UTC)

// The mails as people read them, one file for each language.
func TestO5_N7_NoticesAsTheyAreRead(t *testing.T) {
	notices := []Notice{
		{What: "failing", State: "active", Failures: 3, Why: "the certificate expired on 2026-03-01", Hint: "the receiver's operator must renew it", Waiting: 3, Address: "https://hub.example.com/endpoints/ep_1"},
		{What: "failing", State: "paused", Failures: 1, Waiting: 0},
		{What: "disabled", State: "disabled", Failures: 1240, Why: "no success for 5d", Waiting: 1234},
		{What: "recovered", State: "active", At: outage.Add(26 * time.Hour), Waiting: 1},
		{What: "recovered", State: "off", At: outage.Add(26 * time.Hour), Waiting: 5},
		{What: "recovered", State: "active", Waiting: 0},
	}
	for _, l := range Languages() {
		var b strings.Builder
		for _, kind := range []string{"endpoint", "pipeline"} {
			for _, n := range notices {
				n.Kind, n.Name, n.Since = kind, map[string]string{"endpoint": "Sklad – WMS", "pipeline": "Shoptet → ERP"}[kind], outage
				subject, body := l.Notice(n)
				b.WriteString("=== " + kind + " " + n.What + " " + n.State + "\n" + visible(subject) + "\n\n" + visible(body) + "\n")
			}
		}
		file := "testdata/notice." + string(l) + ".txt"
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s: the notices differ from %s (go test -update writes it):\n%s", l, file, b.String())
		}
		for _, bad := range []string{"{", "}", "notice.", "..", "  "} {
			if strings.Contains(b.String(), bad) {
				t.Errorf("%s: a notice has %q in it", l, bad)
			}
		}
	}
}

func TestO5_NoticeSaysInTheReadersZoneWhenItBegan(t *testing.T) {
	zone := time.FixedZone("Europe/Prague", 3600)
	_, body := Czech.Notice(Notice{Kind: "endpoint", What: "failing", Name: "A", Since: outage, Zone: zone})
	if want := "od 3._3._2026, 15:05 (Europe/Prague)"; !strings.Contains(visible(body), want) {
		t.Errorf("%q is not in:\n%s", want, visible(body))
	}
	_, body = Czech.Notice(Notice{Kind: "endpoint", What: "failing", Name: "A", Since: outage, Zone: time.Local})
	if strings.Contains(body, "(Local)") {
		t.Errorf("the machine's zone tells a reader nothing:\n%s", body)
	}
}

func TestNoticeWithHostileValues(t *testing.T) {
	bad := "A\r\nBcc: x@example.com\u2028\u202e{why}\x00\u200b\u00ad"
	for _, kind := range []string{"endpoint", "pipeline", "else\n"} {
		for _, what := range []string{"failing", "disabled", "recovered", "else"} {
			subject, body := English.Notice(Notice{Kind: kind, What: what, Name: bad, Why: bad, Hint: bad, Address: bad, Waiting: -1, Failures: -1})
			if strings.ContainsAny(subject, "\r\n\x00\u2028\u202e\u200b\u00ad") || strings.ContainsAny(body, "\r\x00\u2028\u202e\u200b\u00ad") {
				t.Errorf("%s %s: %q %q", kind, what, subject, body)
			}
			if strings.Contains(body, "\nBcc") {
				t.Errorf("%s %s: a value began a line: %q", kind, what, body)
			}
			if !strings.Contains(subject+body, "A Bcc: x@example.com {why}") {
				t.Errorf("%s %s: the name is gone: %q %q", kind, what, subject, body)
			}
		}
	}
}
