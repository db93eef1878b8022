package support_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
	"hacek/internal/settings"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
	"hacek/internal/support"
)

var someone = settings.By{Name: "Jana"}

func newBundle(t *testing.T, s *store.Store) *support.Bundle {
	t.Helper()
	service := &settings.Service{Store: s, Sender: &sender.Sender{}, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := service.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &support.Bundle{
		Settings: service, Store: s, Now: time.Now, Version: "v-test", Log: &support.Log{},
		Ready: func(context.Context) error { return errors.New("the disk is full") },
	}
}

func tenant(t *testing.T, b *support.Bundle) int64 {
	t.Helper()
	first, err := b.Settings.Tenant(t.Context(), settings.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	return first.No
}

// files are what a bundle holds, by name.
func files(t *testing.T, b *support.Bundle) (map[string]string, int) {
	t.Helper()
	var out bytes.Buffer
	if err := b.Write(t.Context(), &out, someone); err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
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
		all[f.Name] = string(text)
	}
	return all, out.Len()
}

func contains(t *testing.T, all map[string]string, name string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(all[name], text) {
			t.Errorf("%q is not in %s: %.1000s", text, name, all[name])
		}
	}
}

func TestTheBundleTellsHowTheHubIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		b := newBundle(t, s)
		e := hub.DefaultEndpoint()
		e.Name, e.Request.URL = "WMS", "https://wms.example/in"
		made, err := b.Settings.CreateEndpoint(t.Context(), tenant(t, b), e, someone)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Settings.PauseTarget(t.Context(), tenant(t, b), hub.KindEndpoint, "WMS", someone, "they move house"); err != nil {
			t.Fatal(err)
		}
		b.Config = map[string]string{"listen": "127.0.0.1:8080"}
		b.Metrics = func(to io.Writer) error { _, err := io.WriteString(to, "hacek_attempts_total 7\n"); return err }
		b.DeliveryLog = filepath.Join(t.TempDir(), "webhooks.log")
		var lines strings.Builder
		for i := range 1200 {
			fmt.Fprintf(&lines, `{"number":%d,"request":{"method":"POST","body":"name of a person"},"response":{"status":200,"body_base64":"cGVyc29u"}}`+"\n", i)
		}
		if err := os.WriteFile(b.DeliveryLog, []byte(lines.String()+"half a li"), 0o600); err != nil {
			t.Fatal(err)
		}
		log := slog.New(b.Log.Handler(slog.NewTextHandler(io.Discard, nil)))
		for i := range 2010 {
			log.With("n", i).WithGroup("g").Warn("something happened", "at", i)
		}
		all, _ := files(t, b)
		contains(t, all, "hub.json", `"version":"v-test"`, `"made_by":"Jana"`, `"listen":"127.0.0.1:8080"`, `"schema":`, `"ready":false`, "the disk is full")
		contains(t, all, "settings/endpoints.jsonl", made.ID.Text(hub.EndpointPrefix), "https://wms.example/in", `"secret":"***"`, `"is":"paused"`, "they move house")
		contains(t, all, "settings/tenants.jsonl", `"uid":"default"`)
		contains(t, all, "metrics.txt", "hacek_attempts_total 7")
		contains(t, all, "CONTENTS.txt", "settings/endpoints.jsonl", "endpoints: 1")
		if got := strings.Count(all["logs/hub.jsonl"], "\n"); got != 2000 || !strings.Contains(all["logs/hub.jsonl"], `"n":2009,"g":{"at":2009}`) {
			t.Errorf("%d lines of the hub's log, the last %.200q", got, all["logs/hub.jsonl"][max(0, len(all["logs/hub.jsonl"])-200):])
		}
		// The ring has come round: the oldest line that is left comes first, the newest one last.
		if told := strings.Split(strings.TrimSpace(all["logs/hub.jsonl"]), "\n"); !strings.Contains(told[0], `"n":10,`) || !strings.Contains(told[len(told)-1], `"n":2009,`) {
			t.Errorf("the hub's log goes from %s to %s", told[0], told[len(told)-1])
		}
		if got := strings.Count(all["logs/deliveries.jsonl"], "\n"); got != 500 {
			t.Errorf("%d lines of the delivery log", got)
		}
		contains(t, all, "logs/deliveries.jsonl", `"number":1199`, `"body":"(16 bytes)"`, `"method":"POST"`, "left out")
		for _, text := range []string{"name of a person", "cGVyc29u", "half a li"} {
			if strings.Contains(all["logs/deliveries.jsonl"], text) {
				t.Errorf("%q was passed on", text)
			}
		}
		// Whoever took it stands in the change history.
		changes, _, err := s.Revisions(t.Context(), store.RevisionFilter{Kind: "support_bundle"}, store.Page{})
		if err != nil || len(changes) != 1 || changes[0].Who != "Jana" || changes[0].Action != "taken" {
			t.Errorf("the change history says %+v, %v", changes, err)
		}
	})
}

// What others write may repeat a secret: it is looked for in every line, in each form that it may have.
func TestRule18_ASecretInALogIsTakenOutOfTheBundle(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		b := newBundle(t, s)
		e := hub.DefaultEndpoint()
		e.Name, e.Request.URL = "WMS", "https://wms.example/in"
		e.Auth = hub.Auth{Type: "bearer", Token: hub.NewSecret("bearer&planted 1")}
		made, err := b.Settings.CreateEndpoint(t.Context(), tenant(t, b), e, someone)
		if err != nil {
			t.Fatal(err)
		}
		// A secret may begin as another one does: what follows is secret, too.
		e.Name, e.Auth.Token = "ERP", hub.NewSecret("bearer&planted 1 longer")
		if _, err := b.Settings.CreateEndpoint(t.Context(), tenant(t, b), e, someone); err != nil {
			t.Fatal(err)
		}
		b.Secrets = []hub.Secret{hub.NewSecret("postgres://hacek:dsn%2Fplanted2@db/hacek"), hub.NewSecret("host=db password='key planted3' user=x"),
			hub.NewSecret("hacek:50%off planted4@tcp(db)/hacek"), hub.NewSecret(`say "planted5"`)}
		signing := made.Endpoint.Signature.Secret.Reveal()
		log := slog.New(b.Log.Handler(slog.NewTextHandler(io.Discard, nil)))
		secrets := []string{
			"bearer&planted 1", "bearer%26planted+1", "bearer%26planted%201", "bearer&planted%201", `bearer\u0026planted 1`,
			base64.StdEncoding.EncodeToString([]byte("bearer&planted 1")), "bearer&planted 1 longer", "50%off planted4", `say "planted5"`, `say \"planted5\"`, "dsn%2Fplanted2", "dsn/planted2", "key planted3", signing,
			"hk_0123456789abcdefghij", "whsec_unknownunknownunknown",
		}
		for _, secret := range secrets {
			log.Error("they said", "what", "no: "+secret+" is wrong")
		}
		all, _ := files(t, b)
		if got := strings.Count(all["logs/hub.jsonl"], "they said"); got != len(secrets) {
			t.Fatalf("%d lines are in the bundle: nothing would be proved", got)
		}
		for name, text := range all {
			for _, part := range []string{" longer", "planted"} {
				if name == "logs/hub.jsonl" && strings.Contains(text, part) {
					t.Errorf("%q, a part of a secret, stands in %s", part, name)
				}
			}
			for _, secret := range append(secrets, `bearer\u0026planted 1`) {
				if strings.Contains(text, secret) {
					t.Errorf("%q stands in %s", secret, name)
				}
			}
		}
	})
}

func TestTheBundleStaysSmall(t *testing.T) {
	s := storetest.SQLite(t)()
	storetest.Run(t, s)
	b := newBundle(t, s)
	log := slog.New(b.Log.Handler(slog.NewTextHandler(io.Discard, nil)))
	chaos := rand.NewChaCha8([32]byte{1})
	noise := make([]byte, 50<<10)
	b.Most = 3 << 20
	for range 100 { // 10 MB that cannot be compressed to less than 5
		_, _ = chaos.Read(noise)
		log.Info(fmt.Sprintf("%x", noise))
	}
	all, size := files(t, b)
	if size > 3<<20 || size < 3<<19 {
		t.Errorf("the bundle has %d bytes", size)
	}
	contains(t, all, "CONTENTS.txt", "more are left out: the bundle is full")
}
