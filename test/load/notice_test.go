//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Every request differs from the last one of its source, and carries the signature its provider would give it.
func TestNoticesAreSignedAsTheirProvidersDo(t *testing.T) {
	all := newNotices("127.0.0.1:8080", rightSecret)
	seen := map[string]bool{}
	for n := range int64(6) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(all.next(n, 0, notSent))))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		var sent struct{ Seq int64 }
		if err := json.Unmarshal(body, &sent); err != nil || sent.Seq != firstSeq+n {
			t.Errorf("request %d bears the number %d, %v: %s", n, sent.Seq, err, body)
		}
		rest := string(bytes.Replace(body, strconv.AppendInt(nil, sent.Seq, 10), nil, 1)) // what differs beside the number is the id
		if seen[rest] {
			t.Errorf("request %d repeats an id: %s", n, body)
		}
		seen[rest] = true
		switch n % 2 {
		case 0:
			mac := hmac.New(sha1.New, []byte(rightSecret))
			mac.Write(body)
			if got := r.Header.Get("Shoptet-Webhook-Signature"); r.URL.Path != "/in/shoptet" || got != hex.EncodeToString(mac.Sum(nil)) {
				t.Errorf("request %d to %s is signed %s", n, r.URL.Path, got)
			}
		case 1:
			at, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Stripe-Signature"), "t="), ",")
			mac := hmac.New(sha256.New, []byte(rightSecret))
			fmt.Fprintf(mac, "%s.%s", at, body)
			if got := r.Header.Get("Stripe-Signature"); r.URL.Path != "/in/stripe" || got != fmt.Sprintf("t=%s,v1=%x", at, mac.Sum(nil)) {
				t.Errorf("request %d to %s is signed %s", n, r.URL.Path, got)
			}
			if unix, err := strconv.ParseInt(at, 10, 64); err != nil || time.Since(time.Unix(unix, 0)).Abs() > time.Minute {
				t.Errorf("request %d was signed at %s", n, at)
			}
		}
	}
}
