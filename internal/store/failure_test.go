package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

func TestOnlyTheGuiltyCallerFails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		target := w.target(1, "a")
		first := w.accept(w.event(1, "", `0`), target)
		var batch []*store.Accept
		for i := range 40 {
			e := w.event(1, fmt.Sprint(i), `1`)
			if i == 17 {
				e.ID = first.Event.ID // an id that is taken breaks the whole batch
			}
			batch = append(batch, &store.Accept{Event: e, Owed: []store.Owed{{Target: target.No}}})
		}
		w.must(w.Accept(w.ctx, batch...))
		for i, a := range batch {
			if guilty := i == 17; guilty != (a.Result.Err != nil) {
				t.Errorf("event %d: %v", i, a.Result.Err)
			}
		}
		if n := len(w.owed(target)); n != 40 {
			t.Errorf("%d deliveries are owed, want 40", n)
		}
	})
}

func TestAnEventIsNeverSplit(t *testing.T) {
	storetest.EachOpen(t, func(t *testing.T, open storetest.Opener) {
		var commits [][]store.Fresh
		s := open(func(o *store.Options) { o.Committed = func(f []store.Fresh) { commits = append(commits, f) } })
		stop := storetest.Run(t, s)
		w := tell(t, s)
		var targets []hub.Target
		for i := range 600 {
			targets = append(targets, w.target(1, fmt.Sprint("t", i)))
		}
		var batch []*store.Accept
		for range 700 {
			batch = append(batch, &store.Accept{Event: w.event(1, "", `1`), Owed: []store.Owed{{Target: targets[0].No}}})
		}
		wide := &store.Accept{Event: w.event(1, "", `2`)}
		for _, x := range targets {
			wide.Owed = append(wide.Owed, store.Owed{Target: x.No})
		}
		batch = append(batch, wide)
		w.must(w.Accept(w.ctx, batch...))
		stop()
		if len(commits) < 3 {
			t.Errorf("%d commits, want at least 3", len(commits))
		}
		last, n := int64(0), 0
		for _, c := range commits {
			for _, f := range c {
				if f.Delivery.Seq <= last {
					t.Fatalf("number %d after %d", f.Delivery.Seq, last)
				}
				last = f.Delivery.Seq
				n++
			}
		}
		if n != 1300 {
			t.Errorf("%d deliveries were offered, want 1300", n)
		}
	})
}

func TestASecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key()})
	var e *hub.Error
	if !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("a second one opened the same directory: %v", err)
	}
	_ = s.Close()
	s, err = store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key()})
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	_ = s.Close()
}

// Close ends Run instead of taking the files from under it: what was accepted is found again, and nothing is written later.
func TestCloseEndsRun(t *testing.T) {
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		s := storetest.Open(t, o)
		var ran error
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			ran = s.Run(context.WithoutCancel(t.Context()))
		}()
		w := tell(t, s)
		w.accept(w.event(1, "", `0`)) // it runs
		accepted := 1
		var callers sync.WaitGroup
		callers.Go(func() {
			for {
				a := &store.Accept{Event: w.event(1, "", `1`)}
				if err := s.Accept(context.WithoutCancel(t.Context()), a); err != nil || a.Result.Err != nil {
					return
				}
				accepted++
			}
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		callers.Wait()
		again := storetest.Open(t, o)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("closed, and Run still works")
		}
		if ran != nil {
			t.Errorf("Run ended with %v", ran)
		}
		if err := s.Run(t.Context()); hub.CodeOf(err) != hub.Unavailable {
			t.Errorf("Run began on a closed store: %v", err)
		}
		list, _, err := again.Events(t.Context(), store.EventFilter{Tenant: 1}, store.Page{Limit: 1 << 20})
		if err != nil || len(list) != accepted {
			t.Errorf("%d events are found again, want %d: %v", len(list), accepted, err)
		}
	})
}

// A copy of the files, taken while the store runs, is what a crash leaves behind.
func TestWhatWasAcceptedSurvivesACrash(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key()})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s)
	w := tell(t, s)
	target := w.target(1, "a")
	e := w.event(1, "k", `{"n":1}`)
	e.CallerID = "c-1"
	w.accept(e, target)
	w.accept(w.event(1, "k", `2`), target)
	w.settle(w.tried(w.owed(target)[1], hub.Succeeded, 200, delivered(1)))
	for _, name := range []string{"hacek.db", "hacek.db-wal"} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		w.must(err)
		w.must(os.WriteFile(filepath.Join(copied, name), raw, 0o600))
	}
	s, err = store.Open(t.Context(), store.Options{Dir: copied, SecretKey: storetest.Key()})
	w.must(err)
	storetest.Run(t, s)
	w.Store = s
	if owed := w.owed(target); len(owed) != 1 || owed[0].Event != e.ID {
		t.Errorf("owed after the crash: %+v", owed)
	}
	again := &store.Accept{Event: w.event(1, "k", `{"n":1}`), Owed: []store.Owed{{Target: target.No}}}
	again.Event.CallerID = "c-1"
	w.must(w.Accept(w.ctx, again))
	if !again.Result.Duplicate {
		t.Errorf("the id is not known after the crash: %+v", again.Result)
	}
}

func TestBelowTheReserveNothingIsAccepted(t *testing.T) {
	dir := t.TempDir()
	reserve := int64(1)
	open := func() *world {
		s, err := store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key(), Reserve: reserve})
		if err != nil {
			t.Fatal(err)
		}
		return tell(t, s)
	}
	w := open()
	stop := storetest.Run(t, w.Store)
	target := w.target(1, "a")
	w.accept(w.event(1, "", `1`), target)
	stop()
	reserve = 1 << 60
	w = open()
	storetest.Run(t, w.Store)
	a := w.accept(w.event(1, "", `2`), target)
	var e *hub.Error
	if !errors.As(a.Result.Err, &e) || e.Code != hub.Unavailable || e.RetryAfter == 0 {
		t.Errorf("accepted below the reserve: %+v", a.Result)
	}
	w.settle(w.tried(w.owed(target)[0], hub.Succeeded, 200, delivered(1)))
	if n := len(w.owed(target)); n != 0 {
		t.Errorf("the outcome was not recorded: %d owed", n)
	}
}

func TestAFullDiskKeepsOutcomesAndRefusesEvents(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=12m"); err != nil {
		t.Skipf("SKIPPED: a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	var recorded atomic.Int64
	s, err := store.Open(t.Context(), store.Options{Dir: filepath.Join(dir, "data"), SecretKey: storetest.Key(), Reserve: 1,
		Recorded: func(o []*store.Outcome) { recorded.Add(int64(len(o))) },
		Fatal:    func(err error) { t.Errorf("durability lost: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s)
	w := tell(t, s)
	target := w.target(1, "a")
	for range 20 {
		w.accept(w.event(1, "", `1`), target)
	}
	owed := w.owed(target)
	ballast := filepath.Join(dir, "ballast")
	f, err := os.Create(ballast)
	w.must(err)
	for block := make([]byte, 4096); ; {
		if _, err := f.Write(block); err != nil {
			break
		}
	}
	w.must(f.Close())
	big := make([]byte, 600<<10)
	for i := range big {
		big[i] = '1'
	}
	var e *hub.Error
	for i := 0; ; i++ {
		a := w.accept(w.event(1, "", string(big)), target)
		if errors.As(a.Result.Err, &e) && e.Code == hub.Unavailable {
			break
		}
		if i == 100 {
			t.Fatal("a full disk took 100 events")
		}
	}
	for _, d := range owed {
		o := w.tried(d, hub.Succeeded, 200, delivered(1))
		o.Attempt.Response.Body = big
		w.Record(o)
	}
	for deadline := time.Now().Add(20 * time.Second); !w.Stuck(); {
		if time.Now().After(deadline) {
			t.Fatal("the store is not stuck on a full disk")
		}
		_ = w.Canary(w.ctx)
	}
	w.must(os.Remove(ballast))
	w.must(os.RemoveAll(ballast))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=200m"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); recorded.Load() < 20; {
		if time.Now().After(deadline) {
			t.Fatalf("%d outcomes recorded after space was made, want 20", recorded.Load())
		}
		_ = w.Canary(w.ctx)
	}
	if w.Stuck() || w.Backlog() != 0 {
		t.Errorf("still stuck %v, backlog %d", w.Stuck(), w.Backlog())
	}
	if a := w.accept(w.event(1, "", `1`), target); a.Result.Err != nil {
		t.Errorf("after space was made: %v", a.Result.Err)
	}
}

func TestALostEpochWritesNothing(t *testing.T) {
	open := storetest.OnPostgres(t)
	fatal := make(chan error, 1)
	old := open(func(o *store.Options) { o.Node, o.Fatal = "n", func(err error) { fatal <- err } })
	storetest.Run(t, old)
	w := tell(t, old)
	target := w.target(1, "a")
	w.accept(w.event(1, "", `1`), target)
	w.Store = open(func(o *store.Options) { o.Node = "n" })
	storetest.Run(t, w.Store)
	w.accept(w.event(1, "", `2`), target)

	a := &store.Accept{Event: w.event(1, "", `3`), Owed: []store.Owed{{Target: target.No}}}
	if err := old.Accept(w.ctx, a); err != nil || hub.CodeOf(a.Result.Err) != hub.Unavailable {
		t.Errorf("a fenced node accepted: %v %+v", err, a.Result)
	}
	select {
	case err := <-fatal:
		if err == nil {
			t.Error("the fenced node was told to end without a reason")
		}
	case <-time.After(10 * time.Second):
		t.Error("the fenced node was not told to end")
	}
	if err := old.Canary(w.ctx); err == nil {
		t.Error("a fenced node wrote a setting")
	}
	if n := len(w.owed(target)); n != 2 {
		t.Errorf("%d owed, want 2", n)
	}
}

func TestKilledConnectionsLoseNothing(t *testing.T) {
	var mu sync.Mutex
	offered := map[hub.ID]int{}
	s := storetest.OnPostgres(t)(func(o *store.Options) {
		o.Committed = func(fresh []store.Fresh) {
			mu.Lock()
			defer mu.Unlock()
			for _, f := range fresh {
				offered[f.Event.ID]++
			}
		}
	})
	storetest.Run(t, s)
	w := tell(t, s)
	target := w.target(1, "a")
	killer, err := pgx.Connect(w.ctx, os.Getenv(storetest.Postgres))
	w.must(err)
	defer func() { _ = killer.Close(context.WithoutCancel(w.ctx)) }()

	var confirmed, refused atomic.Int64
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for p := range 8 {
		publishers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				for {
					e := w.event(1, "", `1`)
					e.CallerID = fmt.Sprintf("%d-%d", p, i)
					a := &store.Accept{Event: e, Owed: []store.Owed{{Target: target.No}}}
					if err := s.Accept(w.ctx, a); err != nil {
						t.Error(err)
						return
					}
					if a.Result.Err == nil {
						confirmed.Add(1)
						break
					}
					if hub.CodeOf(a.Result.Err) != hub.Unavailable {
						t.Errorf("refused with %v", a.Result.Err)
					}
					refused.Add(1)
				}
			}
		})
	}
	const kill = `
		SELECT count(pg_terminate_backend(pid))
		FROM pg_stat_activity
		WHERE application_name = 'hacek' AND datname = $1`
	config, err := pgx.ParseConfig(s.URL())
	w.must(err)
	for round := int64(1); round <= 15; round++ {
		for deadline := time.Now().Add(20 * time.Second); confirmed.Load() < 40*round; {
			if time.Now().After(deadline) {
				t.Fatal("publishing does not go on after a kill")
			}
			_, err := s.LastSeq(w.ctx)
			_ = err // readers lose their connections too
		}
		if _, err := killer.Exec(w.ctx, kill, config.Database); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	publishers.Wait()
	rows, err := s.InOrder(w.ctx, target.No, 0, 1_000_000)
	for deadline := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(deadline); {
		rows, err = s.InOrder(w.ctx, target.No, 0, 1_000_000)
	}
	w.must(err)
	if int64(len(rows)) != confirmed.Load() {
		t.Errorf("%d confirmed, %d stored: each must be stored once", confirmed.Load(), len(rows))
	}
	w.must(s.Canary(w.ctx)) // whatever was read again is offered by now
	mu.Lock()
	defer mu.Unlock()
	for _, d := range rows {
		if offered[d.Event] != 1 {
			t.Errorf("event %s was offered %d times", d.Event.Text(hub.EventPrefix), offered[d.Event])
		}
	}
	t.Logf("%d confirmed, %d told to come again", confirmed.Load(), refused.Load())
	if refused.Load() == 0 {
		t.Error("no kill met a commit: the test proves nothing")
	}
}
