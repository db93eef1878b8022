package story

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A disk that fails to make a commit durable: no success is answered, the process ends and says why, and the next
// start finds what was accepted before.
func TestO2_FailedFsyncIsNeverAnsweredWithSuccess(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		missing(t, "strace is not installed")
	}
	s := &session{t: t, dir: t.TempDir(), address: "127.0.0.1:0"}
	s.start()
	s.run("send", "order.created", "--key", "before")

	fault := exec.Command(strace, "-f", "-p", fmt.Sprint(s.hub.cmd.Process.Pid), "-o", os.DevNull,
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO")
	said, err := fault.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := fault.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = fault.Process.Kill(); _ = fault.Wait() }()
	lines := bufio.NewScanner(said)
	if !lines.Scan() || !strings.Contains(lines.Text(), "attached") {
		missing(t, "strace may not attach here: "+lines.Text())
	}

	request, err := http.NewRequest("POST", "http://"+s.address+"/v1/events", strings.NewReader(`{"type":"order.created","key":"during","data":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	if answer, err := http.DefaultClient.Do(request); err == nil {
		answer.Body.Close()
		if answer.StatusCode/100 == 2 {
			t.Errorf("answered %s although nothing was durable", answer.Status)
		}
	}
	_ = s.hub.wait()
	if code := s.hub.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	text, err := os.ReadFile(filepath.Join(s.dir, "hub.err"))
	if err != nil || !strings.Contains(string(text), "hint: check the disk") {
		t.Errorf("the hub does not say what to do: %s", text)
	}
	s.start()
	if found := s.call("GET", "/v1/events?key=before", ""); !strings.Contains(found, `"key":"before"`) {
		t.Errorf("what was accepted before is gone: %s", found)
	}
	if shown := s.run("send", "order.created", "--key", "after"); !strings.Contains(shown, "accepted") {
		t.Errorf("after the restart: %s", shown)
	}
}

// missing skips loudly, and fails where nothing may be skipped.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}

// kill -9 alone would pass without any sync: the trace of the system calls shows a completed one before each 202.
func TestO2_ACompletedSyncLiesBeforeEveryAnswer(t *testing.T) {
	out, err := exec.Command("go", "run", "hacek/test/crash", "-hacek", program, "-fsync").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "It holds") {
		t.Fatalf("%v\n%s", err, out)
	}
}
