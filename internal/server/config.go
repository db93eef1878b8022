// Package server is the roof: it reads the configuration, assembles the house in written order, runs it and takes
// it down again without losing anything. It must not know what an event means, nor how one is sent.
package server

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/sender"
)

// Config is everything that can be set from outside before the start. Load fills in the defaults.
type Config struct {
	Data          string     // directory of the database, the logs and the lock
	Listen        string     // host:port of the API
	Database      hub.Secret // postgres://...; empty: SQLite in Data. May hold a password
	APIKey        hub.Secret // an administrator's key for automation
	SecretKeyFile string     // the key that seals the secrets; empty: beside Data
	PublicURL     string     // what others call the hub by; empty: the address it listens on
	Mail          hub.Secret // smtp://user:pass@host:587?from=...; empty: no mail. Holds a password
	Connections   string     // folder of SQLite files that connections may open; empty: in Data
	AllowPrivate  []netip.Prefix
	Proxy         *url.URL      // for outgoing calls; nil: none, whatever the environment says
	MaxData       int           // bytes of one event's data
	Reserve       int64         // bytes of free disk below which nothing new is accepted
	DedupeWindow  time.Duration // how long a caller's event id is remembered
	Retain        time.Duration // how long finished events are kept; 0: for good
	LogLevel      slog.Level
	LogFormat     string // text | json
}

// Setting is one line of the configuration: its key in the configuration file, which also names the environment variable
// (HACEK_ and capitals) and the flag (dashes).
type Setting struct {
	Key     string
	Default string // as text; what Load uses when no layer sets it
	Value   string // the form of a value, for the help: DIR, URL ...
	Meaning string
	NoFlag  bool // a secret: flags stand in the list of processes for everyone to read
	set     func(c *Config, text string) error
}

// Flag is the option's name on the command line.
func (o Setting) Flag() string { return strings.ReplaceAll(o.Key, "_", "-") }

// Variable is the option's name in the environment.
func (o Setting) Variable() string { return "HACEK_" + strings.ToUpper(o.Key) }

// Settings lists every setting, in the order of the documentation.
func Settings() []Setting {
	return []Setting{
		{Key: "data", Default: "hacek-data", Value: "DIR", Meaning: "directory of the database, the logs and the lock; made when missing",
			set: text(func(c *Config) *string { return &c.Data })},
		{Key: "listen", Default: "127.0.0.1:8080", Value: "ADDRESS", Meaning: "host:port of the API; port 0 takes a free one",
			set: setListen},
		{Key: "database", Value: "URL", Meaning: "postgres://... (15 or newer); without it SQLite in the data directory",
			set: setDatabase},
		{Key: "api_key", NoFlag: true, Meaning: "an administrator's API key for automation, at least 24 characters",
			set: setAPIKey},
		{Key: "secret_key_file", Value: "FILE", Meaning: "key that seals the secrets in the database; made at the first start; default: DIR.key beside the data directory",
			set: text(func(c *Config) *string { return &c.SecretKeyFile })},
		{Key: "public_url", Value: "URL", Meaning: "address that others reach the hub by, such as https://hooks.example.com; default: the one it listens on",
			set: setPublicURL},
		{Key: "mail", NoFlag: true, Meaning: "mail server: smtp://user:password@host:587?from=hacek@example.com (STARTTLS), or smtps:// for port 465",
			set: setMail},
		{Key: "connections_dir", Value: "DIR", Meaning: "the only folder whose SQLite files a connection may open; default: connections in the data directory",
			set: text(func(c *Config) *string { return &c.Connections })},
		{Key: "allow_private", Value: "NETWORKS", Meaning: "private networks that outgoing calls may reach, such as 127.0.0.0/8,10.0.0.0/8; by default only public addresses are called",
			set: setAllowPrivate},
		{Key: "proxy", Value: "URL", Meaning: "HTTP proxy for outgoing calls; proxies in the environment are ignored",
			set: setProxy},
		{Key: "max_data", Default: "1MiB", Value: "SIZE", Meaning: "largest data of one event, 1KiB to 16MiB",
			set: setMaxData},
		{Key: "disk_reserve", Default: "256MiB", Value: "SIZE", Meaning: "free disk, at least 1MiB, below which nothing new is accepted; outcomes are still recorded",
			set: setReserve},
		{Key: "dedupe_window", Default: "7d", Value: "TIME", Meaning: "how long a caller's event id is remembered, 1h to 90d",
			set: setDedupe},
		{Key: "retain", Default: "0s", Value: "TIME", Meaning: "how long finished events are kept, at least 1h; 0s keeps them for good",
			set: setRetain},
		{Key: "log_level", Default: "info", Value: "LEVEL", Meaning: "debug, info, warn or error",
			set: setLevel},
		{Key: "log_format", Default: "text", Value: "FORMAT", Meaning: "text or json, to standard error",
			set: setFormat},
	}
}

// KeyFile is where the sealing key lies: never inside the data directory, so that a copy of that alone opens nothing.
func (c Config) KeyFile() string {
	if c.SecretKeyFile != "" {
		return c.SecretKeyFile
	}
	return filepath.Clean(c.Data) + ".key"
}

// Driver is "postgres" or "sqlite", for people.
func (c Config) Driver() string {
	if c.Database.IsZero() {
		return "SQLite"
	}
	return "PostgreSQL"
}

func text(field func(*Config) *string) func(*Config, string) error {
	return func(c *Config, text string) error {
		*field(c) = text
		return nil
	}
}

func setListen(c *Config, text string) error {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port, such as 127.0.0.1:8080", text)
	}
	c.Listen = text
	return nil
}

func setDatabase(c *Config, text string) error {
	if text != "" && !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return fmt.Errorf("is no postgres:// URL; leave it out for SQLite in the data directory")
	}
	c.Database = hub.NewSecret(text)
	return nil
}

func setPublicURL(c *Config, text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "") {
		return fmt.Errorf("is no address such as https://hooks.example.com")
	}
	c.PublicURL = strings.TrimSuffix(text, "/")
	return nil
}

func setMail(c *Config, text string) error {
	u, err := url.Parse(text)
	if text != "" && (err != nil || u.Host == "" || u.Scheme != "smtp" && u.Scheme != "smtps" || u.Query().Get("from") == "") {
		return fmt.Errorf("is no mail server such as smtp://user:password@mail.example.com:587?from=hacek@example.com")
	}
	c.Mail = hub.NewSecret(text)
	return nil
}

// ConnectionsDir is where the SQLite files of connections lie.
func (c Config) ConnectionsDir() string {
	if c.Connections != "" {
		return c.Connections
	}
	return filepath.Join(c.Data, "connections")
}

// minAPIKey keeps out what can be guessed.
const minAPIKey = 24

func setAPIKey(c *Config, text string) error {
	if text != "" && len(text) < minAPIKey {
		return fmt.Errorf("has %d characters; at least %d are needed", len(text), minAPIKey)
	}
	c.APIKey = hub.NewSecret(text)
	return nil
}

func setAllowPrivate(c *Config, text string) error {
	var err error
	c.AllowPrivate, err = sender.ParseNetworks(text)
	return err
}

func setProxy(c *Config, text string) error {
	c.Proxy = nil
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("is not the URL of a proxy, such as http://proxy.example:3128")
	}
	c.Proxy = u
	return nil
}

func setMaxData(c *Config, text string) error {
	n, err := parseSize(text)
	if err == nil && (n < 1<<10 || n > 16<<20) {
		err = fmt.Errorf("%q is out of bounds: 1KiB to 16MiB", text)
	}
	c.MaxData = int(n)
	return err
}

func setReserve(c *Config, text string) (err error) {
	c.Reserve, err = parseSize(text)
	if err == nil && c.Reserve < 1<<20 {
		err = fmt.Errorf("%q is too small: at least 1MiB", text)
	}
	return err
}

func setDedupe(c *Config, text string) error {
	d, err := hub.ParseDuration(text)
	if err == nil && (d.D() < time.Hour || d.D() > 90*24*time.Hour) {
		err = fmt.Errorf("%q is out of bounds: 1h to 90d", text)
	}
	c.DedupeWindow = d.D()
	return err
}

func setRetain(c *Config, text string) error {
	d, err := hub.ParseDuration(text)
	if err == nil && d != 0 && d.D() < time.Hour {
		err = fmt.Errorf("%q is too short: at least 1h, or 0s to keep everything", text)
	}
	c.Retain = d.D()
	return err
}

func setLevel(c *Config, text string) error {
	if err := c.LogLevel.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%q is none of debug, info, warn, error", text)
	}
	return nil
}

func setFormat(c *Config, text string) error {
	if text != "text" && text != "json" {
		return fmt.Errorf("%q is none of text, json", text)
	}
	c.LogFormat = text
	return nil
}

// parseSize reads a number of bytes with an optional unit.
func parseSize(text string) (int64, error) {
	units := []struct {
		name  string
		bytes int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if err != nil || n < 0 {
			break
		}
		return n * u.bytes, nil
	}
	return 0, fmt.Errorf("%q is not a size: write a number and a unit, such as 256MiB", text)
}
