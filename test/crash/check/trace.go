package check

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// A line of strace -f -y: process, time, call, the file behind the first descriptor, and the rest.
var (
	tracedCall    = regexp.MustCompile(`^\d+\s+\S+\s+(\w+)\(\d+<([^>]*)>?(.*)$`)
	tracedResumed = regexp.MustCompile(`^(\d+)\s+\S+\s+<\.\.\. (\w+) resumed>(.*)$`)
	tracedProcess = regexp.MustCompile(`^\d+`)
)

// Trace is the judgement over a system call trace.
type Trace struct {
	Accepted   int // answers 202
	Violations []string
}

// request is what happened since the last POST arrived.
type request struct {
	open    bool
	written bool            // the log was written to
	dirty   bool            // ... and no sync that began afterwards has completed
	syncs   map[string]bool // threads inside a sync; false once a write has overtaken it
}

// Durable reads the trace of a hub that was sent one event after the other, and asks of each: between its arrival and its
// 202, was the write-ahead log written, and did a sync of a file in the data directory that began after the last such
// write complete with success?
func Durable(trace io.Reader, dataDir string) (*Trace, error) {
	t := &Trace{}
	var current request
	scanner := bufio.NewScanner(trace)
	scanner.Buffer(nil, 1<<20)
	for n := 1; scanner.Scan(); n++ {
		t.step(&current, scanner.Text(), n, path.Clean(dataDir)+"/")
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read trace: %w", err)
	}
	return t, nil
}

func (t *Trace) step(r *request, line string, n int, dataDir string) {
	thread := tracedProcess.FindString(line)
	if m := tracedResumed.FindStringSubmatch(line); m != nil {
		switch call, rest := m[2], m[3]; {
		case strings.HasPrefix(call, "read") || strings.HasPrefix(call, "recv"):
			r.arrive(rest)
		case isSync(call):
			r.synced(thread, rest)
		}
		return
	}
	m := tracedCall.FindStringSubmatch(line)
	if m == nil {
		return
	}
	call, file, rest := m[1], m[2], m[3]
	inside := strings.HasPrefix(file, dataDir)
	switch {
	case strings.HasPrefix(call, "read") || strings.HasPrefix(call, "recv"):
		r.arrive(rest)
	case isSync(call) && inside:
		if r.syncs == nil {
			r.syncs = map[string]bool{}
		}
		r.syncs[thread] = true
		if !strings.Contains(rest, "<unfinished") {
			r.synced(thread, rest)
		}
	case strings.Contains(call, "write") && inside && strings.HasSuffix(file, "-wal"):
		r.written, r.dirty = true, true
		for thread := range r.syncs {
			r.syncs[thread] = false
		}
	case strings.Contains(rest, `"HTTP/1.1 202`):
		t.answer(r, n)
	}
}

func isSync(call string) bool { return call == "fsync" || call == "fdatasync" }

// arrive opens the window; what was written for earlier requests does not count for this one.
func (r *request) arrive(rest string) {
	if strings.Contains(rest, `"POST /v1/events `) {
		*r = request{open: true, syncs: r.syncs}
	}
}

func (r *request) synced(thread, rest string) {
	covers := r.syncs[thread]
	delete(r.syncs, thread)
	if covers && strings.HasSuffix(strings.TrimSpace(rest), "= 0") {
		r.dirty = false
	}
}

func (t *Trace) answer(r *request, n int) {
	t.Accepted++
	violate := func(what string) {
		t.Violations = append(t.Violations, fmt.Sprintf("trace line %d: answered 202 %s", n, what))
	}
	switch {
	case !r.open:
		violate("without a request")
	case !r.written:
		violate("and nothing was written to the log")
	case r.dirty:
		violate("before the log was synced")
	}
	r.open = false
}
