package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"crypto/tls"
	"crypto/x509"

	"hacek/internal/hub"
	"hacek/internal/mail/mailtest"
)

const password = "Pl4nted-S3cret"

func open(t *testing.T, secure *tls.Config) *mailtest.Server {
	t.Helper()
	s, err := mailtest.Listen("127.0.0.1:0", secure)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mailer(address, user string) *Mailer {
	return &Mailer{Server: hub.NewSecret("smtp://" + user + address + "?from=Obchod%20%3Cshop@example.cz%3E"),
		Dial: (&net.Dialer{}).DialContext, Timeout: 5 * time.Second}
}

func message() Message {
	return Message{ID: "dlv_1-3", To: []string{"Jana Nováková <jana@example.cz>"}, ReplyTo: "sklad@example.cz",
		Subject: "Objednávka 2018000057 přijata", Body: "Dobrý den,\n.tečka na začátku\nděkujeme.\n", Language: "cs",
		At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
}

func TestC5_MailIsHandedOver(t *testing.T) {
	server := open(t, nil)
	m := mailer(server.Address(), "")
	for range 2 {
		receipt, err := m.Send(t.Context(), message())
		if err != nil {
			t.Fatal(err)
		}
		if receipt.MessageID != "<dlv_1-3@example.cz>" {
			t.Errorf("receipt %+v", receipt)
		}
	}
	got := server.Mails()
	if len(got) != 2 || got[0].From != "shop@example.cz" || fmt.Sprint(got[0].To) != "[jana@example.cz]" {
		t.Fatalf("got %+v", got)
	}
	parsed, err := mail.ReadMessage(strings.NewReader(got[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Message-Id": "<dlv_1-3@example.cz>", "Reply-To": "<sklad@example.cz>", "Content-Language": "cs",
		"Date": "Wed, 04 Mar 2026 05:06:07 +0000", "Auto-Submitted": "auto-generated"} {
		if got := parsed.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if subject, _ := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); subject != message().Subject {
		t.Errorf("subject %q", subject)
	}
	if !strings.HasPrefix(parsed.Header.Get("Content-Type"), "text/plain; charset=UTF-8") {
		t.Errorf("type %q", parsed.Header.Get("Content-Type"))
	}
	body, _ := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if strings.ReplaceAll(string(body), "\r\n", "\n") != message().Body {
		t.Errorf("body %q", body)
	}
	if a, b := got[0].Data, got[1].Data; headerOf(a, "Message-ID") != headerOf(b, "Message-ID") {
		t.Error("a repeat has another Message-ID")
	}
}

func headerOf(data, name string) string {
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		return err.Error()
	}
	return m.Header.Get(name)
}

func TestC5_MailOverTLSWithPassword(t *testing.T) {
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // only for its certificate, which is valid for 127.0.0.1
	defer web.Close()
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	server := open(t, &tls.Config{Certificates: web.TLS.Certificates})
	m := mailer(server.Address(), "shop:"+password+"@")
	if _, err := m.Send(t.Context(), message()); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("an unknown authority was trusted: %v", err)
	}
	m.Roots = roots
	if _, err := m.Send(t.Context(), message()); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails(); len(got) != 1 || !got[0].TLS || got[0].User != "shop" {
		t.Errorf("got %+v", got)
	}
}

// A password never travels in clear to another machine.
func TestRule18_PasswordOnlyOverASecuredConnection(t *testing.T) {
	for server, want := range map[string]string{
		"smtp://u:" + password + "@mail.example.cz?from=a@example.cz&tls=off": "in clear",
		"smtp://u:" + password + "@mail.example.cz:99999?from=a@example.cz":   "port",
		"http://u:" + password + "@mail.example.cz?from=a@example.cz":         "smtp://",
		"smtp://u:" + password + "@mail.example.cz":                           "from=",
		"smtp://u:" + password + "@mail.example.cz?from=a@example.cz&x=1":     "neither from nor tls",
		"smtp://[":               "cannot be read",
		"smtp://h?from=a@b\n@cz": "cannot be read",
	} {
		err := (&Mailer{Server: hub.NewSecret(server)}).Check()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(fmt.Sprintf("%+v", err), password) {
			t.Errorf("%s: got %v, want %s", server, err, want)
		}
	}
	s, err := (&Mailer{Server: hub.NewSecret("smtp://u:p@mail.example.cz?from=a@example.cz")}).server()
	if err != nil || s.starttls.String() != "TLSMandatory" {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestC5_WhatTheServerSays(t *testing.T) {
	server := open(t, nil)
	for _, c := range []struct {
		verb, said      string
		temporary, down bool
		words           string
	}{
		{"RCPT", "450 4.2.0 greylisted", true, false, "greylisted"},
		{"RCPT", "550 5.1.1 no such user", false, false, "no such user"},
		{"END", "554 5.7.1 spam", false, false, "spam"},
		{"END", "452 disk full", true, false, "disk full"},
		{"MAIL", "421 closing", true, true, "closing"},
		{"MAIL", "550 not you", true, true, "HACEK_MAIL"},
		{"AUTH", "535 5.7.8 wrong " + password, true, true, "does not let the hub in"},
	} {
		server.Answers(func(verb, _ string) string {
			if verb == c.verb {
				return c.said
			}
			return ""
		})
		_, err := mailer(server.Address(), "shop:"+password+"@").Send(t.Context(), message())
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("%s: %v", c.said, err)
		}
		if e.Temporary != c.temporary || e.Down != c.down || !strings.Contains(e.Detail+e.Hint, c.words) || strings.Contains(e.Detail+e.Hint, password) {
			t.Errorf("%s %s: got %+v", c.verb, c.said, e)
		}
	}
	server.Close()
	_, err := mailer(server.Address(), "").Send(t.Context(), message())
	var e *Error
	if !errors.As(err, &e) || !e.Temporary || !e.Down {
		t.Errorf("a server that is away: %+v", err)
	}
}

type refusal struct{}

func (refusal) Error() string { return "127.0.0.1 is this machine itself and is not called" }
func (refusal) Hint() string  { return "start the hub with --allow-private 127.0.0.0/8" }

// The guarded dialer judges the mail server too, and its refusal says what opens the way.
func TestRule1_MailGoesThroughTheGuardedDialer(t *testing.T) {
	server := open(t, nil)
	m := mailer(server.Address(), "")
	m.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, refusal{} }
	var e *Error
	if _, err := m.Send(t.Context(), message()); !errors.As(err, &e) || !strings.Contains(e.Hint, "--allow-private") || !strings.Contains(e.Detail, "not called") {
		t.Errorf("got %+v", err)
	}
	if len(server.Mails()) != 0 {
		t.Error("a mail went past the dialer")
	}
}

// A server that says nothing holds nobody longer than the time it has; a stopping hub waits for nobody.
func TestC5_SilentMailServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := mailer(l.Addr().String(), "")
	m.Timeout = 50 * time.Millisecond
	var e *Error
	if _, err := m.Send(t.Context(), message()); !errors.As(err, &e) || !e.Temporary || !e.Down {
		t.Errorf("got %v", err)
	}
	m.Timeout = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	started := time.Now()
	if _, err := m.Send(ctx, message()); err == nil || time.Since(started) > 10*time.Second {
		t.Errorf("got %v after %s", err, time.Since(started))
	}
}

func TestRule4_NoMailHeaderInjection(t *testing.T) {
	for _, text := range []string{"", "jana", "jana@", "a@b.cz, c@d.cz", "a@b.cz\r\nBcc: x@y.cz", "a@b.cz\nRCPT TO:<x@y.cz>", "\"x> NOTIFY=NEVER\"@b.cz",
		"\"a b\"@c.cz", "a@b.cz>", "<a@b.cz> <c@d.cz>", "a@[127.0.0.1]", "a@b@c.cz", "a\x00@b.cz", "a@b.cz\u2028", "undisclosed: a@b.cz;", strings.Repeat("a", 65) + "@b.cz"} {
		if a, err := Address(text); err == nil {
			t.Errorf("%q became %v", text, a)
		}
	}
	for text, want := range map[string]string{"jana@example.cz": "jana@example.cz", " Jana <a+b@example.cz> ": "a+b@example.cz", "žofie@příklad.cz": "žofie@příklad.cz"} {
		if a, err := Address(text); err != nil || a.Address != want {
			t.Errorf("%q: got %v, %v", text, a, err)
		}
	}
	server := open(t, nil)
	for _, change := range []func(*Message){
		func(m *Message) { m.Subject = "x\r\nBcc: x@y.cz" },
		func(m *Message) { m.To = []string{"a@b.cz, c@d.cz"} },
		func(m *Message) { m.ReplyTo = "a@b.cz\nX: y" },
		func(m *Message) { m.Language = "cs\r\nX: y" },
		func(m *Message) { m.To = nil },
	} {
		msg := message()
		change(&msg)
		var e *Error
		if _, err := mailer(server.Address(), "").Send(t.Context(), msg); !errors.As(err, &e) || e.Temporary || e.Down {
			t.Errorf("%+v: got %v", msg, err)
		}
	}
	if got := server.Mails(); len(got) != 0 {
		t.Errorf("sent %+v", got)
	}
}
