//go:build linux

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// source is one provider whose webhooks are sent to the hub: what its requests look like and how they are signed.
type source struct {
	name, header string
	hash         func() hash.Hash
	stamped      bool // the time of sending is signed too, and stands in the header
	body         string
	headers      string // beside the signature
}

// Secrets are the benchmark's own; a badly signed request is signed with the other one.
const (
	rightSecret = "whsec_benchmark_right_0123456789abcdef"
	wrongSecret = "whsec_benchmark_wrong_0123456789abcdef"
)

// sources are what takes turns. Both bodies bear a number "seq" that their providers do not send, by which the
// receiver of the endpoint tells what is missing.
var sources = []source{
	{
		name: "shoptet", header: "Shoptet-Webhook-Signature", hash: sha1.New,
		headers: "Content-Type: application/json\r\nUser-Agent: Shoptet\r\n",
		body:    `{"eshopId":222651,"event":"order:create","eventCreated":"2026-11-22T10:00:00+0100","eventInstance":"%032d","seq":%d}`,
	},
	{
		name: "stripe", header: "Stripe-Signature", hash: sha256.New, stamped: true,
		headers: "Content-Type: application/json; charset=utf-8\r\nUser-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nAccept: */*\r\n",
		body: `{"id":"evt_%032d","seq":%d,"object":"event","api_version":"2024-06-20","created":1767225600,"livemode":false,"pending_webhooks":1,` +
			`"type":"payment_intent.succeeded","data":{"object":{"id":"pi_3MtwBwLkdIwHu7ix28a3tqPa","object":"payment_intent","amount":129900,` +
			`"amount_capturable":0,"amount_received":129900,"automatic_payment_methods":{"enabled":true},"capture_method":"automatic",` +
			`"client_secret":"pi_3MtwBwLkdIwHu7ix28a3tqPa_secret_benchmark","confirmation_method":"automatic","created":1767225590,"currency":"czk",` +
			`"customer":"cus_bench","description":"Objednávka 2018000057","latest_charge":"ch_bench","metadata":{"order":"2018000057"},` +
			`"payment_method_types":["card"],"receipt_email":"jana.novakova@example.com","status":"succeeded"}},"request":{"id":"req_bench","idempotency_key":null}}`,
	},
}

// notices writes requests of all sources in turn, each built once and written over.
type notices struct {
	of []*notice
}

func newNotices(address, secret string) *notices {
	all := &notices{}
	for _, s := range sources {
		all.of = append(all.of, newNotice(s, address, secret))
	}
	return all
}

func (all *notices) next(n int64, _ int, _ int64) []byte {
	return all.of[n%int64(len(all.of))].next(n)
}

// notice is one POST /in/{path}.
type notice struct {
	source
	mac                      hash.Hash
	bytes                    []byte
	id, seq, at, sum, signed []byte // parts of bytes
	buffer                   []byte
	random                   *rand.Rand
}

func newNotice(s source, address, secret string) *notice {
	body := fmt.Sprintf(s.body, 0, firstSeq)
	mac := hmac.New(s.hash, []byte(secret))
	value := strings.Repeat("0", 2*mac.Size())
	if s.stamped {
		value = "t=1000000000,v1=" + value
	}
	head := fmt.Sprintf("POST /in/%s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %d\r\n%s: %s\r\n\r\n",
		s.name, address, s.headers, len(body), s.header, value)
	c := &notice{source: s, mac: mac, bytes: append([]byte(head), body...), random: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))}
	c.signed = c.bytes[len(head):]
	c.sum = c.bytes[len(head)-4-2*mac.Size() : len(head)-4]
	if s.stamped {
		start := len(head) - 4 - len(value) + len("t=")
		c.at = c.bytes[start : start+10]
	}
	zeros := bytes.Index(c.signed, bytes.Repeat([]byte("0"), 32))
	c.id = c.signed[zeros : zeros+32]
	seq := bytes.Index(c.signed, []byte(`"seq":`)) + len(`"seq":`)
	c.seq = c.signed[seq : seq+12]
	return c
}

// next writes the nth request over the last one, with a random id, so that looking for duplicates is real work.
func (c *notice) next(n int64) []byte {
	var random [16]byte
	for i := range random {
		random[i] = byte(c.random.Uint32())
	}
	hex.Encode(c.id, random[:])
	strconv.AppendInt(c.seq[:0], firstSeq+n, 10)
	c.mac.Reset()
	if c.stamped {
		strconv.AppendInt(c.at[:0], time.Now().Unix(), 10)
		c.mac.Write(c.at)
		c.mac.Write([]byte("."))
	}
	c.mac.Write(c.signed)
	c.buffer = c.mac.Sum(c.buffer[:0])
	hex.Encode(c.sum, c.buffer)
	return c.bytes
}
