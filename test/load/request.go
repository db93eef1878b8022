//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Events are numbered from firstSeq, so that every number has twelve digits; notSent stands where a time of sending would.
const (
	firstSeq = 100_000_000_000
	notSent  = 1_000_000_000_000_000_000
	bodySize = 900
)

// eventBody is an event of 0.9 KB, as an e-shop would publish it, with digits to be written over.
func eventBody() []byte {
	body := fmt.Sprintf(`{"type":"bench.00","id":"%032d","key":"2018000000","data":{"seq":%d,"sent":%d,`+
		`"total":"1234.50","currency":"CZK","customer":{"name":"Žofie Nováková","mail":"zofie@example.com"},`+
		`"lines":[{"sku":"A-100","count":2,"price":"499.00"},{"sku":"B-7","count":1,"price":"236.50"}],"note":"`, 0, firstSeq, notSent)
	return []byte(body + strings.Repeat("x", bodySize-len(body)-3) + `"}}`)
}

// request is one POST /v1/events, built once and written over for each event.
type request struct {
	bytes                           []byte
	eventType, id, key, seq, sentAt []byte // parts of bytes
	random                          *rand.Rand
}

func newRequest(address, key string) *request {
	body := eventBody()
	head := fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, key, len(body))
	r := &request{bytes: append([]byte(head), body...), random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	after := func(mark string, size int) []byte {
		start := len(head) + bytes.Index(body, []byte(mark)) + len(mark)
		return r.bytes[start : start+size]
	}
	r.eventType = after(`"type":"bench.`, 2)
	r.id = after(`"id":"`, 32)
	r.key = after(`"key":"2018`, 6)
	r.seq = after(`"seq":`, 12)
	r.sentAt = after(`"sent":`, 19)
	return r
}

// next writes the nth event over the last one. A random caller id makes the hub look for duplicates where it hurts.
func (r *request) next(n int64, eventType int, sent int64) []byte {
	var random [16]byte
	for i := range random {
		random[i] = byte(r.random.Uint32())
	}
	hex.Encode(r.id, random[:])
	copy(r.eventType, fmt.Append(nil, eventType+100)[1:])
	copy(r.key, strconv.AppendInt(nil, 100_000+r.random.Int64N(900_000), 10))
	strconv.AppendInt(r.seq[:0], firstSeq+n, 10)
	strconv.AppendInt(r.sentAt[:0], sent, 10)
	return r.bytes
}

// digits reads the number that follows mark.
func digits(text []byte, mark string) (int64, bool) {
	i := bytes.Index(text, []byte(mark))
	if i < 0 {
		return 0, false
	}
	var n int64
	rest := text[i+len(mark):]
	for i, c := range rest {
		if c < '0' || c > '9' {
			return n, i > 0
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(rest) > 0
}

// readAnswer reads one HTTP/1.1 answer and returns its status and body, which is appended to into[:0].
func readAnswer(in *bufio.Reader, into []byte) (status int, body []byte, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, fmt.Errorf("status line %q", line)
	}
	size, chunked := 0, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, nil, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if !chunked {
		body, err = readInto(in, into[:0], size)
		return status, body, err
	}
	for body = into[:0]; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, nil, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, nil, err
		}
		if body, err = readInto(in, body, int(size)+2); err != nil { // with its line end
			return 0, nil, err
		}
		body = body[:len(body)-2]
		if size == 0 {
			return status, body, nil
		}
	}
}

func readInto(in *bufio.Reader, body []byte, size int) ([]byte, error) {
	start := len(body)
	body = append(body, make([]byte, size)...)
	_, err := io.ReadFull(in, body[start:])
	return body, err
}
