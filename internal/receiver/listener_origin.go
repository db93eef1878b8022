package receiver

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"hacek/internal/hub"
)

// origin is where a request came in and from whom, as far as it can be believed.
type origin struct {
	listener string // name of the listener; "" is the address of the hub's start
	scheme   string
	peer     netip.Addr
}

type originKey struct{}

// originOf is what the listener wrote down, or what the connection says where none did.
func originOf(req *http.Request) origin {
	if from, ok := req.Context().Value(originKey{}).(origin); ok {
		return from
	}
	return direct(req)
}

func direct(req *http.Request) origin {
	from := origin{scheme: "http"}
	if req.TLS != nil {
		from.scheme = "https"
	}
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		host = req.RemoteAddr
	}
	if address, err := netip.ParseAddr(host); err == nil {
		from.peer = address.Unmap().WithZone("")
	}
	return from
}

// withOrigin writes down where a request came in. What a proxy says of its callers counts only when the proxy itself
// comes from one of the trusted networks, and only as far back as the proxies in a row are trusted.
func withOrigin(req *http.Request, listener string, trusted []netip.Prefix) *http.Request {
	from := direct(req)
	from.listener = listener
	if within(trusted, from.peer) {
		from.peer = behind(req.Header.Values("X-Forwarded-For"), from.peer, trusted)
		if proto := strings.ToLower(strings.TrimSpace(lastOf(req.Header.Values("X-Forwarded-Proto")))); proto == "http" || proto == "https" {
			from.scheme = proto
		}
	}
	return req.WithContext(context.WithValue(req.Context(), originKey{}, from))
}

// behind walks X-Forwarded-For from its end: each trusted proxy vouches for the entry before it.
func behind(lines []string, peer netip.Addr, trusted []netip.Prefix) netip.Addr {
	entries := strings.Split(strings.Join(lines, ","), ",")
	for i := len(entries) - 1; i >= 0 && within(trusted, peer); i-- {
		entry := strings.TrimSpace(entries[i])
		if host, _, err := net.SplitHostPort(entry); err == nil {
			entry = host
		}
		address, err := netip.ParseAddr(strings.Trim(entry, "[]"))
		if err != nil {
			return peer
		}
		peer = address.Unmap().WithZone("")
	}
	return peer
}

func lastOf(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	parts := strings.Split(lines[len(lines)-1], ",")
	return parts[len(parts)-1]
}

func within(networks []netip.Prefix, address netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func parseNetworks(texts []string) ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range texts {
		network, err := hub.ParseNetwork(text)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}
