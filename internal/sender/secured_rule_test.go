package sender

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hacek/internal/hub"
)

// ways are the three ways a call is made: without TLS, with it over HTTP/1.1, and over HTTP/2.
func ways(t *testing.T, try func(t *testing.T, auth string, open func(answers ...http.HandlerFunc) *receiver)) {
	t.Run("plain", func(t *testing.T) {
		try(t, `{"type":"none"}`, func(answers ...http.HandlerFunc) *receiver { return newReceiver(t, answers...) })
	})
	_, caPEM, server := authority(t)
	auth, err := json.Marshal(map[string]string{"type": "none", "ca": caPEM})
	if err != nil {
		t.Fatal(err)
	}
	for name, http2 := range map[string]bool{"TLS": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			try(t, string(auth), func(answers ...http.HandlerFunc) *receiver {
				r := secureReceiver(t, &tls.Config{Certificates: []tls.Certificate{server}}, http2)
				r.answers = answers
				return r
			})
		})
	}
}

func TestRule1_RedirectsAreNotFollowed(t *testing.T) {
	ways(t, func(t *testing.T, auth string, open func(...http.HandlerFunc) *receiver) {
		other := open()
		s, _ := newSender(t)
		for _, status := range []int{301, 302, 303, 307, 308} {
			r := open(func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, other.URL+"/elsewhere", status) })
			c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":%s}`, r.URL, auth))
			for range 2 { // a new connection, and the one that is kept
				a := send(t, s, c, newCall(order))
				wantResult(t, a, hub.Redirected)
				if !strings.Contains(a.Error, other.URL) || a.Hint == "" {
					t.Errorf("%d: %q %q", status, a.Error, a.Hint)
				}
			}
		}
		if other.count() != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// What answers us may be hostile: it is not read beyond its caps, nor waited for beyond the call's time.
func TestRule1_AnswersAreCapped(t *testing.T) {
	const endless = 256 << 20
	ways(t, func(t *testing.T, auth string, open func(...http.HandlerFunc) *receiver) {
		s, _ := newSender(t)
		var written atomic.Int64
		ended := make(chan struct{})
		large := open(func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			for part := bytes.Repeat([]byte("y"), 1<<20); written.Load() < endless; written.Add(int64(len(part))) {
				if _, err := w.Write(part); err != nil {
					return
				}
			}
		})
		a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":%s}`, large.URL, auth)), newCall(order))
		wantResult(t, a, hub.Succeeded)
		if len(a.Response.Body) != AnswerKept || !a.Response.Truncated {
			t.Errorf("kept %d bytes, truncated %v", len(a.Response.Body), a.Response.Truncated)
		}
		if <-ended; written.Load() >= endless {
			t.Error("the whole answer was read")
		}

		wide := open(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("h", 2*HeadersRead))
		})
		if a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":%s}`, wide.URL, auth)), newCall(order)); a.Result == hub.Succeeded {
			t.Errorf("%d bytes of headers were read", 2*HeadersRead)
		}

		release := make(chan struct{})
		silent := open(func(http.ResponseWriter, *http.Request) { <-release })
		slow := open(func(w http.ResponseWriter, _ *http.Request) { // a byte now and then, so that no single read takes long
			for again := time.NewTicker(10 * time.Millisecond); ; {
				select {
				case <-again.C:
					_, _ = w.Write([]byte("."))
					w.(http.Flusher).Flush()
				case <-release:
					return
				}
			}
		})
		defer close(release)
		for _, r := range []*receiver{silent, slow} {
			done := make(chan *hub.Attempt, 1)
			c := compile(t, fmt.Sprintf(`{"request":{"url":"%s","timeout":"200ms"},"auth":%s}`, r.URL, auth))
			go func() { done <- s.Send(t.Context(), c, newCall(order)) }()
			select {
			case a := <-done:
				wantResult(t, a, hub.TimedOut)
			case <-time.After(10 * time.Second):
				t.Fatal("the call has no end")
			}
		}
	})
}

// A connection that one identity has proved itself on, or trusts, serves no other: not of the same tenant either.
func TestRule2_ConnectionsOfTwoCertificatesAreKeptApart(t *testing.T) {
	ca, caPEM, server := authority(t)
	_, foreignPEM, _ := authority(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(caPEM))
	auth := func(settings map[string]string) string {
		raw, err := json.Marshal(settings)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	client := func(name string) string {
		_, certPEM, keyPEM := certificate(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, &ca)
		return auth(map[string]string{"type": "client_certificate", "certificate": certPEM, "key": keyPEM, "ca": caPEM})
	}
	for _, http2 := range []bool{false, true} {
		r := secureReceiver(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: pool}, http2)
		r.answers = []http.HandlerFunc{func(w http.ResponseWriter, q *http.Request) {
			for _, peer := range q.TLS.PeerCertificates {
				w.Header().Add("X-Peer", peer.Subject.CommonName)
			}
		}}
		s, _ := newSender(t)
		one, two, nobody := client("one"), client("two"), auth(map[string]string{"type": "none", "ca": caPEM})
		for i, c := range []struct{ auth, want string }{{one, "one"}, {two, "two"}, {nobody, ""}, {one, "one"}, {nobody, ""}, {two, "two"}} {
			a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":%s}`, r.URL, c.auth)), newCall(order))
			wantResult(t, a, hub.Succeeded)
			if got := a.Response.Headers.Get("X-Peer"); got != c.want {
				t.Errorf("call %d went out as %q, want %q", i, got, c.want)
			}
		}
		foreign := auth(map[string]string{"type": "none", "ca": foreignPEM})
		wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"},"auth":%s}`, r.URL, foreign)), newCall(order)), hub.TLSFailed)
	}
}
