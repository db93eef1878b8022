package server

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
)

func TestLaterLayersWin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hacek.yaml")
	write(t, file, "listen: 127.0.0.1:1\ndata: /srv/file\nmax_data: 2MiB\nallow_private: [10.0.0.0/8, 192.168.1.7]\nretain: 30d\n")
	c, err := Load(Layers{
		File:        file,
		Environment: []string{"HACEK_LISTEN=127.0.0.1:2", "HACEK_DATA=/srv/environment", "HACEK_URL=http://elsewhere", "HACEK_TEST_POSTGRES=x", "HOME=/h"},
		Flags:       map[string]string{"listen": "127.0.0.1:3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:3" || c.Data != "/srv/environment" || c.MaxData != 2<<20 || c.Retain != 30*24*time.Hour {
		t.Errorf("got %+v", c)
	}
	if c.DedupeWindow != 7*24*time.Hour || c.Reserve != 256<<20 {
		t.Errorf("defaults: got %+v", c)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.168.1.7/32")}
	if !slices.Equal(c.AllowPrivate, want) {
		t.Errorf("allow_private: got %v, want %v", c.AllowPrivate, want)
	}
	if c.KeyFile() != "/srv/environment.key" {
		t.Errorf("key file: got %s", c.KeyFile())
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		file, environment, flag string
		wants                   []string
	}{
		"unknown key in file":     {file: "lisen: 127.0.0.1:1", wants: []string{"lisen", "did you mean listen?"}},
		"unknown variable":        {environment: "HACEK_DATABSE=postgres://x", wants: []string{"HACEK_DATABSE", "did you mean HACEK_DATABASE?"}},
		"not built yet":           {environment: "HACEK_DIRECT_URL=postgres://x", wants: []string{"HACEK_DIRECT_URL", "not built yet"}},
		"no mail server":          {environment: "HACEK_MAIL=geheim", wants: []string{"HACEK_MAIL", "smtp://"}},
		"no public address":       {environment: "HACEK_PUBLIC_URL=hooks.example", wants: []string{"HACEK_PUBLIC_URL", "https://"}},
		"not YAML":                {file: "a: [", wants: []string{"YAML"}},
		"an object":               {file: "listen: {port: 1}", wants: []string{"listen"}},
		"bad address":             {environment: "HACEK_LISTEN=8080", wants: []string{"HACEK_LISTEN", "127.0.0.1:8080"}},
		"bad network":             {flag: "10.0.0.0/99", wants: []string{"--allow-private", "10.0.0.0/99", "is not a network"}},
		"size over the limit":     {environment: "HACEK_MAX_DATA=1GiB", wants: []string{"16MiB"}},
		"a time without a unit":   {environment: "HACEK_RETAIN=30", wants: []string{"30m"}},
		"a key that is too short": {environment: "HACEK_API_KEY=geheim", wants: []string{"HACEK_API_KEY", "24"}},
		"another database":        {environment: "HACEK_DATABASE=mysql://u:geheim@h", wants: []string{"postgres://"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := Layers{}
			if test.file != "" {
				l.File = filepath.Join(t.TempDir(), "hacek.yaml")
				write(t, l.File, test.file)
			}
			if test.environment != "" {
				l.Environment = []string{test.environment}
			}
			if test.flag != "" {
				l.Flags = map[string]string{"allow_private": test.flag}
			}
			_, err := Load(l)
			if err == nil {
				t.Fatal("it was accepted")
			}
			said := err.Error()
			var e *hub.Error
			if errors.As(err, &e) {
				said += " " + e.Hint
			}
			for _, want := range test.wants {
				if !strings.Contains(said, want) {
					t.Errorf("got %q, want it to contain %q", said, want)
				}
			}
			if strings.Contains(said, "geheim") {
				t.Errorf("a secret is echoed: %q", said)
			}
		})
	}
}

// Every setting stands in the documentation's table, and nothing else does.
func TestDocsListEverySetting(t *testing.T) {
	page, err := os.ReadFile("../../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range Settings() {
		flag := "`--" + o.Flag() + "`"
		if o.NoFlag {
			flag = "none"
		}
		row := "| " + flag + " | `" + o.Key + "` | `" + o.Variable() + "` |"
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/running.md has no row %s", row)
		}
	}
	if got := strings.Count(string(page), "| `HACEK_"); got != len(Settings()) {
		t.Errorf("docs/running.md has %d rows of settings, the program has %d", got, len(Settings()))
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
