//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestRequestIsWrittenOverForEachEvent(t *testing.T) {
	request := newRequest("127.0.0.1:8080", "hk_x")
	seen := map[string]bool{}
	for n := range int64(3) {
		parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request.next(n, 7, 1_800_000_000_000_000_000+n))))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(parsed.Body)
		if err != nil {
			t.Fatal(err)
		}
		var event struct {
			Type, ID, Key string
			Data          struct{ Seq, Sent int64 }
		}
		if err := json.Unmarshal(body, &event); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		if len(body) != bodySize || event.Type != "bench.07" || event.Data.Seq != firstSeq+n || event.Data.Sent != 1_800_000_000_000_000_000+n {
			t.Errorf("event %d: %d bytes, %+v", n, len(body), event)
		}
		if seen[event.ID] || len(event.ID) != 32 || len(event.Key) != 10 {
			t.Errorf("event %d: id %q, key %q", n, event.ID, event.Key)
		}
		seen[event.ID] = true
		if seq, found := digits(body, `"seq":`); !found || seq != firstSeq+n {
			t.Errorf("the receiver reads the number %d, want %d", seq, firstSeq+n)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		text, body string
		status     int
	}{
		"with its length": {"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\ncontent-length: 5\r\n\r\nhello", "hello", 202},
		"in chunks":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world", 200},
		"empty":           {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "", 503},
	} {
		t.Run(name, func(t *testing.T) {
			in := bufio.NewReader(strings.NewReader(c.text + c.text))
			for range 2 { // the second finds its beginning
				status, body, err := readAnswer(in, make([]byte, 3))
				if err != nil || status != c.status || string(body) != c.body {
					t.Errorf("got %d %q %v, want %d %q", status, body, err, c.status, c.body)
				}
			}
		})
	}
	if _, _, err := readAnswer(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")), nil); err == nil {
		t.Error("an answer cut short was taken")
	}
}
