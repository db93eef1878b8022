package check

import (
	"strings"
	"testing"
)

const (
	arrived  = `101   10.000001 read(9<socket:[77]>, "POST /v1/events HTTP/1.1\r\nHost: "..., 4096) = 900` + "\n"
	logged   = `102   10.000100 pwrite64(7</d/data/hacek.db-wal>, "\0\0"..., 4096, 32) = 4096` + "\n"
	synced   = `102   10.000200 fdatasync(7</d/data/hacek.db-wal>) = 0` + "\n"
	begun    = `102   10.000200 fdatasync(7</d/data/hacek.db-wal> <unfinished ...>` + "\n"
	ended    = `102   10.001200 <... fdatasync resumed>) = 0` + "\n"
	failed   = `102   10.000200 fdatasync(7</d/data/hacek.db-wal>) = -1 EIO (Input/output error)` + "\n"
	foreign  = `102   10.000200 fdatasync(7</d/other/hacek.db-wal>) = 0` + "\n"
	accepted = `101   10.002000 write(9<socket:[77]>, "HTTP/1.1 202 Accepted\r\nContent-T"..., 300) = 300` + "\n"
	beside   = `103   10.000300 pwrite64(5</d/data/hacek.db-wal>, "\0\0"..., 24, 4128) = 24` + "\n"
	notified = `101   10.000001 read(9<socket:[77]>, "POST /in/shoptet HTTP/1.1\r\nHost"..., 4096) = 400` + "\n"
	received = `101   10.002000 write(9<socket:[77]>, "HTTP/1.1 200 OK\r\nContent-Type: "..., 200) = 200` + "\n"
	readBack = `101   10.000001 <... read resumed>"POST /v1/events HTTP/1.1\r\nHost: "..., 4096) = 900` + "\n"
)

func TestTraceOfAnAcceptedEvent(t *testing.T) {
	for name, c := range map[string]struct {
		trace string
		want  string
	}{
		"written, synced, answered":         {arrived + logged + synced + accepted, ""},
		"the same, calls split":             {readBack + logged + begun + ended + accepted, ""},
		"another connection writes then":    {arrived + logged + synced + beside + accepted, ""},
		"another connection's sync only":    {arrived + beside + logged + begun + logged + beside + ended + accepted, "before the log was synced"},
		"answered before the sync":          {arrived + logged + accepted + synced, "before the log was synced"},
		"answered while the sync runs":      {arrived + logged + begun + accepted + ended, "before the log was synced"},
		"never synced":                      {arrived + logged + accepted, "before the log was synced"},
		"synced before it was written":      {arrived + synced + logged + accepted, "before the log was synced"},
		"written while the sync runs":       {arrived + logged + begun + logged + ended + accepted, "before the log was synced"},
		"the sync failed":                   {arrived + logged + failed + accepted, "before the log was synced"},
		"another directory synced":          {arrived + logged + foreign + accepted, "before the log was synced"},
		"nothing written":                   {arrived + synced + accepted, "nothing was written"},
		"only the request before was saved": {arrived + logged + synced + accepted + arrived + accepted, "nothing was written"},
		"no request":                        {logged + synced + accepted, "without a request"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Durable(strings.NewReader(c.trace), "/d/data")
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(got.Violations, "\n")
			if got.Accepted == 0 || (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
				t.Errorf("got %d accepted and %q, want %q in:\n%s", got.Accepted, found, c.want, c.trace)
			}
		})
	}
}

// A notice to a source is asked the same; a 200 to anything else is nobody's success.
func TestTraceOfANotice(t *testing.T) {
	for name, c := range map[string]struct {
		trace    string
		received int
		want     string
	}{
		"written, synced, answered":            {notified + logged + synced + received, 1, ""},
		"answered before the sync":             {notified + logged + received + synced, 1, "answered 200 before the log was synced"},
		"answered while the sync runs":         {notified + logged + begun + received + ended, 1, "answered 200 before the log was synced"},
		"nothing written":                      {notified + synced + received, 1, "answered 200 and nothing was written"},
		"only the event before was saved":      {arrived + logged + synced + accepted + notified + received, 1, "nothing was written"},
		"a 200 that no notice waits for":       {received + arrived + received + logged + synced + accepted + received, 0, ""},
		"the second answer is somebody else's": {notified + logged + synced + received + received, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Durable(strings.NewReader(c.trace), "/d/data")
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(got.Violations, "\n")
			if got.Received != c.received || (found == "") != (c.want == "") || !strings.Contains(found, c.want) {
				t.Errorf("got %d received and %q, want %d and %q in:\n%s", got.Received, found, c.received, c.want, c.trace)
			}
		})
	}
}
