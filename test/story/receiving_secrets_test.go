package story

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// plantedIn are secrets of everything that receives.
var plantedIn = map[string]string{
	"administrator's key":        "hk_planted_administrator_4811",
	"source's secret":            "planted-source-4812",
	"source's older secret":      "planted-source-older-4813",
	"secret of a source's HMAC":  "planted-source-hmac-4814",
	"token of a source":          "planted-source-token-4815",
	"bearer token of a fetch":    "planted-fetch-4816",
	"key in a fetch's exchange":  "planted-exchange-4817",
	"token that was exchanged":   "planted-exchanged-4818",
	"password of a request step": "planted-request-4819",
	"key in a confirm's address": "planted-confirm-4820",
	"password of PostgreSQL":     "planted-postgres-4821",
	"password of MariaDB":        "planted-mariadb-4822",
	"password of the mail":       "planted-mail-4823",
}

// rudeMail is a mail server that repeats the password it was given, and refuses it.
func rudeMail(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				fmt.Fprint(c, "220 rude ESMTP\r\n")
				for lines := bufio.NewScanner(c); lines.Scan(); {
					verb, rest, _ := strings.Cut(lines.Text(), " ")
					switch strings.ToUpper(verb) {
					case "EHLO":
						fmt.Fprint(c, "250-rude\r\n250 AUTH PLAIN LOGIN\r\n")
					case "AUTH":
						_, given, _ := strings.Cut(rest, " ")
						clear, _ := base64.StdEncoding.DecodeString(given)
						fmt.Fprintf(c, "535 5.7.8 not good: %s %s\r\n", given, strings.ReplaceAll(string(clear), "\x00", " "))
					default:
						fmt.Fprint(c, "250 ok\r\n")
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); serving.Wait() })
	return l.Addr().String()
}

// Sources, steps, connections and the mail server are given secrets; whoever gets them repeats them, and fails. They are
// in no answer, log, evidence, file or output of a command.
func TestRule18_SecretsOfReceivingAppearNowhere(t *testing.T) {
	dir := t.TempDir()
	careless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/token":
			fmt.Fprintf(w, `{"access_token":%q,"expires_in":600}`, plantedIn["token that was exchanged"])
			return
		case "/fine":
			fmt.Fprintf(w, `{"state":"imported","you":%q}`, r.Method)
			return
		}
		echo(w, r)
	}))
	defer careless.Close()
	cmd := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--allow-private", "127.0.0.0/8", "--log-level", "debug")
	cmd.Dir = dir
	cmd.Env = []string{"HACEK_API_KEY=" + plantedIn["administrator's key"], "HOME=" + dir,
		"HACEK_MAIL=smtp://hub:" + plantedIn["password of the mail"] + "@" + rudeMail(t) + "?from=hub@example.cz&tls=off"}
	h, base, err := launch(cmd, filepath.Join(dir, "hub.out"), filepath.Join(dir, "hub.err"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.kill()
	s := &secretRun{t: t, base: base, key: plantedIn["administrator's key"]}

	// Whoever set it is never shown it again, so these answers count, too.
	made := func(path, body string) { s.good("POST", path, body) }
	made("/v1/sources", `{"name":"Shop","path":"shop","preset":"shoptet","verify":{"secrets":["`+plantedIn["source's secret"]+`","`+plantedIn["source's older secret"]+`"]}}`)
	made("/v1/sources", `{"name":"Own","path":"own","verify":{"scheme":"hmac","secrets":["`+plantedIn["secret of a source's HMAC"]+`"],"hmac":{"header":"X-Sign"}}}`)
	made("/v1/sources", `{"name":"Flexi","path":"flexi","preset":"abra-flexi","verify":{"secrets":["`+plantedIn["token of a source"]+`"]}}`)
	made("/v1/connections", `{"name":"pg","driver":"postgres","dsn":"postgres://hub:`+plantedIn["password of PostgreSQL"]+`@127.0.0.1:1/erp"}`)
	made("/v1/connections", `{"name":"my","driver":"mysql","dsn":"hub:`+plantedIn["password of MariaDB"]+`@tcp(127.0.0.1:1)/erp"}`)
	request := func(path string) string { return `"request":{"method":"POST","url":"` + careless.URL + path + `"}` }
	steps := map[string]string{
		"fetch": `{"type":"fetch","as":"o",` + request("/x") + `,"auth":{"type":"bearer","token":"` + plantedIn["bearer token of a fetch"] + `"}}`,
		"exchange": `{"type":"fetch","as":"o",` + request("/x") + `,"auth":{"type":"exchange","token_path":"access_token","expires_path":"expires_in","header":"X-Token: #token#",
			"request":{"method":"POST","url":"` + careless.URL + `/token","headers":{"Authorization":"Bearer ` + plantedIn["key in a fetch's exchange"] + `"}}}}`,
		"request": `{"type":"request",` + request("/x") + `,"auth":{"type":"basic","username":"jana","password":"` + plantedIn["password of a request step"] + `"}}`,
		"confirm": `{"type":"confirm",` + request("/x") + `,"until":"response.json.state == 'imported'","every":"100ms","for":"300ms","auth":{"type":"api_key","in":"query","name":"k","value":"` + plantedIn["key in a confirm's address"] + `"}}`,
		"again": `{"type":"fetch","as":"o",` + request("/fine") + `,"auth":{"type":"bearer","token":"` + plantedIn["bearer token of a fetch"] + `"}},
			{"type":"mail","to":["jana@example.cz"],"subject":"#o.you#","body":"#o.you#"}`,
		"postgres": `{"type":"upsert","connection":"pg","table":"orders","key":["number"],"columns":{"number":"1"}}`,
		"mariadb":  `{"type":"upsert","connection":"my","table":"orders","key":["number"],"columns":{"number":"1"}}`,
	}
	for name, step := range steps {
		made("/v1/pipelines", `{"name":"`+name+`","subscription":{"sources":["Shop"]},"retry":{"intervals":["1h"]},"steps":[`+step+`]}`)
	}

	s.good("POST", "/v1/sources/Shop/trigger", `{"event_type":"order:create"}`)
	s.good("POST", "/v1/sources/Own/trigger", `{}`)
	for path, header := range map[string]map[string]string{
		"flexi?authentication-token=" + plantedIn["token of a source"]: {"Authentication-Token": plantedIn["token of a source"]},
		"own": {"Authorization": plantedIn["secret of a source's HMAC"], "X-Sign": plantedIn["secret of a source's HMAC"]},
	} {
		q, err := http.NewRequest("POST", base+"/in/"+path, strings.NewReader(`{"winstrom":{"@globalVersion":"1","changes":[]}}`))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			q.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	// Every pipeline has tried, and nothing that fails shows what it was given.
	waitFor(t, "an attempt of every pipeline", func() bool { return s.attempts() == len(steps) })
	for _, name := range []string{"Shop", "Own", "Flexi"} {
		var list struct{ Data []kept }
		waitFor(t, "what came to "+name, func() bool {
			if err := json.Unmarshal(s.call("GET", "/v1/sources/"+name+"/requests", ""), &list); err != nil {
				t.Fatal(err)
			}
			return len(list.Data) > 0
		})
		for _, r := range list.Data {
			s.call("GET", "/v1/sources/"+name+"/requests/"+r.ID, "")
		}
		s.call("GET", "/v1/sources/"+name, "")
		s.call("POST", "/v1/sources/"+name+"/preview", "")
	}
	for name := range steps {
		s.call("GET", "/v1/pipelines/"+name, "")
		s.call("POST", "/v1/pipelines/"+name+"/dry-run", `{"data":{"n":1}}`)
	}
	for _, path := range []string{"/v1/sources", "/v1/pipelines", "/v1/connections", "/v1/connections/pg", "/v1/connections/pg/tables", "/v1/audit?limit=250",
		"/v1/events", "/v1/deliveries", "/metrics", "/v1/search?q=2018000057", "/v1/providers/abra-flexi"} {
		s.call("GET", path, "")
	}
	s.call("POST", "/v1/connections/pg/test", "")
	s.call("POST", "/v1/connections/my/test", "")
	// Refused values are not repeated.
	s.call("PATCH", "/v1/sources/Shop", `{"verify":{"secrets":{"a":"`+plantedIn["source's secret"]+`"}}}`)
	s.call("PATCH", "/v1/connections/pg", `{"dsn":"postgres://hub:`+plantedIn["password of PostgreSQL"]+`@127.0.0.1:1/erp?sslrootcert=/etc/passwd"}`)
	s.call("PATCH", "/v1/connections/my", `{"dsn":"hub:`+plantedIn["password of MariaDB"]+`@@tcp(127.0.0.1/erp?allowAllFiles=true"}`)
	s.call("PATCH", "/v1/pipelines/fetch", `{"steps":[{"type":"fetch","as":"o",`+request("/x")+`,"auth":{"type":"bearer","token":["`+plantedIn["bearer token of a fetch"]+`"]}}]}`)
	s.command("status")
	s.command("status", "--json")

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := h.wait(); err != nil {
		t.Errorf("the hub did not end cleanly: %v", err)
	}
	secrets := map[string]string{
		"basic credentials": base64.StdEncoding.EncodeToString([]byte("jana:" + plantedIn["password of a request step"])),
		"mail credentials":  base64.StdEncoding.EncodeToString([]byte("\x00hub\x00" + plantedIn["password of the mail"])),
	}
	for name, text := range plantedIn {
		secrets[name] = text
	}
	s.search("an answer or a command's output", s.seen.Bytes(), secrets)
	files := 0
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files++
		s.search(path, text, secrets)
		return err
	})
	if err != nil || files < 5 {
		t.Fatalf("%d files were read, %v: nothing would be proved", files, err)
	}
}

// good is a call that must work, and whose answer must show no secret.
func (s *secretRun) good(method, path, body string) {
	s.t.Helper()
	status, text := s.request(method, path, body)
	s.seen.Write(text)
	if status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
}
