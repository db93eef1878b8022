package check

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A line of strace -f -y: process, time, call, the file behind the first descriptor, and the rest.
var (
	tracedCall    = regexp.MustCompile(`^\d+\s+\S+\s+(\w+)\((\d+)<([^>]*)>?(.*)$`)
	tracedResumed = regexp.MustCompile(`^(\d+)\s+\S+\s+<\.\.\. (\w+) resumed>(.*)$`)
	tracedProcess = regexp.MustCompile(`^\d+`)
)

// Trace is the judgement over a system call trace.
type Trace struct {
	Accepted   int // answers 202 to POST /v1/events
	Received   int // answers 200 to POST /in/...
	Violations []string
}

// request is what happened since the last POST arrived.
type request struct {
	open  bool
	in    bool                       // it came to a source, whose success is 200
	dirty map[string]bool            // descriptors through which the log was written; false once a sync that began afterwards has completed
	syncs map[string]map[string]bool // threads inside a sync -> descriptors whose writes it covers
}

// Durable reads the trace of a hub that was sent one event or notice after the other, and asks of each: between its arrival
// and its success, was the write-ahead log written, and did a sync of a file in the data directory that began after the last such
// write complete with success? The hub writes the log through two connections, and the one that did not accept the
// event may begin a write of its own before the answer leaves: so writes are told apart by their descriptor, and one
// that is synced is asked for.
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
	call, descriptor, file, rest := m[1], m[2], m[3], m[4]
	inside := strings.HasPrefix(file, dataDir)
	switch {
	case strings.HasPrefix(call, "read") || strings.HasPrefix(call, "recv"):
		r.arrive(rest)
	case isSync(call) && inside:
		if r.syncs == nil {
			r.syncs = map[string]map[string]bool{}
		}
		r.syncs[thread] = maps.Clone(r.dirty)
		if !strings.Contains(rest, "<unfinished") {
			r.synced(thread, rest)
		}
	case strings.Contains(call, "write") && inside && strings.HasSuffix(file, "-wal"):
		if r.dirty == nil {
			r.dirty = map[string]bool{}
		}
		r.dirty[descriptor] = true
		for _, covered := range r.syncs {
			delete(covered, descriptor)
		}
	case strings.Contains(rest, `"HTTP/1.1 202`):
		t.Accepted++
		t.answer(r, n, 202)
	case strings.Contains(rest, `"HTTP/1.1 200`) && r.in:
		t.Received++
		t.answer(r, n, 200)
	}
}

func isSync(call string) bool { return call == "fsync" || call == "fdatasync" }

// arrive opens the window; what was written for earlier requests does not count for this one.
func (r *request) arrive(rest string) {
	if in := strings.Contains(rest, `"POST /in/`); in || strings.Contains(rest, `"POST /v1/events `) {
		*r = request{open: true, in: in, syncs: r.syncs}
	}
}

func (r *request) synced(thread, rest string) {
	covers := r.syncs[thread]
	delete(r.syncs, thread)
	if !strings.HasSuffix(strings.TrimSpace(rest), "= 0") {
		return
	}
	for descriptor := range covers {
		if _, written := r.dirty[descriptor]; written {
			r.dirty[descriptor] = false
		}
	}
}

func (t *Trace) answer(r *request, n, status int) {
	violate := func(what string) {
		t.Violations = append(t.Violations, fmt.Sprintf("trace line %d: answered %d %s", n, status, what))
	}
	switch {
	case !r.open:
		violate("without a request")
	case len(r.dirty) == 0:
		violate("and nothing was written to the log")
	case !slices.Contains(slices.Collect(maps.Values(r.dirty)), false):
		violate("before the log was synced")
	}
	r.open, r.in = false, false
}
