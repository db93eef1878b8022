package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"hacek/internal/api"
	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/web"
)

// console is the pages, and what keeps them up to date.
type console struct {
	first  auth.FirstLink
	live   web.Live
	tally  web.Tally
	handle http.Handler
}

// buildConsole assembles the pages. It comes when everything they show is built.
func (h *house) buildConsole(c Config, o Options) {
	h.console.tally = web.Tally{Store: h.store, Log: o.Log, Now: time.Now}
	pages := &web.Console{
		Auth: h.auth, Settings: h.settings, Ingest: h.ingest, Store: h.store, Log: o.Log, Now: time.Now,
		Version: o.Version, PublicURL: h.publicURL(c), First: &h.console.first, Live: &h.console.live, Tally: &h.console.tally,
		Release: h.receiver.Release, PreviewSource: h.receiver.Preview, PreviewSince: h.receiver.PreviewSince, Trigger: h.receiver.Trigger,
		ReadBatch: api.ReadBatch, Mail: h.pipelines.Mail, Retain: c.Retain, Support: h.serveSupport, Listening: h.listeners.State,
	}
	h.console.handle = pages.Handler()
	for _, room := range [...]string{hub.ServesConsole, hub.ServesPortal, servesFiles} {
		h.listeners.Handlers[room] = h.console.handle
	}
	// Whoever may reach the console may reach the portal, which is less. One that serves the portal alone shows nothing else.
	h.listeners.Along = map[string][]string{hub.ServesConsole: {hub.ServesPortal, servesFiles}, hub.ServesPortal: {servesFiles}}
}

// recorded passes outcomes on to whoever shows them.
func (c *console) recorded(outcomes []*store.Outcome) {
	c.tally.Recorded(outcomes)
	c.live.Recorded(outcomes)
}

// apiPaths are the first words of the paths that programs call; everything else is a page.
var apiPaths = [...]string{"v1", "healthz", "readyz", "metrics", "openapi.json"}

// servesFiles is the room of style sheets and scripts: nobody asks for it by name, it comes with pages.
const servesFiles = "static"

// roomOf says whose a path is.
func roomOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case first == "in":
		return hub.ServesReceiver
	case slices.Contains(apiPaths[:], first):
		return hub.ServesAPI
	case first == "portal":
		return hub.ServesPortal
	case first == "static":
		return servesFiles
	}
	return hub.ServesConsole
}

// doors are what the first listener serves: everything.
func (h *house) doors() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.listeners.Handlers[roomOf(r.URL.Path)].ServeHTTP(w, r)
	})
}

// reachable is the address by which a browser on this machine, or else the world, reaches the first listener.
func reachable(c Config, address net.Addr) string {
	if c.PublicURL != "" {
		return c.PublicURL
	}
	host, port, err := net.SplitHostPort(address.String())
	if err != nil {
		return "http://" + address.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// firstLink gives the caller of Run the address at which the first administrator is made, while there is none.
func (h *house) firstLink(ctx context.Context, o Options, base string) error {
	if o.FirstLink == nil {
		return nil
	}
	some, err := h.auth.HasAdministrator(ctx)
	if err != nil || some {
		return err
	}
	o.FirstLink(base + "/first/" + h.console.first.New(time.Now()).Reveal())
	return nil
}
