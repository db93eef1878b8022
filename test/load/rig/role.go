//go:build linux

package rig

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Role is this same program, running again as a process with one part to play. The first line it writes is its greeting
// (an address, or nothing), the last its report; it ends when its standard input does, so it never outlives the proof.
type Role struct {
	Name     string
	Greeting string

	cmd   *exec.Cmd
	stdin io.Closer
	lines chan string
}

// StartRole runs this program again with the given arguments and waits for its greeting.
func StartRole(name string, args ...string) (*Role, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	cmd := exec.Command(self, append([]string{name}, args...)...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	r := &Role{Name: name, cmd: cmd, stdin: stdin, lines: make(chan string, 16)}
	go func() {
		defer close(r.lines)
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 16<<20)
		for scanner.Scan() {
			r.lines <- scanner.Text()
		}
	}()
	select {
	case line, ok := <-r.lines:
		if !ok {
			return nil, fmt.Errorf("%s ended before it was ready: %w", name, cmd.Wait())
		}
		r.Greeting = line
		return r, nil
	case <-time.After(10 * time.Second):
		cmd.Process.Kill()
		return nil, fmt.Errorf("%s was not ready within 10 s", name)
	}
}

// Pid is the role's process.
func (r *Role) Pid() int { return r.cmd.Process.Pid }

// Report waits for the role to end by itself and decodes its last line into report.
func (r *Role) Report(report any) error {
	last := ""
	for line := range r.lines {
		last = line
	}
	if err := r.cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	if report == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(last), report); err != nil {
		return fmt.Errorf("report of %s: %w in %.200s", r.Name, err, last)
	}
	return nil
}

// Stop tells the role to end, and reads its report.
func (r *Role) Stop(report any) error {
	r.stdin.Close()
	return r.Report(report)
}

// Greet is the role's side of StartRole: say you are ready.
func Greet(greeting string) {
	fmt.Println(greeting)
}

// Answer is the role's side of Report.
func Answer(report any) error {
	return json.NewEncoder(os.Stdout).Encode(report)
}

// Dismissed is closed when whoever started this role closes its standard input, or dies.
func Dismissed() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(done)
	}()
	return done
}
