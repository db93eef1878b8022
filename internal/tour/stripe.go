package tour

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// stripe is a pretend Stripe: it sends signed events, and its API knows the customers.
type stripe struct {
	base   string
	secret string // signs
	key    string // of the API
	hook   string
	server *http.Server
}

func openStripe() (*stripe, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the pretend Stripe: %w", err)
	}
	s := &stripe{base: "http://" + listener.Addr().String(), secret: "whsec_tour_" + rand.Text(), key: "sk_test_tour_" + rand.Text()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/customers/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Header.Get("Authorization") != "Bearer "+s.key {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"error":{"type":"invalid_request_error"}}`)
			return
		}
		fmt.Fprintf(w, `{"id":%q,"object":"customer","name":%q,"email":%q}`, r.PathValue("id"), stripeName, stripeMail)
	})
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: patience}
	go func() { _ = s.server.Serve(listener) }() // ends with close
	return s, nil
}

func (s *stripe) close() { _ = s.server.Close() }

// The one customer of the example.
const (
	stripeName = "Žofie Černá"
	stripeMail = "zofie.cerna@example.cz"
)

// send posts an event with a fresh signature, and fails when it is not taken.
func (s *stripe) send(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, "POST", s.hook, bytes.NewReader(body))
	if err != nil {
		return err
	}
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(s.secret))
	fmt.Fprintf(mac, "%s.%s", at, body)
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("Stripe-Signature", "t="+at+",v1="+hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the hub answered %s to Stripe's event", answer.Status)
	}
	return nil
}

// stripeEvent is an event of the pack's with an id and an object of this tour's own.
func stripeEvent(kind, tour string) ([]byte, error) {
	sample, err := sampleOf("stripe", kind)
	if err != nil {
		return nil, err
	}
	body := strings.ReplaceAll(string(sample), "Example", tour)
	if !json.Valid([]byte(body)) {
		return nil, fmt.Errorf("BUG: the sample of %s is no JSON any more", kind)
	}
	return []byte(body), nil
}
