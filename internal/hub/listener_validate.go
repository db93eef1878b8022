package hub

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Complete writes empty lists as [] and addresses without a slash at their end.
func (l *Listener) Complete() {
	if l.Serves == nil {
		l.Serves = []string{}
	}
	if l.TrustedProxies == nil {
		l.TrustedProxies = []string{}
	}
	fill(&l.Name, l.Address)
	l.PublicURL = strings.TrimSuffix(l.PublicURL, "/")
}

// Validate says everything that is wrong with the settings, each with its JSON Pointer. Whether the files are there and
// fit is judged where files are read. Call Complete first.
func (l *Listener) Validate() error {
	var p Problems
	CheckLine(&p, "/name", l.Name, MaxNameLen)
	if strings.TrimSpace(l.Name) == "" {
		p.Add("/name", "is missing")
	}
	if strings.HasPrefix(l.Name, ListenerPrefix) {
		p.Add("/name", "must not begin with %s, as our own ids do", ListenerPrefix)
	}
	l.validateAddress(&p)
	for _, file := range []struct{ pointer, name string }{{"/certificate", l.Certificate}, {"/key", l.Key}} {
		CheckLine(&p, file.pointer, file.name, MaxURLLen)
	}
	switch {
	case l.Certificate == "" && l.Key != "":
		p.Add("/certificate", "is missing; the key alone serves nothing")
	case l.Certificate != "" && l.Key == "":
		p.Add("/key", "is missing; the certificate needs it")
	}
	l.validateServes(&p)
	if l.PublicURL != "" {
		checkURL(&p, "/public_url", l.PublicURL, false)
		if strings.Contains(l.PublicURL, "?") {
			p.Add("/public_url", "must not contain ?: the path of a source is added to it")
		}
	}
	checkCount(&p, "/trusted_proxies", len(l.TrustedProxies))
	CheckNetworks(&p, "/trusted_proxies", l.TrustedProxies)
	return p.Err()
}

func (l *Listener) validateAddress(p *Problems) {
	colon := strings.LastIndexByte(l.Address, ':')
	if colon < 0 {
		p.Add("/address", "%q is not an address such as 0.0.0.0:8443", l.Address)
		return
	}
	host, port := l.Address[:colon], l.Address[colon+1:]
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		p.Add("/address", "%q has no port from 1 to 65535", l.Address)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]")); err != nil || !a.Is6() || !strings.HasSuffix(inner, "]") {
			p.Add("/address", "%q is not an address such as [::]:8443", l.Address)
		}
		return
	}
	if len(host) > MaxNameLen || strings.ContainsFunc(host, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '.' || c == '-')
	}) {
		p.Add("/address", "%q is not an address such as 0.0.0.0:8443", l.Address)
	}
}

func (l *Listener) validateServes(p *Problems) {
	if len(l.Serves) == 0 {
		p.Add("/serves", "is empty; name receiver, api, console, portal or several")
	}
	seen := map[string]bool{}
	for i, room := range l.Serves[:min(len(l.Serves), MaxFields)] {
		at := fmt.Sprintf("/serves/%d", i)
		switch {
		case !slices.Contains([]string{ServesReceiver, ServesAPI, ServesConsole, ServesPortal}, room):
			p.Add(at, "%q is none of receiver, api, console, portal", room)
		case seen[room]:
			p.Add(at, "%s stands here twice", room)
		}
		seen[room] = true
	}
}

// DefaultListener is what holds for every setting that is not given.
func DefaultListener() Listener { return Listener{Active: true, Serves: []string{ServesReceiver}} }
