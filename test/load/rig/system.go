//go:build linux

package rig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is what the kernel counts processor time in; USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// stat holds the fields of /proc/<pid>/stat a proof needs.
type stat struct {
	parent int
	cpu    time.Duration // own, and of children already ended and waited for
}

// parseStat reads the line behind the command's name, which may itself hold blanks and brackets.
func parseStat(line []byte) (stat, error) {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, fmt.Errorf("no command in %q", line)
	}
	fields := strings.Fields(string(line[end+1:]))
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("only %d fields in %q", len(fields), line)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return stat{}, err
	}
	var ticks int64
	for _, field := range fields[11:15] { // utime stime cutime cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return stat{}, err
		}
		ticks += n
	}
	return stat{parent: parent, cpu: time.Duration(ticks) * tick}, nil
}

func readStat(pid int) (stat, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(line)
}

// Tree is a process and all that descend from it, parents first.
func Tree(root int) []int {
	children := map[int][]int{}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	tree := []int{root}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}

// CPU is the processor time spent so far by a process and all that descend from it.
func CPU(root int) time.Duration {
	var sum time.Duration
	for _, pid := range Tree(root) {
		if s, err := readStat(pid); err == nil {
			sum += s.cpu
		}
	}
	return sum
}

// Parent is the process that started pid.
func Parent(pid int) (int, error) {
	s, err := readStat(pid)
	return s.parent, err
}

// Anonymous is RssAnon in bytes: the memory a process holds that no file backs.
func Anonymous(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// PeakMemory samples RssAnon of a process ten times a second until stop is closed, and then sends the largest.
func PeakMemory(pid int, stop <-chan struct{}) <-chan int64 {
	peak := make(chan int64, 1)
	go func() {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		largest := Anonymous(pid)
		for {
			select {
			case <-ticker.C:
				largest = max(largest, Anonymous(pid))
			case <-stop:
				peak <- max(largest, Anonymous(pid))
				return
			}
		}
	}()
	return peak
}

// memoryFileSystems forget everything at power loss, so an fsync on them proves nothing and costs nothing.
var memoryFileSystems = map[int64]string{0x01021994: "tmpfs", 0x858458f6: "ramfs"}

// Disk describes the file system a directory lies on; a file system in memory is refused.
func Disk(dir string) (string, error) {
	var found syscall.Statfs_t
	if err := syscall.Statfs(dir, &found); err != nil {
		return "", fmt.Errorf("file system of %s: %w", dir, err)
	}
	if name, memory := memoryFileSystems[int64(found.Type)]; memory {
		return "", fmt.Errorf("%s is on %s, where durability costs nothing: give -data DIR on a real disk", dir, name)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return mountOf(string(mounts), absolute), nil
}

// mountOf finds the deepest mount above a path: "ext4 on /var".
func mountOf(mounts, path string) string {
	best, description := -1, "unknown"
	for line := range strings.Lines(mounts) {
		left, right, found := strings.Cut(line, " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if !found || len(fields) < 5 || len(kind) < 1 {
			continue
		}
		point := fields[4]
		below := path == point || strings.HasPrefix(path, strings.TrimSuffix(point, "/")+"/")
		if below && len(point) >= best {
			best, description = len(point), kind[0]+" on "+point
		}
	}
	return description
}

// Probe makes a durable append of 4 KiB in dir, every so often until stop is closed, and then sends how long after its
// moment each was done, in nanoseconds: what the disk and those who share it did to everybody meanwhile. While one is held
// up, those behind it are late too, like requests.
func Probe(dir string, every time.Duration, stop <-chan struct{}) (<-chan []int64, error) {
	file, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return nil, fmt.Errorf("probe the disk: %w", err)
	}
	all := make(chan []int64, 1)
	go func() {
		defer os.Remove(file.Name())
		defer file.Close()
		var took []int64
		due := time.Now()
		for page := make([]byte, 4096); ; {
			due = due.Add(every)
			select {
			case <-time.After(time.Until(due)):
				_, err := file.Write(page)
				if err == nil {
					err = syscall.Fdatasync(int(file.Fd()))
				}
				if err == nil {
					took = append(took, int64(time.Since(due)))
				}
			case <-stop:
				all <- took
				return
			}
		}
	}()
	return all, nil
}

// Fsyncs measures how many durable 4 KiB appends a second this directory's disk makes, one after the other.
func Fsyncs(dir string) (float64, error) {
	file, err := os.CreateTemp(dir, "fsync-*")
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	page := make([]byte, 4096)
	start, n := time.Now(), 0
	for time.Since(start) < time.Second {
		if _, err := file.Write(page); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		n++
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// SizeOf is what all files below a directory hold, in bytes.
func SizeOf(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) { // it went while we looked
			return nil
		}
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
