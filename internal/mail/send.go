package mail

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// Error is a mail that was not taken, in words.
type Error struct {
	Temporary bool // the same mail may be taken later
	Down      bool // the server, not this mail: others would meet the same
	Code      int  // of the server's answer, 0 without one
	Detail    string
	Hint      string
}

func (e *Error) Error() string { return e.Detail }

// Send hands one mail to the server. The error is an *Error: 4xx and everything before the server spoke may be tried
// again; 5xx is final, unless it is about the server and us.
func (m *Mailer) Send(ctx context.Context, msg Message) (Receipt, error) {
	s, err := m.server()
	if err != nil {
		return Receipt{}, err
	}
	built, id, err := s.build(msg)
	if err != nil {
		return Receipt{}, err
	}
	timeout := m.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var stops []func() bool
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	client, err := m.client(s, timeout, func(conn net.Conn) {
		stops = append(stops, context.AfterFunc(ctx, func() { conn.Close() }))
	})
	if err != nil {
		return Receipt{}, fmt.Errorf("BUG: mail client: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, built)
	// A server that took the mail and then stumbled over the goodbye has taken it.
	if err != nil && !built.IsDelivered() {
		return Receipt{}, s.explain(ctx, err)
	}
	return Receipt{MessageID: "<" + id + ">", Answer: s.plain(built.ServerResponse())}, nil
}

func (m *Mailer) client(s *server, timeout time.Duration, opened func(net.Conn)) (*gomail.Client, error) {
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := m.Dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if s.secure {
			secured := tls.Client(conn, m.tlsConfig(s.host))
			if err := secured.HandshakeContext(ctx); err != nil {
				conn.Close()
				return nil, err
			}
			conn = secured
		}
		opened(conn)
		return conn, nil
	}
	_, helo, _ := strings.Cut(s.from.Address, "@")
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(timeout), gomail.WithHELO(helo), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(dial), gomail.WithTLSConfig(m.tlsConfig(s.host)), gomail.WithTLSPolicy(s.starttls),
	}
	if s.user != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&login{user: s.user, password: s.password, host: s.host}))
	}
	return gomail.NewClient(s.host, options...)
}

// login is the best way of proving who we are that the server offers. Whether the connection is safe enough for a
// password was decided when the server's address was read.
type login struct {
	user, password, host string
	smtp.Auth
}

func (l *login) Start(about *smtp.ServerInfo) (string, []byte, error) {
	switch {
	case slices.Contains(about.Auth, "PLAIN"):
		l.Auth = smtp.PlainAuth("", l.user, l.password, l.host, true)
	case slices.Contains(about.Auth, "LOGIN"):
		l.Auth = smtp.LoginAuth(l.user, l.password, l.host, true)
	case slices.Contains(about.Auth, "CRAM-MD5"):
		l.Auth = smtp.CRAMMD5Auth(l.user, l.password)
	default:
		return "", nil, errors.New("the server offers none of PLAIN, LOGIN and CRAM-MD5")
	}
	return l.Auth.Start(about)
}

// explain says what went wrong, whose fault it may be, and whether later is better.
func (s *server) explain(ctx context.Context, err error) *Error {
	e := &Error{Temporary: true, Down: true}
	var answer *textproto.Error
	var refused *gomail.SendError
	var helpful interface{ Hint() string } // the guarded dialer's refusal
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() > 0:
		e.Code = refused.ErrorCode()
	case errors.As(err, &answer):
		e.Code = answer.Code
	}
	switch {
	case refused != nil && e.Code >= 500:
		e.Temporary, e.Down = false, false
		e.Detail = fmt.Sprintf("the mail server %s refused the mail: %s", s.host, s.plain(err.Error()))
		e.Hint = "look at the recipient's address and at the server's words; then retry the delivery"
		if refused.Reason == gomail.ErrSMTPMailFrom {
			e.Temporary, e.Down = true, true
			e.Hint = "the server does not take mails from this sender: an administrator checks HACEK_MAIL"
		}
	case refused != nil && e.Code >= 400:
		e.Down = e.Code == 421
		e.Detail = fmt.Sprintf("the mail server %s does not take the mail now: %s", s.host, s.plain(err.Error()))
		e.Hint = "the hub tries again as the retry plan says"
	case e.Code >= 500:
		e.Detail = fmt.Sprintf("the mail server %s does not let the hub in: %s", s.host, s.plain(err.Error()))
		e.Hint = "an administrator checks user and password in HACEK_MAIL"
	case errors.As(err, &helpful):
		e.Detail, e.Hint = s.plain(err.Error()), helpful.Hint()
	case ctx.Err() != nil:
		e.Detail = fmt.Sprintf("the mail server %s did not answer in time", s.host)
		e.Hint = "is it running, and does the firewall let the hub through?"
	default:
		e.Detail = fmt.Sprintf("no mail could be handed to %s: %s", s.host, s.plain(err.Error()))
		e.Hint = "check the mail server's host and port, and that it is running"
	}
	return e
}

// plain makes a stranger's words fit to be shown: one line, without the password, not too long.
func (s *server) plain(text string) string {
	if s.password != "" {
		for _, sent := range []string{s.password, base64.StdEncoding.EncodeToString([]byte(s.password)),
			base64.StdEncoding.EncodeToString([]byte("\x00" + s.user + "\x00" + s.password))} {
			text = strings.ReplaceAll(text, sent, "***")
		}
	}
	text = strings.Map(func(r rune) rune {
		if hub.Hidden(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return hub.Shorten(strings.TrimSpace(text), 500)
}
