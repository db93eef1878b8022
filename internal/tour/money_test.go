package tour

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/server"
)

// visit is a tour of a hub of its own, with the ERP on one kind of database; the hub's own is SQLite when database is "".
func visit(t *testing.T, driver, place, database string) (*Tour, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	mailbox, err := OpenMailbox()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	config, err := server.Load(server.Layers{Flags: map[string]string{
		"data": data, "listen": "127.0.0.1:0", "allow_private": "127.0.0.0/8", "log_level": "error", "database": database,
	}})
	if err != nil {
		t.Fatal(err)
	}
	config.APIKey, config.Mail = hub.NewSecret("hk_tour_"+rand.Text()), hub.NewSecret(mailbox.Setting())
	if driver == hub.DriverSQLite {
		place = config.ConnectionsDir()
	}
	erp, err := OpenERP(ctx, driver, place)
	if err != nil {
		t.Fatal(err)
	}
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, config, server.Options{Log: server.NewLog(os.Stderr, config), Version: "tour", Listening: func(at net.Addr) { listening <- at }})
	}()
	var out bytes.Buffer
	v := &Tour{Out: &out, ERP: erp, Mailbox: mailbox}
	v.show.out = &out
	t.Cleanup(func() {
		v.Close()
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("the hub ended with %v", err)
		}
		erp.Close()
		mailbox.Close()
		if t.Failed() {
			t.Log(out.String())
		}
	})
	select {
	case at := <-listening:
		v.Hub = &client.Client{Base: "http://" + at.String(), Key: config.APIKey}
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return v, ctx
}

// each plays with the ERP on every database there is, and with the hub's own data beside the ERP's on one server.
func each(t *testing.T, play func(*Tour, context.Context) error) {
	for driver, variable := range map[string]string{
		hub.DriverSQLite: "", hub.DriverPostgres: "HACEK_TEST_POSTGRES", hub.DriverMySQL: "HACEK_TEST_MARIADB",
	} {
		t.Run(driver, func(t *testing.T) {
			v, ctx := visit(t, driver, given(t, variable), "")
			if err := play(v, ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("hub and ERP on postgres", func(t *testing.T) {
		server := given(t, "HACEK_TEST_POSTGRES")
		own := ownDatabase(t, server)
		v, ctx := visit(t, hub.DriverPostgres, server, own)
		if err := play(v, ctx); err != nil {
			t.Error(err)
		}
		db, err := sql.Open("pgx", own)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		var events int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM event").Scan(&events); err != nil || events == 0 {
			t.Errorf("the hub's database holds %d events (%v)", events, err)
		}
	})
}

// given is the server that a variable names; "" names none.
func given(t *testing.T, variable string) string {
	t.Helper()
	server := os.Getenv(variable)
	if variable != "" && server == "" {
		if os.Getenv("CI") == "true" {
			t.Fatalf("set %s", variable)
		}
		t.Skipf("SKIPPED: set %s to play the tour on its server too (make test does)", variable)
	}
	return server
}

// ownDatabase makes a database for the hub, which goes with the test.
func ownDatabase(t *testing.T, server string) string {
	t.Helper()
	name := databaseName()
	drop, err := making(t.Context(), "pgx", server, name, " WITH (FORCE)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(drop)
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func TestM9_O9_TheMoneyExampleWhole(t *testing.T) { each(t, (*Tour).money) }

func TestC5_TheStripeExample(t *testing.T) {
	each(t, func(v *Tour, ctx context.Context) error { return v.stripes(ctx) })
}
