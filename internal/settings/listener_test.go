package settings_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// certificate writes a self-signed certificate and its key.
func certificate(t *testing.T, dir, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: raw}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func TestM1_AListenerIsOpenedAtItsOwnAddressWithItsOwnCertificate(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		g := newGate(t, s)
		var told []settings.Listener
		g.ListenerChanged = func(l settings.Listener) { told = append(told, l) }
		dir := t.TempDir()
		cert, key := certificate(t, dir, "a.example")
		_, otherKey := certificate(t, dir, "b.example")
		junk := filepath.Join(dir, "junk")
		g.ok(os.WriteFile(junk, []byte("planted-key-material"), 0o600))
		make := func(text string) (settings.Listener, error) {
			text = strings.NewReplacer("CERT", cert, "OTHERKEY", otherKey, "KEY", key, "JUNK", junk, "DIR", dir).Replace(text)
			return g.CreateListener(g.ctx, json.RawMessage(text), jana)
		}
		for text, pointer := range map[string]string{
			`{"address":"8443"}`:                                          "/address",
			`{"address":"0.0.0.0:0"}`:                                     "/address",
			`{"address":"[1.2.3.4]:80"}`:                                  "/address",
			`{"address":"a b:80"}`:                                        "/address",
			`{"address":":80","serves":[]}`:                               "/serves",
			`{"address":":80","serves":["receiver","receiver"]}`:          "/serves/1",
			`{"address":":80","serves":["portal","kitchen"]}`:             "/serves/1",
			`{"address":":80","certificate":"CERT"}`:                      "/key",
			`{"address":":80","key":"KEY"}`:                               "/certificate",
			`{"address":":80","certificate":"DIR/none.pem","key":"KEY"}`:  "/certificate",
			`{"address":":80","certificate":"CERT","key":"DIR/none.key"}`: "/key",
			`{"address":":80","certificate":"DIR","key":"KEY"}`:           "/certificate",
			`{"address":":80","certificate":"JUNK","key":"KEY"}`:          "/certificate",
			`{"address":":80","certificate":"CERT","key":"JUNK"}`:         "/key",
			`{"address":":80","certificate":"CERT","key":"OTHERKEY"}`:     "/key",
			`{"address":":80","public_url":"hooks.example"}`:              "/public_url",
			`{"address":":80","public_url":"https://hooks.example/?a=b"}`: "/public_url",
			`{"address":":80","trusted_proxies":["everybody"]}`:           "/trusted_proxies/0",
		} {
			_, err := make(text)
			g.refused(err, hub.Invalid, pointer)
			wantNo(t, err.Error()+asText(t, err), "planted-")
		}

		l, err := make(`{"name":"outside","address":"0.0.0.0:8443","certificate":"CERT","key":"KEY","serves":["receiver"],"public_url":"https://hooks.example/","trusted_proxies":["10.0.0.0/8"]}`)
		g.ok(err)
		if !l.Active || l.PublicURL != "https://hooks.example" || len(told) != 1 {
			t.Errorf("got %+v, told %+v", l, told)
		}
		_, err = make(`{"name":"again","address":"0.0.0.0:8443"}`)
		g.refused(err, hub.Conflict, "")

		// A source that is served there and nowhere else keeps it.
		src := g.add(`{"preset":"shop","listener":"outside"}`)
		g.refused(g.DeleteListener(g.ctx, "outside", "", jana), hub.Conflict, "")
		for _, patch := range []string{`{"name":"other"}`, `{"serves":["api"]}`} {
			_, err = g.PatchListener(g.ctx, "outside", json.RawMessage(patch), "", jana)
			g.refused(err, hub.Conflict, "")
		}
		_, err = g.change(src, `{"listener":null}`)
		g.ok(err)
		l, err = g.PatchListener(g.ctx, l.ID.Text(hub.ListenerPrefix), json.RawMessage(`{"serves":["api"]}`), l.ETag(), jana)
		g.ok(err)
		_, err = g.change(src, `{"listener":"outside"}`)
		g.refused(err, hub.Invalid, "/listener")
		l, created, err := g.ReplaceListener(g.ctx, "0.0.0.0:8443", json.RawMessage(`{"name":"outside","address":"0.0.0.0:8444"}`), "", jana)
		g.ok(err)
		if created || l.Certificate != "" || l.Address != "0.0.0.0:8444" {
			t.Errorf("got %+v", l)
		}
		g.ok(g.DeleteListener(g.ctx, "outside", l.ETag(), jana))
		all, err := g.AllListeners(g.ctx)
		g.ok(err)
		if len(all) != 0 || !told[len(told)-1].Deleted {
			t.Errorf("left %+v, told %+v", all, told)
		}
	})
}
