//go:build linux

package rig

import (
	"os"
	"testing"
	"time"
)

func TestParseStatBehindAnyName(t *testing.T) {
	line := []byte("42 (a) b (c)) S 7 42 42 0 -1 4194304 1 2 3 4 110 20 3 1 20 0 1 0 100 200 300\n")
	got, err := parseStat(line)
	if err != nil {
		t.Fatal(err)
	}
	if want := (stat{parent: 7, cpu: 1340 * time.Millisecond}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestThisProcessIsBelowItsParent(t *testing.T) {
	parent, err := Parent(os.Getpid())
	if err != nil || parent != os.Getppid() {
		t.Fatalf("parent %d, %v, want %d", parent, err, os.Getppid())
	}
	found := false
	for _, pid := range Tree(parent) {
		found = found || pid == os.Getpid()
	}
	if !found {
		t.Errorf("process %d is not below its parent %d", os.Getpid(), parent)
	}
	if Anonymous(os.Getpid()) < 1<<16 {
		t.Errorf("RssAnon %d bytes", Anonymous(os.Getpid()))
	}
}

func TestMountOf(t *testing.T) {
	const mounts = "1 0 8:1 / / rw - ext4 /dev/a rw\n" +
		"2 1 0:9 / /tmp rw shared:1 - tmpfs tmpfs rw\n" +
		"3 1 8:2 / /tmp/disk rw - xfs /dev/b rw\n"
	for path, want := range map[string]string{
		"/srv/x":       "ext4 on /",
		"/tmp/x":       "tmpfs on /tmp",
		"/tmp":         "tmpfs on /tmp",
		"/tmpx":        "ext4 on /",
		"/tmp/disk/db": "xfs on /tmp/disk",
	} {
		if got := mountOf(mounts, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// A directory in memory is refused wherever the machine has one.
func TestDiskRefusesMemory(t *testing.T) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	const memory = "/dev/shm"
	if kind := mountOf(string(mounts), memory); kind != "tmpfs on "+memory {
		t.Logf("%s is %s here: only a disk is tried", memory, kind)
	} else if _, err := Disk(memory); err == nil {
		t.Errorf("%s was taken for a disk", memory)
	}
	if _, err := Disk("/"); err != nil {
		t.Log("the root directory is no disk here:", err)
	}
}

func TestDatabaseIsReplacedInTheURL(t *testing.T) {
	for dsn, want := range map[string]string{
		"postgres:///postgres?host=/tmp/x&user=u": "postgres:///new?host=/tmp/x&user=u",
		"postgres://u@/postgres?host=/tmp/x":      "postgres://u@/new?host=/tmp/x",
		"postgresql://u:p@db:5433/old?sslmode=no": "postgresql://u:p@db:5433/new?sslmode=no",
	} {
		if got, err := withDatabase(dsn, "new"); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", dsn, got, err, want)
		}
	}
	if _, err := withDatabase("host=/tmp user=u", "new"); err == nil {
		t.Error("a DSN that is no URL was taken")
	}
}
