// Package mailtest is a small SMTP server on a real port that keeps what it is given, for tests and for the demo.
// It must not know who sends; it delivers nothing anywhere.
package mailtest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
)

// Mail is one mail as it came.
type Mail struct {
	From string
	To   []string
	Data string // headers and body, lines ending in \n, dots unstuffed
	User string // who logged in, "" for nobody
	TLS  bool
}

// Server is a listening SMTP server.
type Server struct {
	listener net.Listener
	tls      *tls.Config

	mu     sync.Mutex
	mails  []Mail
	answer func(verb, line string) string
	open   map[net.Conn]bool
	wg     sync.WaitGroup
	came   chan struct{} // closed and replaced whenever a mail was taken
}

// Listen opens a server; "127.0.0.1:0" chooses a free port. With a TLS configuration STARTTLS is offered.
func Listen(address string, secure *tls.Config) (*Server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	s := &Server{listener: l, tls: secure, open: map[net.Conn]bool{}, came: make(chan struct{})}
	s.wg.Go(s.accept)
	return s, nil
}

// Address is host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Answers sets what is said to a command instead of yes: "" is yes. Verbs are HELLO, AUTH, MAIL, RCPT, DATA, and END
// for the end of a mail's text.
func (s *Server) Answers(f func(verb, line string) string) {
	s.mu.Lock()
	s.answer = f
	s.mu.Unlock()
}

// Mails lists what was taken, oldest first.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Came is closed when the next mail is taken.
func (s *Server) Came() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came
}

// Close stops listening, drops who is connected, and returns when nobody is served any more.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.open {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.wg.Go(func() {
			defer func() {
				conn.Close()
				s.mu.Lock()
				delete(s.open, conn)
				s.mu.Unlock()
			}()
			(&talk{server: s, conn: conn}).run()
		})
	}
}

func (s *Server) say(verb, line string) string {
	s.mu.Lock()
	f := s.answer
	s.mu.Unlock()
	if f == nil {
		return ""
	}
	return f(verb, line)
}

func (s *Server) keep(m Mail) {
	s.mu.Lock()
	s.mails = append(s.mails, m)
	close(s.came)
	s.came = make(chan struct{})
	s.mu.Unlock()
}

// talk is one connection.
type talk struct {
	server *Server
	conn   net.Conn
	r      *textproto.Reader
	mail   Mail
}

func (t *talk) tell(format string, args ...any) { fmt.Fprintf(t.conn, format+"\r\n", args...) }

func (t *talk) run() {
	t.r = textproto.NewReader(bufio.NewReader(t.conn))
	t.tell("220 mailtest ESMTP")
	for {
		line, err := t.r.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		asked := map[string]string{"EHLO": "HELLO", "HELO": "HELLO"}[verb]
		if asked == "" {
			asked = verb
		}
		if said := t.server.say(asked, line); said != "" {
			t.tell("%s", said)
			continue
		}
		if !t.command(verb, rest) {
			return
		}
	}
}

func (t *talk) command(verb, rest string) (goesOn bool) {
	switch verb {
	case "EHLO":
		t.tell("250-mailtest")
		if t.server.tls != nil && !t.mail.TLS {
			t.tell("250-STARTTLS")
		}
		t.tell("250-8BITMIME")
		t.tell("250-SMTPUTF8")
		t.tell("250 AUTH PLAIN LOGIN")
	case "STARTTLS":
		t.tell("220 go ahead")
		secured := tls.Server(t.conn, t.server.tls)
		if secured.Handshake() != nil {
			return false
		}
		t.conn, t.r = secured, textproto.NewReader(bufio.NewReader(secured))
		t.mail = Mail{TLS: true}
	case "AUTH":
		return t.login(rest)
	case "MAIL":
		t.mail.From, t.mail.To = address(rest), nil
		t.tell("250 ok")
	case "RCPT":
		t.mail.To = append(t.mail.To, address(rest))
		t.tell("250 ok")
	case "DATA":
		return t.data()
	case "QUIT":
		t.tell("221 bye")
		return false
	case "HELO", "RSET", "NOOP":
		t.tell("250 ok")
	default:
		t.tell("502 not known")
	}
	return true
}

func (t *talk) data() bool {
	t.tell("354 go on")
	text, err := t.r.ReadDotBytes()
	if err != nil {
		return false
	}
	if said := t.server.say("END", string(text)); said != "" {
		t.tell("%s", said)
		return true
	}
	t.mail.Data = string(text)
	t.server.keep(t.mail)
	t.tell("250 taken")
	return true
}

func (t *talk) login(rest string) bool {
	way, first, _ := strings.Cut(rest, " ")
	if way == "PLAIN" {
		plain, _ := base64.StdEncoding.DecodeString(first)
		if parts := bytes.Split(plain, []byte{0}); len(parts) == 3 {
			t.mail.User = string(parts[1])
		}
		t.tell("235 welcome")
		return true
	}
	for i, question := range []string{"Username:", "Password:"} {
		t.tell("334 %s", base64.StdEncoding.EncodeToString([]byte(question)))
		line, err := t.r.ReadLine()
		if err != nil {
			return false
		}
		if user, _ := base64.StdEncoding.DecodeString(line); i == 0 {
			t.mail.User = string(user)
		}
	}
	t.tell("235 welcome")
	return true
}

func address(rest string) string {
	_, after, _ := strings.Cut(rest, "<")
	inside, _, _ := strings.Cut(after, ">")
	return inside
}
