package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

func certificateFiles(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"hooks.example"}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "PRIVATE KEY", Bytes: sealed}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func TestM1_ListenersAreSetUpThroughTheAPI(t *testing.T) {
	each(t, func(h *testHub) {
		cert, key := certificateFiles(t)
		body := `{"name":"outside","address":"0.0.0.0:8443","certificate":"` + cert + `","key":"` + key + `","serves":["receiver"],
			"public_url":"https://hooks.example/","trusted_proxies":["10.0.0.0/8"],"active":true}`
		h.post("/v1/listeners", strings.Replace(body, "cert.pem", "none.pem", 1)).problem(422, hub.Invalid, "/certificate", "does not exist")
		h.post("/v1/listeners", strings.Replace(body, `["receiver"]`, `["kitchen"]`, 1)).problem(422, hub.Invalid, "/serves/0")
		made := h.post("/v1/listeners", body).want(201).is("public_url", "https://hooks.example").is("active", "true")
		id, tag := made.text("id"), made.header.Get("ETag")
		made.is("state", "")
		number, err := hub.ParseID(hub.ListenerPrefix, id)
		if err != nil {
			h.Fatal(err)
		}
		h.listens[number] = hub.Listening{Address: "0.0.0.0:8443", Since: time.Now(), Expires: time.Now().Add(12*24*time.Hour + time.Hour)}
		h.get("/v1/listeners/outside").want(200).is("state.listening", "true").is("state.address", "0.0.0.0:8443").is("state.certificate_days_left", "12").
			is("state.problem", "")
		h.listens[number] = hub.Listening{Problem: "cannot listen on 0.0.0.0:8443: address already in use", Expires: time.Now().Add(400 * 24 * time.Hour)}
		h.get("/v1/listeners").want(200).is("data.0.state.listening", "false").is("data.0.state.since", "").is("data.0.state.certificate_days_left", "").
			is("data.0.state.problem", "cannot listen on 0.0.0.0:8443: address already in use")
		for _, ref := range []string{id, "outside", "0.0.0.0:8443"} {
			h.get("/v1/listeners/"+ref).want(200).is("id", id)
		}
		read := h.get("/v1/listeners/outside").want(200)
		if again := h.call("PUT", "/v1/listeners/outside", string(read.body), "If-Match", tag).want(200); again.header.Get("ETag") != tag {
			t.Errorf("what was read was put back and changed: %s", again.body)
		}
		h.call("PATCH", "/v1/listeners/outside", `{"active":false}`, "If-Match", tag).want(200).is("active", "false")
		h.call("PATCH", "/v1/listeners/outside", `{"active":true}`, "If-Match", tag).problem(412, hub.PreconditionFailed)
		h.call("PUT", "/v1/listeners/inside", `{"address":"127.0.0.1:8444","serves":["api","receiver"]}`).want(201).is("name", "inside")
		first := h.get("/v1/listeners?limit=1&order=asc").want(200).is("data.0.name", "outside")
		h.get("/v1/listeners?limit=1&order=asc&cursor="+first.text("next_cursor")).want(200).is("data.0.name", "inside")
		h.call("DELETE", "/v1/listeners/inside", "").want(204)
		h.call("DELETE", "/v1/listeners/outside", "", "If-Match", tag).problem(412, hub.PreconditionFailed)

		// They belong to the installation: a tenant's administrator has no say.
		h.post("/v1/tenants", `{"uid":"acme","name":"Acme"}`).want(201)
		boss := h.as(h.as(adminKey, "acme").post("/v1/keys", `{"name":"boss","role":"administrator"}`).want(201).text("key"), "")
		boss.get("/v1/listeners").problem(403, hub.Forbidden)
		boss.call("DELETE", "/v1/listeners/"+id, "").problem(403, hub.Forbidden)
	})
}
