// Package story plays the program as its users meet it: the real binary, its arguments, output and exit codes.
// It must not know anything inside; each story in *.txtar reads like a session at a terminal.
package story

import (
	"bufio"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/rogpeppe/go-internal/testscript"

	"hacek/internal/api/apitest"
)

const adminKey = "hk_planted_story_0123456789"

// scriptKey is the administrator's in the *.txtar: a script's log shows its environment and what is typed, so nothing in
// it bears the mark of planted secrets.
const scriptKey = "hk_script_0123456789abcdefghij"

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hacek-story-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program = filepath.Join(dir, "hacek")
	build := exec.Command("go", "build", "-o", program, "hacek/cmd/hacek")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build hacek:", err)
		os.Exit(1)
	}
	contract, err := apitest.New()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.DefaultClient.Transport = promised{contract.Transport(http.DefaultTransport)}
	code := m.Run()
	if code == 0 {
		code = apitest.Coverage(os.Stderr, contract, false)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// promised holds the answers of the program's API against its document; pages and sources promise other things.
type promised struct{ api http.RoundTripper }

func (p promised) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		return p.api.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func TestStories(t *testing.T) {
	testscript.Run(t, stories("", nil))
}

// The stories that leave something in the database are the same on PostgreSQL.
func TestN8_StoriesOnPostgres(t *testing.T) {
	server := os.Getenv("HACEK_TEST_POSTGRES")
	if server == "" {
		missing(t, "set HACEK_TEST_POSTGRES to play the stories on PostgreSQL too (make test does)")
	}
	testscript.Run(t, stories(server, []string{"send.txtar", "undelivered.txtar", "listen.txtar", "key.txtar"}))
}

// stories are the sessions in *.txtar, or only the named ones, on SQLite or on a PostgreSQL server.
func stories(postgres string, only []string) testscript.Params {
	p := testscript.Params{
		Files: only,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HACEK_API_KEY", scriptKey)
			if postgres == "" {
				return nil
			}
			name, drop, err := newDatabase(postgres)
			if err != nil {
				return err
			}
			env.Defer(drop)
			env.Setenv("HACEK_DATABASE", name)
			return nil
		},
		Condition: func(cond string) (bool, error) { return cond == "postgres" && postgres != "", nil },
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"hub":      startHub,
			"api":      callAPI,
			"receiver": startReceiver,
			"exitcode": exitCode,
			"listen":   listenFor,
			"mode":     mode,
		},
	}
	if only == nil {
		p.Dir = "."
	}
	return p
}

// newDatabase makes an empty database on a server and answers its URL.
func newDatabase(server string) (address string, drop func(), err error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", nil, err
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return "", nil, err
	}
	name := "story_" + strings.ToLower(rand.Text())
	if _, err := db.Exec("CREATE DATABASE " + name); err != nil {
		db.Close()
		return "", nil, err
	}
	u.Path = "/" + name
	return u.String(), func() {
		_, _ = db.Exec("DROP DATABASE " + name + " WITH (FORCE)")
		db.Close()
	}, nil
}

// hub [flags]: start `hacek serve` on a free port with these flags, wait for it, and set HACEK_URL. `hub stop` asks it
// to stop and expects a clean end; what it said is in hub.out and hub.err then.
func startHub(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 1 && args[0] == "stop" {
		h := hubs.of(ts)
		ts.Check(h.cmd.Process.Signal(syscall.SIGTERM))
		if err := h.wait(); err != nil {
			ts.Fatalf("the hub did not end cleanly: %v", err)
		}
		return
	}
	cmd := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--allow-private", "127.0.0.0/8"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = []string{"HACEK_API_KEY=" + ts.Getenv("HACEK_API_KEY"), "HACEK_DATABASE=" + ts.Getenv("HACEK_DATABASE"), "HOME=" + cmd.Dir}
	h, base, err := launch(cmd, ts.MkAbs("hub.out"), ts.MkAbs("hub.err"))
	ts.Check(err)
	hubs.put(ts, h)
	ts.Defer(h.kill)
	ts.Setenv("HACEK_URL", base)
	ts.Setenv("ADDRESS", strings.TrimPrefix(base, "http://"))
}

// running is a hub as a process.
type running struct {
	cmd   *exec.Cmd
	ended chan error
	once  sync.Once
	err   error
}

// launch starts a hub and answers when it listens, with its address.
func launch(cmd *exec.Cmd, outName, errName string) (*running, string, error) {
	outFile, err := os.Create(outName)
	if err != nil {
		return nil, "", err
	}
	errFile, err := os.Create(errName)
	if err != nil {
		return nil, "", err
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	cmd.Stderr = errFile
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	h := &running{cmd: cmd, ended: make(chan error, 1)}
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			fmt.Fprintln(outFile, lines.Text())
			if _, rest, found := strings.Cut(lines.Text(), " listens on "); found {
				base, _, _ := strings.Cut(rest, ",")
				address <- base
			}
		}
		outFile.Close()
		errFile.Close()
		h.ended <- cmd.Wait()
	}()
	select {
	case base := <-address:
		return h, base, nil
	case err := <-h.ended:
		said, _ := os.ReadFile(errName)
		return nil, "", fmt.Errorf("the hub ended at once: %w: %s", err, said)
	case <-time.After(30 * time.Second):
		h.kill()
		return nil, "", fmt.Errorf("the hub did not listen within 30 s")
	}
}

func (h *running) wait() error {
	h.once.Do(func() {
		select {
		case h.err = <-h.ended:
		case <-time.After(30 * time.Second):
			_ = h.cmd.Process.Kill()
			h.err = fmt.Errorf("it took longer than 30 s")
		}
	})
	return h.err
}

func (h *running) kill() {
	_ = h.cmd.Process.Kill()
	_ = h.wait()
}

// hubs remembers each story's newest hub.
var hubs hubList

type hubList struct {
	mu   sync.Mutex
	list map[*testscript.TestScript]*running
}

func (l *hubList) put(ts *testscript.TestScript, h *running) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list == nil {
		l.list = map[*testscript.TestScript]*running{}
	}
	l.list[ts] = h
}

func (l *hubList) of(ts *testscript.TestScript) *running {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.list[ts] == nil {
		ts.Fatalf("no hub was started")
	}
	return l.list[ts]
}

// receiver FILE [STATUS]: take webhooks, append each body as a line to FILE, and set RECEIVER to the address.
func startReceiver(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: receiver FILE [STATUS]")
	}
	status := http.StatusOK
	if len(args) > 1 {
		var err error
		status, err = strconv.Atoi(args[1])
		ts.Check(err)
	}
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(file, "%s %s %s\n", r.Method, r.URL, body)
		w.WriteHeader(status)
	}))
	ts.Defer(func() {
		server.Close()
		file.Close()
	})
	ts.Setenv("RECEIVER", server.URL)
}

// api METHOD PATH [FILE]: one call of the hub's API with a body from FILE, in which $RECEIVER is filled in. `! api` expects
// a refusal.
func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(strings.ReplaceAll(ts.ReadFile(args[2]), "$RECEIVER", ts.Getenv("RECEIVER")))
	}
	request, err := http.NewRequest(args[0], ts.Getenv("HACEK_URL")+args[1], body)
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+ts.Getenv("HACEK_API_KEY"))
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s\n%s\n", answer.Status, text)
	if refused := answer.StatusCode/100 != 2; refused != neg {
		ts.Fatalf("%s %s: %s: %s", args[0], args[1], answer.Status, text)
	}
}

// exitcode N ARGS...: run hacek and expect this exit code; its output can be matched as after exec.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"HACEK_API_KEY=" + ts.Getenv("HACEK_API_KEY"), "HACEK_URL=" + ts.Getenv("HACEK_URL")}
	cmd.Stdout, cmd.Stderr = ts.Stdout(), ts.Stderr()
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// listen N ARGS...: run `hacek listen` until it has shown N events, then stop it as Ctrl-C does.
func listenFor(ts *testscript.TestScript, neg bool, args []string) {
	events, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(program, append([]string{"listen"}, args[1:]...)...)
	cmd.Env = []string{"HACEK_API_KEY=" + ts.Getenv("HACEK_API_KEY"), "HACEK_URL=" + ts.Getenv("HACEK_URL")}
	shown, err := cmd.StderrPipe()
	ts.Check(err)
	cmd.Stdout = ts.Stdout()
	ts.Check(cmd.Start())
	tooLong := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	defer tooLong.Stop()
	lines := bufio.NewScanner(shown)
	for events > 0 && lines.Scan() {
		fmt.Fprintln(ts.Stderr(), lines.Text())
		if strings.Contains(lines.Text(), "-> ") {
			events--
		}
	}
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_, _ = io.Copy(ts.Stderr(), shown)
	ts.Check(cmd.Wait())
}

// mode PERMISSIONS FILE...: the files are for their owner alone.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has the rights %s, want %s", name, got, args[0])
		}
	}
}
