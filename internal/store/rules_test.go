package store_test

import (
	"bytes"
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// plant makes a target with a secret in every place that holds one, changes it and returns the secrets.
func plant(w *world) []string {
	secrets := []string{"planted-token", "planted-body", "planted-header", "planted-whsec", "planted-hmac", "planted-old", "planted-later"}
	t := w.target(1, "a", func(x *hub.Target) {
		e := &x.Endpoint
		e.Auth = hub.Auth{Type: "exchange", Token: hub.NewSecret(secrets[0]), Request: &hub.Exchange{URL: "https://t.example",
			Body: hub.NewSecret(secrets[1]), Headers: map[string]hub.Secret{"X-Key": hub.NewSecret(secrets[2])}}}
		e.Signature.Secret = hub.NewSecret(secrets[3])
		e.Signature.HMAC = []hub.HMAC{{Secret: hub.NewSecret(secrets[4])}}
		e.Signature.Previous = []hub.RetiredSecret{{Secret: hub.NewSecret(secrets[5]), ExpiresAt: noon}}
	})
	t.Endpoint.Auth.Token = hub.NewSecret(secrets[6])
	w.write(func(tx *store.Tx) error {
		if err := tx.UpdateTarget(w.ctx, &t, 1); err != nil {
			return err
		}
		return tx.ChangeState(w.ctx, 1, t.No, hub.Active, hub.Disabled, "hacek", "410", noon)
	})
	read, err := w.Target(w.ctx, 1, t.ID)
	w.must(err)
	if got := read.Endpoint.Auth.Token.Reveal(); got != secrets[6] {
		w.t.Fatalf("the token reads back as %q", got)
	}
	return secrets
}

func TestRule18_NoSecretStandsInTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s, err := store.Open(t.Context(), store.Options{Dir: dir, SecretKey: storetest.Key()})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, s)
	secrets := plant(tell(t, s))
	seen := map[string]bool{}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s may be used by others: %v, want %v", path, info.Mode().Perm(), want)
		}
		if d.IsDir() {
			return nil
		}
		seen[d.Name()] = true
		raw, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(raw, []byte(secret)) {
				t.Errorf("%s holds the secret %q", path, secret)
			}
		}
		return err
	})
	if err != nil || !seen["hacek.db"] || !seen["hacek.db-wal"] {
		t.Fatalf("looked at %v: %v", seen, err)
	}
}

func TestRule18_NoSecretStandsInTheTables(t *testing.T) {
	s := storetest.OnPostgres(t)()
	storetest.Run(t, s)
	w := tell(t, s)
	secrets := plant(w)
	db, err := sql.Open("pgx", s.URL())
	w.must(err)
	defer func() { _ = db.Close() }()
	const all = `
		SELECT t::text || encode(coalesce(t.secrets, ''), 'escape') FROM target t
		UNION ALL
		SELECT r::text FROM revision r`
	rows, err := db.QueryContext(w.ctx, all)
	w.must(err)
	defer func() { _ = rows.Close() }()
	n := 0
	for ; rows.Next(); n++ {
		var text string
		w.must(rows.Scan(&text))
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("a row holds the secret %q: %s", secret, text)
			}
		}
	}
	if w.must(rows.Err()); n < 3 {
		t.Fatalf("looked at %d rows", n)
	}
}

func TestRule18_SecretsOpenOnlyWithTheirKeyAndRow(t *testing.T) {
	open := storetest.SQLite(t)
	s := open()
	stop := storetest.Run(t, s)
	w := tell(t, s)
	target := w.target(1, "a", func(x *hub.Target) { x.Endpoint.Auth.Token = hub.NewSecret("one") })
	other := w.target(1, "b", func(x *hub.Target) { x.Endpoint.Auth.Token = hub.NewSecret("two") })
	// A sealed blob moved to another row does not open there.
	w.write(func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE target SET secrets = (SELECT secrets FROM target WHERE no = $1) WHERE no = $2`, target.No, other.No)
		return err
	})
	if got, err := w.Target(w.ctx, 1, other.ID); err == nil {
		t.Errorf("a moved secret was opened: %q", got.Endpoint.Auth.Token.Reveal())
	}
	if _, err := w.Target(w.ctx, 1, target.ID); err != nil {
		t.Errorf("its own secret: %v", err)
	}
	stop()
	w.Store = open(func(o *store.Options) { o.SecretKey = bytes.Repeat([]byte{7}, 32) })
	if _, err := w.Target(w.ctx, 1, target.ID); err == nil || hub.CodeOf(err) == "" {
		t.Errorf("another key: %v, want an error that says so", err)
	}
}

func TestRule18_TheKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "data.key")
	key, err := store.LoadKey(path)
	if err != nil || len(key) != store.KeySize {
		t.Fatalf("%v, %v", key, err)
	}
	again, err := store.LoadKey(path)
	if err != nil || !bytes.Equal(key, again) {
		t.Errorf("the second start has another key: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v, want 0600", info.Mode(), err)
	}
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.LoadKey(path); hub.CodeOf(err) != hub.Invalid {
		t.Errorf("a broken key file: %v", err)
	}
}

func TestRule14_AnotherTenantSeesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w := tell(t, s)
		target := w.target(1, "mine", func(x *hub.Target) { x.UID = "mine" })
		e := w.event(1, "2018000057", `{"n":1}`)
		w.accept(e, target)
		w.accept(w.event(1, "2018000057", `{"n":1}`), target)
		d := w.owed(target)
		w.settle(w.tried(d[0], hub.Succeeded, 200, delivered(1)))
		r := store.Replay{ID: hub.NewID(), Tenant: 1, Target: target.No, State: "running"}
		k := store.APIKey{ID: hub.NewID(), Tenant: 1, Name: "k", Role: "editor"}
		w.write(func(tx *store.Tx) error {
			if err := tx.InsertReplay(w.ctx, r); err != nil {
				return err
			}
			return tx.InsertAPIKey(w.ctx, k)
		})
		const stranger = 2
		notFound := func(what string, err error) {
			t.Helper()
			if hub.CodeOf(err) != hub.NotFound {
				t.Errorf("%s: %v, want not_found", what, err)
			}
		}
		none := func(what string, n int, err error) {
			t.Helper()
			if n != 0 || err != nil {
				t.Errorf("%s: %d rows, %v; want none", what, n, err)
			}
		}
		_, err := w.Event(w.ctx, stranger, e.ID)
		notFound("event", err)
		_, err = w.Delivery(w.ctx, stranger, d[0].ID())
		notFound("done delivery", err)
		_, err = w.Delivery(w.ctx, stranger, d[1].ID())
		notFound("open delivery", err)
		_, err = w.Attempts(w.ctx, stranger, d[0].ID())
		notFound("attempts", err)
		_, err = w.DeliveriesOf(w.ctx, stranger, e.ID)
		notFound("deliveries of an event", err)
		_, err = w.Target(w.ctx, stranger, target.ID)
		notFound("target", err)
		_, err = w.TargetByNo(w.ctx, stranger, target.No)
		notFound("target by number", err)
		_, err = w.TargetByUID(w.ctx, stranger, hub.KindEndpoint, "mine")
		notFound("target by uid", err)
		_, err = w.Replay(w.ctx, stranger, r.ID)
		notFound("replay", err)
		_, err = w.APIKey(w.ctx, stranger, k.ID)
		notFound("key", err)
		_, err = w.Revision(w.ctx, stranger, 1)
		notFound("revision", err)

		events, _, err := w.Events(w.ctx, store.EventFilter{Tenant: stranger}, store.Page{})
		none("events", len(events), err)
		events, _, err = w.Events(w.ctx, store.EventFilter{Tenant: stranger, Key: "2018000057"}, store.Page{})
		none("events by key", len(events), err)
		events, _, err = w.Events(w.ctx, store.EventFilter{Tenant: stranger, Query: e.ID.Text(hub.EventPrefix)}, store.Page{})
		none("events by id", len(events), err)
		rows, _, err := w.Deliveries(w.ctx, store.DeliveryFilter{Tenant: stranger, Targets: []int64{target.No}}, store.Page{})
		none("deliveries", len(rows), err)
		rows, _, err = w.Deliveries(w.ctx, store.DeliveryFilter{Tenant: stranger, Event: e.ID}, store.Page{})
		none("deliveries by event", len(rows), err)
		payloads, err := w.Payloads(w.ctx, stranger, []hub.ID{e.ID}, 0)
		none("payloads", len(payloads), err)
		targets, _, err := w.TargetPage(w.ctx, stranger, hub.KindEndpoint, store.Page{})
		none("targets", len(targets), err)
		past, err := w.TargetsAt(w.ctx, stranger, 100)
		none("past targets", len(past), err)
		revisions, _, err := w.Revisions(w.ctx, store.RevisionFilter{Tenant: stranger}, store.Page{})
		none("revisions", len(revisions), err)
		keys, err := w.APIKeys(w.ctx, stranger)
		none("keys", len(keys), err)
		for _, q := range []string{"2018", "mine", e.ID.Text(hub.EventPrefix), target.ID.Text(hub.EndpointPrefix), d[0].ID().Text()} {
			hits, err := w.Search(w.ctx, stranger, q, 10)
			none("search "+q, len(hits), err)
		}

		stolen := target
		stolen.Tenant = stranger
		for what, change := range map[string]func(tx *store.Tx) error{
			"cancel":         func(tx *store.Tx) error { return tx.Cancel(w.ctx, stranger, d[1].ID(), "", noon) },
			"retry now":      func(tx *store.Tx) error { return tx.RetryNow(w.ctx, stranger, d[1].ID(), noon) },
			"state":          func(tx *store.Tx) error { return tx.SetTargetState(w.ctx, stolen) },
			"delete target":  func(tx *store.Tx) error { return tx.DeleteTarget(w.ctx, stolen, 9) },
			"delete key":     func(tx *store.Tx) error { return tx.DeleteAPIKey(w.ctx, stranger, k.ID) },
			"replay's state": func(tx *store.Tx) error { x := r; x.Tenant = stranger; return tx.UpdateReplay(w.ctx, x) },
		} {
			notFound(what, w.Write(w.ctx, change))
		}
		if err := w.Write(w.ctx, func(tx *store.Tx) error { x := stolen; return tx.UpdateTarget(w.ctx, &x, 1) }); err == nil {
			t.Error("another tenant changed the settings")
		}

		// The same caller id of two tenants is two ids.
		mine, theirs := w.event(1, "", `1`), w.event(stranger, "", `2`)
		mine.CallerID, theirs.CallerID = "same", "same"
		if a, b := w.accept(mine), w.accept(theirs); a.Result.Duplicate || b.Result.Duplicate || b.Result.Err != nil {
			t.Errorf("tenants share ids: %+v %+v", a.Result, b.Result)
		}
	})
}
