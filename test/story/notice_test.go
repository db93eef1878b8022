package story

import (
	"mime"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/mail/mailtest"
)

// An endpoint fails, is tried again and answers at last: one mail when it began, one when it was over, in the reader's
// language, over a real SMTP dialogue.
func TestO5_OneMailAnOutageAndOneOnRecovery(t *testing.T) {
	box, err := mailtest.Listen("127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = box.Close() }()
	var well atomic.Bool
	calls := make(chan bool, 100)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls <- true
		if !well.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer receiver.Close()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0", env: []string{"HACEK_MAIL=smtp://" + box.Address() + "?from=hub@example.cz&tls=off"}}
	s.start()
	s.call("POST", "/v1/endpoints", `{"name":"Sklad","request":{"url":"`+receiver.URL+`"},"retry":{"intervals":["100ms","100ms","100ms","100ms","300ms","300ms","300ms"],"jitter":0},
		"notify":{"failing":["jana@example.cz","petr@example.cz"],"recovered":["jana@example.cz"],"after_failures":2,"language":"cs"}}`)
	s.call("POST", "/v1/events", `{"type":"order.created","data":{},"key":"2018000057"}`)
	mails := func(n int) []mailtest.Mail {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); ; {
			came := box.Came()
			if got := box.Mails(); len(got) >= n {
				return got
			}
			select {
			case <-came:
			case <-time.After(time.Until(deadline)):
				t.Fatalf("%d mails after 20 s, want %d", len(box.Mails()), n)
			}
		}
	}
	first := mails(1)[0]
	message, err := mail.ReadMessage(strings.NewReader(first.Data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject"))
	if err != nil || !strings.Contains(subject, "„Sklad“") || !strings.Contains(subject, "nepřijímá") || len(first.To) != 2 {
		t.Errorf("to %v, subject %q (%v)", first.To, subject, err)
	}
	for range 4 { // it goes on failing: no second mail
		<-calls
	}
	well.Store(true)
	all := mails(2)
	if second := all[1]; len(second.To) != 1 || second.To[0] != "jana@example.cz" {
		t.Errorf("the second mail went to %v", second.To)
	}
	if text := s.call("GET", "/v1/events?type=hacek.endpoint.failing,hacek.endpoint.recovered", ""); strings.Count(text, `"type":"hacek.endpoint.`) != 2 {
		t.Errorf("events: %s", text)
	}
	if got := box.Mails(); len(got) != 2 {
		t.Errorf("%d mails, want 2", len(got))
	}
}
