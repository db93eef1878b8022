// Package mail sends plain text mails over SMTP: one message, one server, one answer in words.
// It must not know why a mail is sent, what a pipeline is, or when to try again.
package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"hacek/internal/hub"
)

// Limits of one mail.
const (
	DefaultTimeout = 30 * time.Second // for the whole dialogue
	MaxRecipients  = 50
	MaxSubject     = 500     // bytes
	MaxBody        = 1 << 20 // bytes
)

// Mailer sends through one server.
type Mailer struct {
	// Server is smtp://user:password@host:587?from=Shop%20%3Cshop@example.cz%3E or smtps://host:465?from=...
	// With smtp the connection is secured by STARTTLS where the server offers it; a password is sent only over a
	// secured connection or within this machine. tls=off leaves it open, tls=always refuses an open one.
	Server  hub.Secret
	Dial    func(ctx context.Context, network, address string) (net.Conn, error) // the guarded dialer
	Roots   *x509.CertPool                                                       // nil: the system's
	Timeout time.Duration                                                        // zero: DefaultTimeout
}

// Message is one mail. The same ID means the same mail: a repeat bears the same Message-ID.
type Message struct {
	ID       string // the part of the Message-ID before the @
	To       []string
	ReplyTo  string
	Subject  string
	Body     string
	Language string // such as cs; "" says nothing
	At       time.Time
}

// Receipt is what the server said when it took the mail.
type Receipt struct {
	MessageID string
	Answer    string
}

// server is a Server that was read.
type server struct {
	host, port     string
	user, password string
	from           *mail.Address
	secure         bool // TLS from the first byte
	starttls       gomail.TLSPolicy
}

// Check tells whether the server's address can be read; the error never shows its password.
func (m *Mailer) Check() error {
	_, err := m.server()
	return err
}

// From is the sender's address.
func (m *Mailer) From() string {
	s, err := m.server()
	if err != nil {
		return ""
	}
	return s.from.String()
}

func (m *Mailer) server() (*server, error) {
	bad := func(format string, args ...any) (*server, error) {
		return nil, &Error{Down: true, Detail: "the mail server's address " + fmt.Sprintf(format, args...),
			Hint: "an administrator sets HACEK_MAIL, such as smtp://user:password@mail.example.cz:587?from=shop@example.cz"}
	}
	u, err := url.Parse(m.Server.Reveal())
	if err != nil || u.Hostname() == "" {
		return bad("cannot be read")
	}
	s := &server{host: u.Hostname(), port: u.Port()}
	switch u.Scheme {
	case "smtp":
		s.starttls = gomail.TLSOpportunistic
	case "smtps":
		s.secure, s.starttls = true, gomail.NoTLS
	default:
		return bad("begins with neither smtp:// nor smtps://")
	}
	if s.port == "" {
		s.port = map[bool]string{true: "465", false: "587"}[s.secure]
	}
	if n, err := strconv.ParseUint(s.port, 10, 16); err != nil || n == 0 {
		return bad("has no port from 1 to 65535")
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
	}
	query := u.Query()
	for name := range query {
		if name != "from" && name != "tls" {
			return bad("has a parameter that is neither from nor tls")
		}
	}
	switch query.Get("tls") {
	case "":
	case "off":
		if s.secure {
			return bad("says smtps and tls=off")
		}
		s.starttls = gomail.NoTLS
	case "always":
		if !s.secure {
			s.starttls = gomail.TLSMandatory
		}
	default:
		return bad("has a tls that is neither off nor always")
	}
	if s.user != "" && s.starttls == gomail.TLSOpportunistic && !local(s.host) {
		s.starttls = gomail.TLSMandatory
	}
	if s.user != "" && s.starttls == gomail.NoTLS && !s.secure && !local(s.host) {
		return bad("has a password that tls=off would send in clear")
	}
	if s.from, err = Address(query.Get("from")); err != nil {
		return bad("has no from=, the sender's address")
	}
	return s, nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Address reads exactly one address, with or without a name before it. What could end an SMTP command, or hide a
// second recipient, is no address here, though RFC 5322 would let it be quoted.
func Address(text string) (*mail.Address, error) {
	fail := func(why string) (*mail.Address, error) {
		return nil, fmt.Errorf("%s is not one mail address: %s", strconv.Quote(hub.Shorten(text, 100)), why)
	}
	if strings.ContainsFunc(text, hub.Hidden) || !utf8.ValidString(text) {
		return fail("it contains a control character")
	}
	a, err := mail.ParseAddress(text)
	if err != nil || strings.ContainsAny(text, ":;") { // a group of addresses, too
		return fail("it is to look like jana@example.cz")
	}
	local, domain, found := strings.Cut(a.Address, "@")
	switch {
	case len(a.Address) > 254 || len(local) > 64:
		return fail("it is too long")
	case !found || local == "" || domain == "" || strings.Contains(domain, "@"):
		return fail("it is to look like jana@example.cz")
	case strings.ContainsAny(local, " <>()[]\\,;:\"@") || strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, ".."):
		return fail("its name has characters that no mailbox needs")
	case strings.ContainsFunc(domain, func(r rune) bool {
		return r != '.' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}):
		return fail("its domain has characters that no domain has")
	}
	return a, nil
}

// InDomains tells whether an address lies in one of the domains; an empty list has none.
func InDomains(address string, domains []string) bool {
	_, domain, _ := strings.Cut(address, "@")
	for _, d := range domains {
		if strings.EqualFold(domain, strings.TrimPrefix(d, "@")) {
			return true
		}
	}
	return false
}

// Text is the mail as it would go out.
func (m *Mailer) Text(msg Message) ([]byte, error) {
	s, err := m.server()
	if err != nil {
		return nil, err
	}
	built, _, err := s.build(msg)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if _, err := built.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write the mail: %w", err)
	}
	return b.Bytes(), nil
}

// build puts the message together, or says what of it cannot be sent.
func (s *server) build(msg Message) (built *gomail.Msg, id string, err error) {
	refuse := func(format string, args ...any) (*gomail.Msg, string, error) {
		return nil, "", &Error{Detail: fmt.Sprintf(format, args...), Hint: "look at the event, then at the mail's settings"}
	}
	switch {
	case len(msg.To) == 0:
		return refuse("the mail has no recipient")
	case len(msg.To) > MaxRecipients:
		return refuse("the mail has %d recipients; at most %d are allowed", len(msg.To), MaxRecipients)
	case len(msg.Subject) > MaxSubject:
		return refuse("the subject is %d bytes long; at most %d are allowed", len(msg.Subject), MaxSubject)
	case strings.ContainsFunc(msg.Subject, ends) || !utf8.ValidString(msg.Subject):
		return refuse("the subject contains a control character")
	case len(msg.Body) > MaxBody:
		return refuse("the text is %d bytes long; at most %d are allowed", len(msg.Body), MaxBody)
	case strings.ContainsFunc(msg.Language, func(r rune) bool { return r != '-' && (r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r)) }):
		return refuse("the language is no word such as cs or en-GB")
	}
	built = gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	built.FromMailAddress(s.from)
	seen := map[string]bool{}
	for _, text := range msg.To {
		to, err := Address(text)
		if err != nil {
			return refuse("the recipient %v", err)
		}
		if !seen[to.Address] {
			seen[to.Address] = true
			built.AddToMailAddress(to)
		}
	}
	if msg.ReplyTo != "" {
		to, err := Address(msg.ReplyTo)
		if err != nil {
			return refuse("reply_to: %v", err)
		}
		built.ReplyToMailAddress(to)
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	id = msg.ID + "@" + domain
	built.SetMessageIDWithValue(id)
	built.Subject(shown(msg.Subject))
	built.SetDateWithValue(msg.At)
	built.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday notice answers a machine
	if msg.Language != "" {
		built.SetGenHeader("Content-Language", msg.Language)
	}
	built.SetBodyString(gomail.TypeTextPlain, shown(msg.Body))
	return built, id, nil
}

// ends are characters that end a line, or steer a terminal.
func ends(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// shown puts a sign where there is a character that nobody sees: what an event brings along neither turns the text of a
// mail round nor hides in it. Line ends and tabs stay.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if hub.Hidden(r) && r != '\n' && r != '\r' && r != '\t' {
			return utf8.RuneError
		}
		return r
	}, text)
}

// tlsConfig trusts the system's authorities, or the ones that were given.
func (m *Mailer) tlsConfig(host string) *tls.Config {
	return &tls.Config{ServerName: host, RootCAs: m.Roots, MinVersion: tls.VersionTLS12}
}
