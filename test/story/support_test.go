package story

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The secrets of everything that is set up, of the configuration and of strangers appear nowhere in what is sent to
// whoever helps - although receivers, databases and mail servers repeat them.
func TestRule18_PlantedSecretsAreNotInTheSupportBundle(t *testing.T) {
	dir := t.TempDir()
	receiver := httptest.NewServer(http.HandlerFunc(echo))
	defer receiver.Close()
	secrets := map[string]string{
		"administrator's key": "hk_planted_support_administrator_1", "mail password": "planted-mail-pass-2", "bearer token": "planted-bearer-3",
		"header auth": "planted-header-4", "endpoint secret": "planted-hmac-secret-5-abcdefgh", "source secret": "planted-source-6",
		"DSN password": "planted-dsn-7", "query key": "planted-query-8", "password of a step": "planted-step-9",
	}
	cmd := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--allow-private", "127.0.0.0/8", "--log-level", "debug", "--data", filepath.Join(dir, "data"))
	cmd.Dir = dir
	cmd.Env = []string{
		"HOME=" + dir, "HACEK_API_KEY=" + secrets["administrator's key"],
		"HACEK_MAIL=smtp://hub:" + secrets["mail password"] + "@127.0.0.1:1?from=hub@example.com",
	}
	h, base, err := launch(cmd, filepath.Join(dir, "hub.out"), filepath.Join(dir, "hub.err"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.kill()
	s := &secretRun{t: t, base: base, key: secrets["administrator's key"]}
	for name, part := range map[string]string{
		"bearer":  `"auth":{"type":"bearer","token":"` + secrets["bearer token"] + `"}`,
		"headers": `"auth":{"type":"api_key","in":"header","name":"X-Api-Key","value":"` + secrets["header auth"] + `"}`,
		"query":   `"auth":{"type":"api_key","in":"query","name":"token","value":"` + secrets["query key"] + `"}`,
		"hmac":    `"signature":{"schemes":["hmac"],"hmac":[{"header":"X-Sign","secret":"` + secrets["endpoint secret"] + `"}]}`,
	} {
		s.unseen("POST", "/v1/endpoints", `{"name":"`+name+`","retry":{"intervals":["1h"]},"request":{"url":"`+receiver.URL+`/in"},`+part+`}`)
	}
	s.unseen("POST", "/v1/sources", `{"name":"shop","path":"shop-4711","preset":"shoptet","verify":{"scheme":"shoptet","secrets":["`+secrets["source secret"]+`"]}}`)
	s.unseen("POST", "/v1/connections", `{"name":"erp","driver":"postgres","dsn":"postgres://erp:`+secrets["DSN password"]+`@127.0.0.1:1/erp"}`)
	s.call("POST", "/v1/connections/erp/test", "")
	s.unseen("POST", "/v1/pipelines", `{"name":"in","subscription":{"event_types":["order.*"]},"steps":[{"type":"request",
		"request":{"url":"`+receiver.URL+`/step"},"auth":{"type":"bearer","token":"`+secrets["password of a step"]+`"}}]}`)
	s.call("POST", "/v1/mail/test", `{"to":"jana@example.com"}`)
	var clerk struct{ Key string }
	if err := json.Unmarshal(s.unseen("POST", "/v1/keys", `{"name":"clerk","role":"administrator","scopes":["events:read"]}`), &clerk); err != nil || clerk.Key == "" {
		t.Fatalf("no key was made: %v", err)
	}
	secrets["API key"] = clerk.Key
	s.command("send", "order.created", "--data", `{"name":"Somebody Private"}`, "--wait", "300ms")
	if attempts := s.attempts(); attempts != 5 {
		t.Fatalf("%d deliveries were attempted, want 5: nothing would be proved", attempts)
	}

	name := filepath.Join(dir, "bundle.zip")
	s.command("status", "--bundle", name)
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file of the bundle: %v, %v", info, err)
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	all := map[string]string{}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		s.search(f.Name+" in the bundle", text, secrets)
		all[f.Name] = string(text)
	}
	for file, text := range map[string]string{
		"hub.json": `"mail":"***"`, "settings/endpoints.jsonl": `"token":"***"`, "settings/sources.jsonl": `"secrets":["***"]`,
		"settings/connections.jsonl": `"dsn":"***"`, "settings/pipelines.jsonl": receiver.URL + "/step", "logs/hub.jsonl": "delivery attempted",
		"logs/deliveries.jsonl": `"status":500`, "metrics.txt": `hacek_events_total{outcome="accepted"} 1`, "CONTENTS.txt": "endpoints: 4",
	} {
		if !strings.Contains(all[file], text) {
			t.Errorf("%q is not in %s: %.600s", text, file, all[file])
		}
	}
	if strings.Contains(all["logs/deliveries.jsonl"], "Somebody Private") {
		t.Error("what was sent is in the bundle")
	}
}
