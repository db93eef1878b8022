//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"hacek/test/crash/check"
	"hacek/test/load/rig"
)

// publisherCount is how many publish at the same time.
const publisherCount = 32

// publishers is the process of the publishers: each publishes an event, repeats it under the same caller id until it is
// acknowledged, and goes on to the next. Once dismissed they finish what they have begun.
func publishers(args []string) error {
	flags := flag.NewFlagSet("publishers", flag.ExitOnError)
	base := flags.String("hub", "", "")
	key := flags.String("key", "", "")
	name := flags.String("journal", "", "")
	rate := flags.Int("rate", 300, "")
	flags.Parse(args)
	journal, err := check.Create(*name)
	if err != nil {
		return err
	}
	p := &publisher{
		url:     *base + "/v1/events",
		key:     *key,
		journal: journal,
		every:   time.Second * publisherCount / time.Duration(*rate),
		client:  &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: publisherCount}},
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	rig.Greet("")
	var all sync.WaitGroup
	failures := make(chan error, publisherCount)
	for range publisherCount {
		all.Go(func() {
			if err := p.publishAll(ctx); err != nil {
				failures <- err
			}
		})
	}
	select {
	case <-rig.Dismissed():
	case err := <-failures:
		return err
	}
	cancel()
	all.Wait()
	select {
	case err := <-failures:
		return err
	default:
	}
	return journal.Close()
}

type publisher struct {
	url, key string
	every    time.Duration
	journal  *check.Journal
	client   *http.Client
}

func (p *publisher) publishAll(ctx context.Context) error {
	for ctx.Err() == nil {
		pause := time.Duration(mathrand.ExpFloat64() * float64(p.every))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if err := p.publish(newEvent()); err != nil {
			return err
		}
	}
	return nil
}

// published is one event before anybody knows of it.
type published struct {
	caller, kind, digest string
	body                 []byte
}

// newEvent makes an event whose bytes are easily damaged: blanks, escapes, numbers no float holds, characters HTML would escape.
func newEvent() published {
	random := make([]byte, 16)
	rand.Read(random)
	caller := hex.EncodeToString(random)
	kind := "abcd"[mathrand.IntN(4)]
	number := mathrand.Int64N(1e9)
	data := fmt.Sprintf(`{ "kind" : "%c", "total":%d.50,"id": 98765432109876%09d, "none":null,`+
		"\n\t"+`"note":"<Žluťoučký & kůň> \u010d\/\"%s","list":[ 1,1.0,1e2 ] }`,
		kind, number%1000, number, strings.Repeat("ě", int(number%200)))
	eventType, key := "crash."+string(kind), fmt.Sprint(number%50)
	body := fmt.Sprintf(`{"type":%q,"id":%q,"key":%q,"data":%s}`, eventType, caller, key, data)
	return published{caller: caller, kind: string(kind), digest: check.Digest(eventType, key, []byte(data)), body: []byte(body)}
}

// publish repeats until the event is acknowledged, or refused for good, which the checker will not forgive.
func (p *publisher) publish(e published) error {
	for try := 1; ; try++ {
		intent := check.Line{Op: check.OpIntent, CallerID: e.caller, Try: try, Kind: e.kind, Digest: e.digest}
		if err := p.journal.Write(intent); err != nil {
			return err
		}
		status, id, failure := p.call(e.body)
		result := check.Line{Op: check.OpResult, CallerID: e.caller, Try: try, Status: status, Event: id}
		if failure != nil {
			result.Error = failure.Error()
		}
		if err := p.journal.Write(result); err != nil {
			return err
		}
		if status/100 == 2 || status/100 == 4 && status != http.StatusTooManyRequests {
			return nil
		}
		time.Sleep(20*time.Millisecond + mathrand.N(80*time.Millisecond))
	}
}

// call publishes once. A failure is that no whole answer came: the event may or may not have been taken.
func (p *publisher) call(body []byte) (status int, id string, failure error) {
	request, err := http.NewRequest("POST", p.url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Content-Type", "application/json")
	request.GetBody = nil // repeating is our part; the client must not do it unseen
	answer, err := p.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, "", err
	}
	var told struct {
		ID string `json:"id"`
	}
	if answer.StatusCode/100 == 2 {
		if err := json.Unmarshal(text, &told); err != nil {
			return answer.StatusCode, "", err
		}
	}
	return answer.StatusCode, told.ID, nil
}
