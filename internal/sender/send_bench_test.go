package sender

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
)

// quickReceiver answers every request with the same bytes, so that the sender's share of the time is the larger one.
func quickReceiver(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nDate: Wed, 04 Mar 2026 05:06:07 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					length := 0
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						if line = bytes.TrimSpace(line); len(line) == 0 {
							break
						}
						if rest, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
							if _, err := fmt.Sscan(string(rest), &length); err != nil {
								return
							}
						}
					}
					if _, err := r.Discard(length); err != nil {
						return
					}
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend compares the two ways to make a call; cpu-us/op holds the receiver's share too, the same for both.
func BenchmarkSend(b *testing.B) {
	address := quickReceiver(b)
	body := `{"a":"` + strings.Repeat("x", 880) + `"}`
	for _, way := range []string{"lean", "net-http", "build-only"} {
		b.Run(way, func(b *testing.B) {
			s := &Sender{Policy: loopback()}
			defer s.Close()
			e := endpointB(address, signature.NewSecret())
			c, err := Compile(e, 1)
			if err != nil {
				b.Fatal(err)
			}
			call := newCall(body)
			call.EventID = call.Event.ID.Text("evt_")
			ctx := context.Background()
			began := cpuTime()
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					switch way {
					case "lean":
						if a := s.Send(ctx, c, call); a.Status != 200 {
							b.Error(a.Error)
						}
					case "net-http":
						call := call
						call.Now = time.Now()
						out, err := c.build(s, &call, "")
						if err != nil {
							b.Error(err)
						}
						timeout, cancel := context.WithTimeout(ctx, c.timeout)
						if _, err := c.line(s).viaHTTP(timeout, &out); err != nil {
							b.Error(err)
						}
						cancel()
					case "build-only":
						call := call
						call.Now = time.Now()
						out, err := c.build(s, &call, "")
						if err != nil {
							b.Error(err)
						}
						out.evidence(&c.mask)
					}
				}
			})
			b.ReportMetric(float64((cpuTime()-began).Microseconds())/float64(b.N), "cpu-us/op")
		})
	}
}

func endpointB(address, secret string) hub.Endpoint {
	e := hub.DefaultEndpoint()
	e.Name = "bench"
	e.Request.URL = address + "/in"
	e.Signature.Secret = hub.NewSecret(secret)
	return e
}
