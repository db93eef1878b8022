package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hacek/internal/signature"
)

func TestRule18_ControlCharactersNeverReachATerminal(t *testing.T) {
	for given, want := range map[string]string{
		"Žofie Černá\n\tÞór": "Žofie Černá\n\tÞór",
		"\x1b[2Jgone":        `\x1b[2Jgone`,
		"bell\a":             `bell\a`,
		"abc\u202egnp.exe":   `abc\u202egnp.exe`,
		"a\u2066b":           `a\u2066b`,
		"\u009b31m":          `\u009b31m`,
		"\r overwritten":     `\r overwritten`,
		"\x7f":               `\x7f`,
	} {
		if got := printable(given); got != want {
			t.Errorf("printable(%q): got %q, want %q", given, got, want)
		}
	}
}

// An error is one line, whatever went into it.
func TestErrorsAreOneLineAndAHint(t *testing.T) {
	var said bytes.Buffer
	a := &app{in: strings.NewReader(""), out: io.Discard, err: &said}
	if code := a.run([]string{"serve", "--listen", "no\nport"}); code != exitUsage {
		t.Errorf("got exit code %d, want %d", code, exitUsage)
	}
	if got := strings.Count(said.String(), "\n"); got != 1 {
		t.Errorf("got %d lines, want 1: %q", got, said.String())
	}
}

// A megabyte in one event does not push everything else off a person's screen; a machine gets all of it.
func TestListenCutsLongDataForPeopleOnly(t *testing.T) {
	e := heard{ID: "evt_1", Type: "order.created", Data: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}
	for machine, most := range map[bool]int{false: 5000, true: 2 << 20} {
		var out bytes.Buffer
		l := &listener{app: &app{out: &out, json: machine}}
		if err := l.show(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if whole := out.Len() > 1<<20; out.Len() > most || whole != machine {
			t.Errorf("json %t: %d bytes were shown", machine, out.Len())
		}
	}
}

// A program behind `listen --forward` gets what an endpoint would get: the standard envelope, data untouched, signed.
func TestForwardSignsTheStandardEnvelope(t *testing.T) {
	secret := signature.NewSecret()
	if _, err := newForwarder("placeholder", secret); err == nil {
		t.Error("an address that is no URL was taken")
	}
	var head http.Header
	var body []byte
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		head = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer receiver.Close()
	f, err := newForwarder(receiver.URL, secret)
	if err != nil {
		t.Fatal(err)
	}
	data := `{"total": 1234.50, "id": 12345678901234567890}`
	said, err := f.send(context.Background(), heard{ID: "evt_1", Type: "order.created", Key: "7", Time: "2026-01-01T00:00:00Z", Data: json.RawMessage(data)})
	if err != nil || !strings.HasPrefix(said, "200 OK in ") {
		t.Fatalf("got %q, %v", said, err)
	}
	want := `{"id":"evt_1","type":"order.created","time":"2026-01-01T00:00:00Z","key":"7","data":` + data + `}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	err = signature.VerifyStandard(secret, head.Get(signature.HeaderID), head.Get(signature.HeaderTimestamp), head.Get(signature.HeaderSignature), body, time.Now())
	if err != nil {
		t.Errorf("the signature does not hold: %v", err)
	}
	if _, err := f.send(context.Background(), heard{ID: "evt_2", Type: "a", Time: "2026-01-01T00:00:00Z", Data: json.RawMessage("1")}); err != nil || !strings.Contains(string(body), `"key":null,`) {
		t.Errorf("without a key: %s, %v", body, err)
	}
	if _, err := newForwarder(receiver.URL, "whsec_short"); err == nil {
		t.Error("a secret that is too short was taken")
	}
}
