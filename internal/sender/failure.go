package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// failure is an unanswered call in words.
type failure struct {
	result     hub.Result
	text, hint string
}

// explain says what went wrong, where, and what to do about it.
func explain(parent context.Context, out *outgoing, got *outcome, err error, timeout time.Duration) failure {
	if errors.Is(parent.Err(), context.Canceled) {
		return failure{hub.Interrupted, "the hub was stopping", ""}
	}
	host := out.host
	var blocked *BlockedError
	var proxy *ProxyError
	var broken *brokenAnswer
	var name *net.DNSError
	switch {
	case errors.As(err, &blocked):
		return failure{hub.Blocked, blocked.Error(), blocked.Option}
	case errors.As(err, &proxy):
		return failure{hub.NoConnection, proxy.Error(), "an administrator can check the hub's proxy setting"}
	case errors.As(err, &name):
		if name.IsNotFound {
			return failure{hub.NoAddress, fmt.Sprintf("the name %s has no address", name.Name), "check the spelling of the URL's host"}
		}
		if !isTimeout(err) || got.phase == resolving {
			return failure{hub.NoAddress, fmt.Sprintf("the name %s could not be looked up: %s", name.Name, name.Err), "the fault is the name server's or the network's; the hub tries again"}
		}
	}
	if f, ok := explainTLS(host, err); ok {
		return f
	}
	switch {
	case isTimeout(err):
		return explainTimeout(host, got.phase, timeout)
	case errors.As(err, &broken):
		return failure{hub.Garbage, fmt.Sprintf("the answer of %s broke off: %s", host, plainNetError(broken.cause)), "the receiver or something before it closed the connection inside its answer"}
	case got.phase <= connecting:
		return failure{hub.NoConnection, fmt.Sprintf("no connection to %s: %s", host, plainNetError(err)), connectHint(err)}
	case got.phase == securing:
		return failure{hub.TLSFailed, fmt.Sprintf("no secure connection to %s: %s", host, plainNetError(err)), "does the receiver speak https at this port?"}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed),
		strings.Contains(err.Error(), "http2: client conn"): // its error has no type: the connection ended before it was ready
		hint := "the receiver accepted the connection and hung up; its log may say why"
		if out.secure {
			// TLS 1.3 refuses a caller only after the handshake, and the refusal may get lost on the way.
			hint += "; it may want a client certificate, or another one"
		}
		return failure{hub.NoConnection, fmt.Sprintf("%s closed the connection without an answer", host), hint}
	}
	return failure{hub.Garbage, fmt.Sprintf("%s did not answer as HTTP does: %s", host, visible(hub.Shorten(err.Error(), 300))), "is this the address of a web server?"}
}

func explainTimeout(host string, p phase, timeout time.Duration) failure {
	after := hub.Duration(timeout).String()
	switch p {
	case resolving:
		return failure{hub.TimedOut, fmt.Sprintf("the name in %s could not be looked up in time", host), "the name server does not answer; the hub tries again"}
	case connecting:
		return failure{hub.TimedOut, fmt.Sprintf("no connection to %s in time: nobody answers there", host), "is the receiver running, and does a firewall let the hub through?"}
	case securing:
		return failure{hub.TimedOut, fmt.Sprintf("%s did not finish the TLS handshake in time", host), "does the receiver speak https at this port?"}
	case writing:
		return failure{hub.TimedOut, fmt.Sprintf("%s did not take the whole request within %s", host, after), "the receiver reads too slowly"}
	case waiting:
		return failure{hub.TimedOut, fmt.Sprintf("%s took the request and did not answer within %s", host, after), "the receiver should answer first and work afterwards; or set a longer timeout"}
	}
	return failure{hub.TimedOut, fmt.Sprintf("%s began to answer and did not finish within %s", host, after), "the receiver sends its answer too slowly; or set a longer timeout"}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func connectHint(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there: check the port, and that the receiver is running"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to this address from here: check the network and the firewall"
	}
	return "check that the receiver is running and can be reached from here"
}

// plainNetError is the cause without the addresses around it, in the words a person knows.
func plainNetError(err error) string {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it was refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "it cannot be reached"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "it was reset by the other side"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "the connection was closed"
	case isTimeout(err):
		return "it took too long"
	}
	return visible(hub.Shorten(err.Error(), 300))
}

// explainTLS says which certificate is wrong, whose it is, and since when.
func explainTLS(host string, err error) (failure, bool) {
	var verify *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	fail := func(hint, format string, args ...any) (failure, bool) {
		return failure{hub.TLSFailed, visible(fmt.Sprintf(format, args...)), hint}, true
	}
	switch {
	case errors.As(err, &verify):
		var invalid x509.CertificateInvalidError
		var unknown x509.UnknownAuthorityError
		var wrong x509.HostnameError
		switch {
		case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
			c := invalid.Cert
			if c.NotBefore.After(time.Now()) {
				return fail("check the clocks of both sides", "the certificate of %s (%s) is not valid before %s", host, certificateName(c), c.NotBefore.UTC().Format("2006-01-02 15:04 UTC"))
			}
			return fail("the receiver's operator must renew it", "the certificate of %s (%s, issued by %s) expired on %s", host, certificateName(c), issuerName(c), c.NotAfter.UTC().Format("2006-01-02 15:04 UTC"))
		case errors.As(err, &wrong):
			return fail("check the URL's host; or the receiver's operator must get a certificate for this name", "the certificate of %s is for another name: %s", host, certificateName(wrong.Certificate))
		case errors.As(err, &unknown):
			c := unknown.Cert
			if c == nil && len(verify.UnverifiedCertificates) > 0 {
				c = verify.UnverifiedCertificates[0]
			}
			if c == nil {
				return fail("", "the certificate of %s is not trusted", host)
			}
			hint := "if it is your own authority, put its certificate into auth.ca; else the receiver's operator may have forgotten an intermediate certificate"
			if c.Issuer.String() == c.Subject.String() {
				return fail(hint, "the certificate of %s (%s) is self-signed and not trusted", host, certificateName(c))
			}
			return fail(hint, "the certificate of %s (%s) was issued by %s, which is not trusted", host, certificateName(c), issuerName(c))
		}
		return fail("the receiver's operator must repair it", "the certificate of %s is not valid: %s", host, hub.Shorten(verify.Err.Error(), 300))
	case errors.As(err, &record):
		return fail("does the receiver speak https at this port? Perhaps the URL should begin with http://", "%s did not answer as TLS does", host)
	case errors.As(err, &alert) || strings.Contains(err.Error(), "remote error: tls:"):
		return fail("it may want a client certificate, or another one; or it speaks only old versions of TLS", "%s refused the TLS handshake: %s", host, hub.Shorten(err.Error(), 300))
	case strings.HasPrefix(err.Error(), "tls:") || strings.Contains(err.Error(), ": tls: "):
		return fail("", "no secure connection to %s: %s", host, hub.Shorten(err.Error(), 300))
	}
	return failure{}, false
}

func certificateName(c *x509.Certificate) string {
	if len(c.DNSNames) > 0 {
		return strings.Join(c.DNSNames[:min(len(c.DNSNames), 5)], ", ")
	}
	if c.Subject.CommonName != "" {
		return c.Subject.CommonName
	}
	return c.Subject.String()
}

// renderFailure tells an attempt why its request could not be made.
func renderFailure(c *Compiled, err error, a *hub.Attempt) {
	a.Result = hub.RenderFailed
	a.Error = c.mask.text(visible(hub.Shorten(err.Error(), 500)))
	var missing *expr.MissingError
	var place *expr.PlaceError
	switch {
	case errors.As(err, &missing):
		a.Hint = "the endpoint is set to fail on missing values; set request.missing to empty to send it all the same"
	case errors.As(err, &place):
		a.Hint = "the event's value cannot stand there; look at the event, then at the endpoint's template"
	default:
		a.Hint = "look at the event, then at the endpoint's request"
	}
}

// visible shows control and direction-changing characters instead of obeying them: what a stranger's server says ends
// up on terminals and pages.
func visible(text string) string {
	clean := true
	for _, r := range text {
		clean = clean && !hub.Hidden(r)
	}
	if clean {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hub.Hidden(r) {
			fmt.Fprintf(&b, "\\u%04x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
