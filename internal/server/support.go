package server

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// serveSupport is the bundle for the doors; it is assembled after them, because it shows their figures.
func (h *house) serveSupport(ctx context.Context, w http.ResponseWriter, by settings.By) error {
	return h.support.Serve(ctx, w, by)
}

// Shown is the configuration for people: what is secret reads ***.
func (c Config) Shown() map[string]string {
	shown := map[string]string{
		"data": c.Data, "listen": c.Listen, "database": c.Driver(), "secret_key_file": c.KeyFile(), "public_url": c.PublicURL,
		"api_key": c.APIKey.String(), "mail": c.Mail.String(), "connections_dir": c.ConnectionsDir(), "allow_private": networks(c.AllowPrivate),
		"proxy": address(c.Proxy), "max_data": hub.Size(c.MaxData).String(), "disk_reserve": strconv.FormatInt(c.Reserve, 10),
		"dedupe_window": c.DedupeWindow.String(), "retain": c.Retain.String(), "log_level": c.LogLevel.String(), "log_format": c.LogFormat,
	}
	return shown
}

func networks(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, network := range list {
		texts[i] = network.String()
	}
	return strings.Join(texts, ",")
}

// address is a URL without who we are there.
func address(u *url.URL) string {
	if u == nil {
		return ""
	}
	plain := *u
	plain.User = nil
	return plain.String()
}

// secrets are what of the configuration nobody is to read.
func (c Config) secrets() []hub.Secret {
	all := []hub.Secret{c.APIKey, c.Database, c.Mail}
	if c.Proxy != nil && c.Proxy.User != nil {
		all = append(all, hub.NewSecret(c.Proxy.String()))
	}
	return all
}
