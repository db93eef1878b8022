package story

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// planted are secrets that a run is given in every place where it takes one.
var planted = map[string]string{
	"administrator's key":  "hk_planted_administrator_4711",
	"wrong key":            "hk_planted_wrong_4712_abcdefgh",
	"bearer token":         "planted-bearer-4713",
	"password":             "planted-password-4714",
	"api key in the query": "planted-query-4715",
	"client secret":        "planted-client-4716",
	"signing secret":       "whsec_" + base64.StdEncoding.EncodeToString([]byte("planted-signing-secret-4717-abcd")),
	"hmac secret":          "planted-hmac-secret-4718-abcdefgh",
	"secret in a header":   "planted-header-4719",
	"key in an exchange":   "planted-exchange-4720",
	"login in an exchange": "planted-login-4721",
	"ed25519 key":          "whsk_" + base64.StdEncoding.EncodeToString([]byte("planted-ed25519-seed-4722-abcdef")),
}

// echo answers with everything it was sent, as a careless receiver would, and fails.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // what cannot be read is not repeated
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, "you sent %s %v %s", r.URL, r.Header, body)
}

// clientCertificate makes a certificate and its key, as a form takes them. The key cannot bear the mark; secret is a line
// of it.
func clientCertificate(t *testing.T) (certificate, key, secret string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), key, strings.Split(key, "\n")[2]
}

func TestRule18_PlantedSecretsAppearInNoOutputLogOrFile(t *testing.T) {
	dir := t.TempDir()
	receiver := httptest.NewServer(http.HandlerFunc(echo))
	defer receiver.Close()
	cmd := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--allow-private", "127.0.0.0/8", "--log-level", "debug")
	cmd.Dir = dir
	cmd.Env = []string{"HACEK_API_KEY=" + planted["administrator's key"], "HOME=" + dir}
	h, base, err := launch(cmd, filepath.Join(dir, "hub.out"), filepath.Join(dir, "hub.err"))
	if err != nil {
		t.Fatal(err)
	}
	defer h.kill()
	s := &secretRun{t: t, base: base, key: planted["administrator's key"]}

	certificate, key, line := clientCertificate(t)
	endpoints := map[string]string{
		"bearer":      `"auth":{"type":"bearer","token":"` + planted["bearer token"] + `"}`,
		"basic":       `"auth":{"type":"basic","username":"jana","password":"` + planted["password"] + `"}`,
		"query":       `"auth":{"type":"api_key","in":"query","name":"token","value":"` + planted["api key in the query"] + `"}`,
		"oauth":       `"auth":{"type":"oauth2","token_url":"` + receiver.URL + `/token","client_id":"jana","client_secret":"` + planted["client secret"] + `"}`,
		"signed":      `"signature":{"schemes":["standard-webhooks"],"secret":"` + planted["signing secret"] + `"}`,
		"hmac":        `"signature":{"schemes":["hmac"],"hmac":[{"header":"X-Sign","secret":"` + planted["hmac secret"] + `"}]}`,
		"ed25519":     `"signature":{"schemes":["ed25519"],"private_key":"` + planted["ed25519 key"] + `"}`,
		"certificate": `"auth":` + settings(t, map[string]string{"type": "client_certificate", "certificate": certificate, "key": key}),
		"exchange": `"auth":{"type":"exchange","token_path":"token","request":{"method":"POST","url":"` + receiver.URL + `/login",
			"headers":{"Authorization":"Bearer ` + planted["key in an exchange"] + `"},"body":"{\"user\":\"jana\",\"password\":\"` + planted["login in an exchange"] + `\"}"}}`,
		"headers": `"signature":{"schemes":[]},"auth":{"type":"api_key","in":"header","name":"X-Api-Key","value":"` + planted["secret in a header"] + `"}`,
	}
	for name, part := range endpoints {
		// The answer to whoever made an endpoint is the one place that may show its signing secret.
		s.unseen("POST", "/v1/endpoints", `{"name":"`+name+`","retry":{"intervals":["1h"]},"request":{"url":"`+receiver.URL+`/in"},`+part+`}`)
	}
	var made struct{ Key string }
	if err := json.Unmarshal(s.unseen("POST", "/v1/keys", `{"name":"clerk","role":"viewer"}`), &made); err != nil || made.Key == "" {
		t.Fatalf("no key was made: %v", err)
	}

	s.command("send", "order.created", "--data", `{"n":1}`, "--wait", "300ms")
	s.command("status")
	s.command("status", "--json")
	for _, path := range []string{"/v1/endpoints", "/v1/events", "/v1/deliveries", "/v1/audit", "/v1/keys", "/metrics", "/v1/search?q=order"} {
		s.call("GET", path, "")
	}
	deliveries := s.attempts()
	if deliveries != len(endpoints) {
		t.Fatalf("%d deliveries were attempted, want %d: nothing would be proved", deliveries, len(endpoints))
	}
	// Refused values are not echoed either.
	s.call("PATCH", "/v1/endpoints/bearer", `{"auth":{"type":"bearer","token":{"oops":"`+planted["bearer token"]+`"}}}`)
	s.call("PATCH", "/v1/endpoints/bearer", `{"request":{"url":"https://elsewhere.example"}}`)
	s.call("POST", "/v1/endpoints/bearer/preview", `{"data":{"n":1}}`)
	s.call("POST", "/v1/endpoints/query/test", `{"data":{"n":1}}`)
	s.key = planted["wrong key"]
	s.call("GET", "/v1/endpoints", "")
	s.command("status")

	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := h.wait(); err != nil {
		t.Errorf("the hub did not end cleanly: %v", err)
	}
	secrets := map[string]string{
		"clerk's key": made.Key, "certificate's key": line,
		"basic credentials":  base64.StdEncoding.EncodeToString([]byte("jana:" + planted["password"])),
		"client credentials": base64.StdEncoding.EncodeToString([]byte("jana:" + planted["client secret"])),
	}
	for name, text := range planted {
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

// settings writes some as JSON.
func settings(t *testing.T, of map[string]string) string {
	t.Helper()
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// secretRun gathers whatever the hub says.
type secretRun struct {
	t    *testing.T
	base string
	key  string
	seen bytes.Buffer
}

func (s *secretRun) unseen(method, path, body string) []byte {
	s.t.Helper()
	status, text := s.request(method, path, body)
	if status/100 != 2 {
		s.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	return text
}

func (s *secretRun) call(method, path, body string) []byte {
	_, text := s.request(method, path, body)
	s.seen.Write(text)
	return text
}

func (s *secretRun) request(method, path, body string) (int, []byte) {
	s.t.Helper()
	request, err := http.NewRequest(method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, text
}

func (s *secretRun) command(args ...string) {
	cmd := exec.Command(program, args...)
	cmd.Env = []string{"HACEK_URL=" + s.base, "HACEK_API_KEY=" + s.key}
	text, _ := cmd.CombinedOutput() // that it fails is part of the story
	s.seen.Write(text)
}

// attempts reads every delivery with its evidence, and answers how many were attempted.
func (s *secretRun) attempts() int {
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(s.call("GET", "/v1/deliveries", ""), &list); err != nil {
		s.t.Fatal(err)
	}
	attempted := 0
	for _, d := range list.Data {
		if bytes.Contains(s.call("GET", "/v1/deliveries/"+d.ID, ""), []byte(`"result":`)) {
			attempted++
		}
	}
	return attempted
}

func (s *secretRun) search(where string, text []byte, secrets map[string]string) {
	for name, secret := range secrets {
		if i := bytes.Index(text, []byte(secret)); i >= 0 {
			s.t.Errorf("%s shows the %s: ...%q", where, name, text[max(0, i-120):min(len(text), i+len(secret))])
		}
	}
}
