package story

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// session is a hub in a directory of its own, that can be stopped and started again at the same address.
type session struct {
	t       *testing.T
	dir     string
	address string
	flags   []string // of `hacek serve`, beside the usual ones
	env     []string // of the same
	hub     *running
}

func (s *session) start() {
	s.t.Helper()
	cmd := exec.Command(program, append([]string{"serve", "--listen", s.address, "--allow-private", "127.0.0.0/8"}, s.flags...)...)
	cmd.Dir = s.dir
	cmd.Env = append([]string{"HACEK_API_KEY=" + adminKey, "HOME=" + s.dir}, s.env...)
	h, base, err := launch(cmd, filepath.Join(s.dir, "hub.out"), filepath.Join(s.dir, "hub.err"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.hub, s.address = h, strings.TrimPrefix(base, "http://")
	s.t.Cleanup(h.kill)
}

func (s *session) signal() {
	s.t.Helper()
	if err := s.hub.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) hacek(args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HACEK_URL=http://" + s.address, "HACEK_API_KEY=" + adminKey}
	return cmd
}

func (s *session) run(args ...string) string {
	s.t.Helper()
	text, err := s.hacek(args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("hacek %v: %v: %s", args, err, text)
	}
	return string(text)
}

func (s *session) call(method, path, body string) string {
	s.t.Helper()
	status, text, err := s.ask(method, path, "application/json", body)
	if err != nil || status/100 != 2 {
		s.t.Fatalf("%s %s: %d: %s (%v)", method, path, status, text, err)
	}
	return text
}

// ask is a call whatever comes of it.
func (s *session) ask(method, path, contentType, body string) (status int, text string, err error) {
	request, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	request.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(read), err
}

// A receiver that hangs keeps a clean stop waiting; a second signal ends the hub at once, and what was under way is
// sent again at the next start.
func TestO2_SecondSignalEndsAtOnceAndNothingIsLost(t *testing.T) {
	arrived, release := make(chan bool, 8), make(chan bool)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
	}))
	defer receiver.Close()
	defer func() {
		select {
		case <-release:
		default:
			close(release)
		}
	}()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	s.call("POST", "/v1/endpoints", `{"name":"slow","request":{"url":"`+receiver.URL+`"}}`)
	s.run("send", "order.created")
	<-arrived
	s.signal()
	select {
	case err := <-s.hub.ended:
		t.Fatalf("the hub ended with a delivery in flight after one signal: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	began := time.Now()
	s.signal()
	_ = s.hub.wait()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the second signal took %s", took)
	}
	close(release)
	s.start()
	select {
	case <-arrived:
	case <-time.After(10 * time.Second):
		t.Error("what was in flight at the second signal was not sent again")
	}
}

// A clean stop waits for what is in flight and keeps its outcome: the receiver is not asked a second time.
func TestO2_WhatIsInFlightAtACleanStopIsKept(t *testing.T) {
	arrived, release := make(chan bool, 8), make(chan bool)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		<-release
	}))
	defer receiver.Close()
	letGo := sync.OnceFunc(func() { close(release) })
	defer letGo()
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	s.call("POST", "/v1/endpoints", `{"name":"slow","request":{"url":"`+receiver.URL+`"}}`)
	s.run("send", "order.created")
	<-arrived
	s.signal()
	waitFor(t, "the engine to wait for what is in flight", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.dir, "hub.err"))
		return strings.Contains(string(text), "engine stopping")
	})
	letGo()
	if err := s.hub.wait(); err != nil {
		t.Fatalf("a clean stop ended with %v", err)
	}
	s.start()
	waitFor(t, "the delivery after the start", func() bool {
		return strings.Contains(s.call("GET", "/v1/deliveries", ""), `"state":"delivered"`)
	})
	if n := len(arrived); n != 0 {
		t.Errorf("what was answered during the stop arrived %d times more", n)
	}
}

// What happens while the connection is away is shown when it is back.
func TestListenGoesOnWhereItWasCutOff(t *testing.T) {
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	out, err := os.Create(filepath.Join(s.dir, "listen.out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	listen := s.hacek("listen")
	listen.Stdout = out
	said, err := listen.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := listen.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listen.Process.Kill(); _ = listen.Wait() }()
	waitFor(t, "the listener", func() bool {
		one := make([]byte, 512)
		n, _ := said.Read(one)
		return strings.Contains(string(one[:n]), "listening")
	})
	go func() { _, _ = io.Copy(io.Discard, said) }()
	shows := func(key string) func() bool {
		return func() bool {
			text, _ := os.ReadFile(out.Name())
			return strings.Contains(string(text), " "+key+" ")
		}
	}
	s.run("send", "order.created", "--key", "before")
	waitFor(t, "the first event", shows("before"))
	s.signal()
	if err := s.hub.wait(); err != nil {
		t.Fatalf("a listener keeps the hub from stopping: %v", err)
	}
	s.start()
	s.run("send", "order.created", "--key", "between")
	waitFor(t, "the event sent while the listener was away", shows("between"))
	s.run("send", "order.created", "--key", "after")
	waitFor(t, "the last event", shows("after"))
	text, _ := os.ReadFile(out.Name())
	if n := strings.Count(string(text), "order.created"); n != 3 {
		t.Errorf("%d events were shown, want 3:\n%s", n, text)
	}
}

func waitFor(t *testing.T, what string, happened func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	tooLong := time.After(15 * time.Second)
	for !happened() {
		select {
		case <-tick.C:
		case <-tooLong:
			t.Fatalf("%s did not come within 15 s", what)
		}
	}
}
