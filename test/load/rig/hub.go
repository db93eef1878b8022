//go:build linux

// Package rig starts the programs a proof needs (the hub itself, and the proof's own roles as processes) and reads what the
// system knows about them: processor time, memory, disk. It must not know what is being proved, nor anything of the hub but its public contract.
package rig

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Hub is one hub under proof: the same directory, address and key over all its starts.
type Hub struct {
	Binary   string
	Data     string // its data directory; the sealing key lies beside it
	Address  string // 127.0.0.1:port
	Key      string
	Database string   // empty: SQLite in Data
	Wrap     []string // a program that runs the hub, such as strace with its options
	Log      io.Writer

	cmd    *exec.Cmd
	exited chan struct{}
}

// NewHub gives a hub its own directory below dir, a free port and a random key; it does not start it.
func NewHub(binary, dir, database string) (*Hub, error) {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	log, err := os.OpenFile(filepath.Join(dir, "hub.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of the hub: %w", err)
	}
	key := make([]byte, 24)
	rand.Read(key)
	return &Hub{
		Binary:   binary,
		Data:     data,
		Address:  listener.Addr().String(),
		Key:      "hk_" + hex.EncodeToString(key),
		Database: database,
		Log:      log,
	}, nil
}

// API speaks to this hub, started or not.
func (h *Hub) API() *API {
	return NewAPI("http://"+h.Address, h.Key)
}

// Launch starts the process and returns at once; Ready waits for it.
func (h *Hub) Launch() error {
	line := append(append([]string{}, h.Wrap...), h.Binary, "serve", "--data", h.Data, "--listen", h.Address, "--allow-private", "127.0.0.0/8")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "HACEK_API_KEY="+h.Key)
	if h.Database != "" {
		cmd.Env = append(cmd.Env, "HACEK_DATABASE="+h.Database)
	}
	cmd.Stdout, cmd.Stderr = h.Log, h.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", h.Binary, err)
	}
	exited := make(chan struct{})
	h.cmd, h.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // killed, most of the time
		close(exited)
	}()
	return nil
}

// Ready waits until the hub says it is ready to take events.
func (h *Hub) Ready(ctx context.Context) error {
	client := &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		answer, err := client.Get("http://" + h.Address + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-h.exited:
			return fmt.Errorf("the hub ended by itself: %s; see %s", h.cmd.ProcessState, h.LogName())
		case <-ctx.Done():
			return fmt.Errorf("the hub did not become ready: %w; see %s", ctx.Err(), h.LogName())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Start launches the hub and waits a minute at most for it to be ready.
func (h *Hub) Start(ctx context.Context) error {
	if err := h.Launch(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return h.Ready(ctx)
}

// Kill is kill -9; it returns when the process is gone.
func (h *Hub) Kill() error {
	select {
	case <-h.exited:
		return fmt.Errorf("the hub had ended by itself before the kill: %s; see %s", h.cmd.ProcessState, h.LogName())
	default:
	}
	if err := h.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("kill the hub: %w", err)
	}
	<-h.exited
	return nil
}

// Stop asks the hub to end cleanly and insists after 20 seconds. A hub that is not running is no error.
func (h *Hub) Stop() error {
	if h.cmd == nil {
		return nil
	}
	select {
	case <-h.exited:
		return nil
	default:
	}
	pid := h.Pid()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop the hub: %w", err)
	}
	select {
	case <-h.exited:
		return nil
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(pid, syscall.SIGKILL)
		h.cmd.Process.Kill()
		<-h.exited
		return fmt.Errorf("the hub did not stop within 20 s; see %s", h.LogName())
	}
}

// Pid is the hub's own process, also when a wrapping program was started in its place.
func (h *Hub) Pid() int {
	pid := h.cmd.Process.Pid
	if len(h.Wrap) == 0 {
		return pid
	}
	if children := Tree(pid); len(children) > 1 {
		return children[1]
	}
	return pid
}

// LogName is where the hub's own output went.
func (h *Hub) LogName() string {
	if f, ok := h.Log.(*os.File); ok {
		return f.Name()
	}
	return "its log"
}
