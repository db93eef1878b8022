package story

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The tour keeps running when it has shown all. What it prints for sending one's own is typed into another terminal as it
// stands, arrives on the first, and Ctrl-C ends the tour cleanly.
func TestTheTourKeepsRunningForOnesOwn(t *testing.T) {
	tmp := t.TempDir()
	demo := exec.Command(program, "demo")
	demo.Env = []string{"TMPDIR=" + tmp, "HOME=" + tmp}
	demo.Stderr = os.Stderr
	terminal, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(90*time.Second, func() { _ = demo.Process.Kill() })
	defer tooLong.Stop()
	defer func() { _ = demo.Process.Kill() }()
	lines := bufio.NewScanner(terminal)
	// until answers what is shown from here on, to the end of the first piece that matches.
	until := func(what string) string {
		t.Helper()
		shown := ""
		for piece := regexp.MustCompile(what); lines.Scan(); {
			if shown += lines.Text() + "\n"; piece.MatchString(shown) {
				return shown
			}
		}
		t.Fatalf("the tour ended, or stood still, without %q: %s", what, shown)
		return ""
	}

	toured := until(`Ctrl-C ends the tour\.`)
	printed := regexp.MustCompile(`(?m)^  export HACEK_URL=.*\n  \S*hacek send .*$`).FindString(toured)
	if printed == "" {
		t.Fatalf("the tour prints no command: %s", toured)
	}
	other := exec.Command("sh", "-ec", printed)
	other.Env = []string{"HOME=" + tmp}
	said, err := other.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "\n  delivered ") {
		t.Errorf("typed %s\nand it said %s (%v), want it delivered", printed, said, err)
	}
	until(`   arrived +.*, answered 200\n.*"CG-1"`)

	if err := demo.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // to its end
	}
	if err := demo.Wait(); err != nil {
		t.Errorf("Ctrl-C ended the tour with %v", err)
	}
	if left, _ := filepath.Glob(tmp + "/hacek-demo-*"); len(left) > 0 {
		t.Errorf("the tour left %v behind", left)
	}
}
