//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"hacek/test/load/rig"
)

// Resumed at this pace, a backlog must keep it in every window.
const (
	pace       = 100
	paceWindow = 10 * time.Second
	paceWatch  = 30 * time.Second
)

// backlog shows how the hub behaves with a great many deliveries waiting at one paused endpoint among many.
func (b *bench) backlog(ctx context.Context) error {
	systems := []string{onSQLite}
	if b.postgres != "" {
		systems = append(systems, onPostgres)
	}
	var failures []error
	for _, system := range systems {
		fmt.Printf("\n%s\n", system)
		if err := b.backlogOn(ctx, system); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", system, err))
		}
	}
	return errors.Join(failures...)
}

// waitingStory is one hub with its backlog.
type waitingStory struct {
	*subject
	receiver, endpoint string
	waiting            int
}

func (b *bench) backlogOn(ctx context.Context, system string) (err error) {
	receiver, err := rig.StartRole("receiver", "-times")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.Stop(nil)) }()
	s, err := b.startHub(ctx, system)
	if err != nil {
		return err
	}
	defer func() {
		if stopped := s.stop(ctx); err == nil {
			err = stopped
		}
	}()
	w := &waitingStory{subject: s, receiver: receiver.Greeting, waiting: orDefault(b.waiting, 1_000_000)}
	endpoint := benchEndpoint(0, 0, "http://"+w.receiver+"/r/0")
	endpoint["limits"] = rig.Object{"concurrency": 64}
	endpoint["request"] = rig.Object{"url": "http://" + w.receiver + "/r/0", "timeout": "60s"} // answers are held for a while
	created, err := s.api.CreateEndpoint(ctx, endpoint)
	if err != nil {
		return err
	}
	w.endpoint = created.ID
	for n := 1; n < b.endpoints; n++ {
		if _, err := s.api.CreateEndpoint(ctx, benchEndpoint(n, n, "http://"+w.receiver+"/r/0")); err != nil {
			return fmt.Errorf("create endpoint %d: %w", n, err)
		}
	}
	stopMemory := make(chan struct{})
	peak := rig.PeakMemory(s.pid, stopMemory)
	for _, step := range []func(context.Context) error{w.fill, w.keepPace, w.pauseAgain, w.rowsWritten} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	close(stopMemory)
	w.say("peak RssAnon during fill", "%s MiB", number(float64(<-peak)/(1<<20)))
	if err := w.restart(ctx); err != nil {
		return err
	}
	return w.drain(ctx)
}

func (w *waitingStory) say(what, format string, values ...any) {
	fmt.Printf("  %-44s %s\n", what, fmt.Sprintf(format, values...))
}

// call times a pause or a resume.
func (w *waitingStory) call(ctx context.Context, verb string, body rig.Object) (time.Duration, error) {
	start := time.Now()
	err := w.api.Do(ctx, "POST", "/v1/endpoints/"+w.endpoint+"/"+verb, body, nil)
	return time.Since(start), err
}

// fill pauses the endpoint and publishes the backlog in batches.
func (w *waitingStory) fill(ctx context.Context) error {
	took, err := w.call(ctx, "pause", rig.Object{})
	if err != nil {
		return err
	}
	w.say("pause, nothing waiting", "%s", took.Round(10*time.Microsecond))
	start := time.Now()
	if err := publishBatches(ctx, w.api, w.waiting, 0, 0); err != nil {
		return err
	}
	w.say("filled", "%d in %s, %.0f/s", w.waiting, time.Since(start).Round(time.Millisecond), float64(w.waiting)/time.Since(start).Seconds())
	now, err := w.api.Endpoint(ctx, w.endpoint)
	if err != nil {
		return err
	}
	if now.Waiting != w.waiting || now.State != "paused" {
		return fmt.Errorf("the endpoint is %s with %d waiting, want paused with %d", now.State, now.Waiting, w.waiting)
	}
	return nil
}

// publishBatches publishes count events of one type, numbered from first.
func publishBatches(ctx context.Context, api *rig.API, count, eventType int, first int64) error {
	template := newRequest("", "")
	size := len(eventBody())
	for done := 0; done < count; {
		n := min(1000, count-done)
		lines := make([]byte, 0, n*(size+1))
		for i := range n {
			whole := template.next(first+int64(done+i), eventType, notSent)
			lines = append(append(lines, whole[len(whole)-size:]...), '\n')
		}
		var answer struct {
			Accepted int `json:"accepted"`
		}
		if err := api.Do(ctx, "POST", "/v1/events/batch", lines, &answer); err != nil {
			return err
		}
		if answer.Accepted != n {
			return fmt.Errorf("%d of a batch of %d were accepted", answer.Accepted, n)
		}
		done += n
	}
	return nil
}

// keepPace resumes at a pace and holds the receiver's times against it.
func (w *waitingStory) keepPace(ctx context.Context) error {
	took, err := w.call(ctx, "resume", rig.Object{"rate": strconv.Itoa(pace) + "/s"})
	if err != nil {
		return err
	}
	w.say("resume, all waiting", "%s", took.Round(10*time.Microsecond))
	if err := wait(ctx, paceWatch); err != nil {
		return err
	}
	var times []int64
	if err := ask(w.receiver, "times", nil, &times); err != nil {
		return err
	}
	slices.Sort(times)
	busiest, quietest := windows(times, paceWindow)
	allowed := int(pace * paceWindow.Seconds())
	w.say(fmt.Sprintf("resumed at %d/s: received in any %s", pace, paceWindow), "%d to %d (allowed %d)", quietest, busiest, allowed)
	// Starts keep the pace exactly; arrivals are a little late or early each.
	if busiest > allowed+pace/10 || quietest < allowed*95/100 {
		return fmt.Errorf("the pace was not held: %d to %d in %s, want about %d", quietest, busiest, paceWindow, allowed)
	}
	return nil
}

// pauseAgain pauses with everything waiting, and sees that nothing more arrives.
func (w *waitingStory) pauseAgain(ctx context.Context) error {
	took, err := w.call(ctx, "pause", rig.Object{})
	if err != nil {
		return err
	}
	w.say("pause, all waiting (goal: 50 ms)", "%s", took.Round(10*time.Microsecond))
	if err := wait(ctx, time.Second); err != nil { // for what was in flight
		return err
	}
	before, err := countAt(w.receiver)
	if err != nil {
		return err
	}
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	after, err := countAt(w.receiver)
	if err != nil {
		return err
	}
	if after.Arrived != before.Arrived {
		return fmt.Errorf("%d deliveries arrived at a paused endpoint", after.Arrived-before.Arrived)
	}
	return nil
}

// restart kills the hub and measures from its start to the first delivery.
func (w *waitingStory) restart(ctx context.Context) error {
	if _, err := w.call(ctx, "resume", rig.Object{"rate": strconv.Itoa(pace) + "/s"}); err != nil {
		return err
	}
	if err := w.hub.Kill(); err != nil {
		return err
	}
	before, err := countAt(w.receiver)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := w.hub.Launch(); err != nil {
		return err
	}
	for {
		c, err := countAt(w.receiver)
		if err != nil {
			return err
		}
		if c.Arrived > before.Arrived {
			break
		}
		if time.Since(start) > 2*time.Minute {
			return errors.New("nothing arrived within two minutes of the start")
		}
		if err := wait(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	w.say("start to first delivery (goal: 1 s)", "%s", time.Since(start).Round(time.Millisecond))
	w.pid = w.hub.Pid()
	return w.hub.Ready(ctx)
}

// drain resumes at full speed and waits for the last.
func (w *waitingStory) drain(ctx context.Context) error {
	stop := make(chan struct{})
	peak := rig.PeakMemory(w.pid, stop)
	if _, err := w.call(ctx, "resume", rig.Object{}); err != nil {
		return err
	}
	before, err := countAt(w.receiver)
	if err != nil {
		return err
	}
	start := time.Now()
	for last, moved := before.Distinct, time.Now(); last < int64(w.waiting); {
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
		c, err := countAt(w.receiver)
		if err != nil {
			return err
		}
		if c.Distinct > last {
			last, moved = c.Distinct, time.Now()
		}
		if time.Since(moved) > 30*time.Second {
			return fmt.Errorf("the drain stands still at %d of %d", last, w.waiting)
		}
	}
	close(stop)
	drained := float64(int64(w.waiting) - before.Distinct)
	w.say("drained", "%.0f/s", math.Round(drained/time.Since(start).Seconds()))
	w.say("peak RssAnon during drain (goal: 256 MiB)", "%s MiB", number(float64(<-peak)/(1<<20)))
	return nil
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
