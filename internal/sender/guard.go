package sender

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"hacek/internal/hub"
)

// Policy says where outgoing calls may go. The zero Policy is: public addresses only, without a proxy. A proxy named
// in the environment is never used.
type Policy struct {
	Allow   []netip.Prefix           // private networks that may be called
	Tenants map[int64][]netip.Prefix // a tenant listed here may call only these of them
	Proxy   *url.URL                 // http or https; gets CONNECT to the address that was judged
}

// ParseNetworks reads "127.0.0.0/8, 10.1.2.3" as --allow-private takes it.
func ParseNetworks(text string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		network, err := hub.ParseNetwork(part)
		if err != nil {
			return nil, err
		}
		list = append(list, network)
	}
	return list, nil
}

// BlockedError is the guard's refusal.
type BlockedError struct {
	Host   string
	Addr   netip.Addr
	Why    string // "a private address"
	Option string // what opens it
}

func (e *BlockedError) Error() string {
	if name := strings.Trim(e.Host, "[]"); name != e.Addr.String() {
		return fmt.Sprintf("%s has the address %s, which is %s and is not called", e.Host, e.Addr, e.Why)
	}
	return fmt.Sprintf("%s is %s and is not called", e.Addr, e.Why)
}

// Hint is what opens the way.
func (e *BlockedError) Hint() string { return e.Option }

// Guard dials for every outgoing call of the hub, whatever it is for. It judges the address that is actually dialled,
// after the name was resolved, so that a name cannot point inwards.
type Guard struct {
	Policy   Policy
	Tenant   int64
	Resolver *net.Resolver // nil: the system's
}

const dialTimeout = 10 * time.Second

// DialContext opens a connection to host:port, or returns a *BlockedError.
func (g *Guard) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if g.Policy.Proxy != nil {
		return g.dialThroughProxy(ctx, host, port)
	}
	var blocked atomic.Pointer[BlockedError]
	d := net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.Resolver,
		ControlContext: func(_ context.Context, _, dialled string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(dialled)
			if err != nil {
				return err
			}
			if refusal := g.judge(host, at.Addr()); refusal != nil {
				blocked.Store(refusal)
				return refusal
			}
			return nil
		},
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		return conn, nil
	}
	// Of several addresses one may be refused here and another fail; the refusal is what a person can mend.
	if refusal := blocked.Load(); refusal != nil {
		return nil, refusal
	}
	return nil, err
}

// Judge tells whether an address may be called.
func (g *Guard) Judge(addr netip.Addr) error {
	if refusal := g.judge(addr.String(), addr); refusal != nil {
		return refusal
	}
	return nil
}

func (g *Guard) judge(host string, dialled netip.Addr) *BlockedError {
	dialled = dialled.WithZone("")
	for _, addr := range meanings(dialled) {
		if refusal := g.judgeOne(addr); refusal != nil {
			refusal.Host = host
			return refusal
		}
	}
	return nil
}

func (g *Guard) judgeOne(addr netip.Addr) *BlockedError {
	narrowed, narrows := g.Policy.Tenants[g.Tenant]
	if isMetadata(addr) {
		exact := netip.PrefixFrom(addr, addr.BitLen())
		if !names(g.Policy.Allow, exact) || narrows && !names(narrowed, exact) {
			return &BlockedError{Addr: addr, Why: "the metadata service of a cloud, which gives away credentials",
				Option: "only naming it exactly opens it: --allow-private " + exact.String()}
		}
		return nil
	}
	network, why := special(addr)
	switch {
	case why == "":
		return nil
	case !contains(g.Policy.Allow, addr):
		return &BlockedError{Addr: addr, Why: why, Option: "if it is meant, start the hub with --allow-private " + network.String()}
	case narrows && !contains(narrowed, addr):
		return &BlockedError{Addr: addr, Why: why, Option: "this tenant's calls are narrowed to other networks; an administrator can add " + network.String()}
	}
	return nil
}

func names(list []netip.Prefix, exact netip.Prefix) bool {
	for _, p := range list {
		if p == exact {
			return true
		}
	}
	return false
}

func contains(list []netip.Prefix, addr netip.Addr) bool {
	for _, p := range list {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// special finds the network of an address that is not an ordinary public one, and says what it is.
func special(addr netip.Addr) (netip.Prefix, string) {
	why := "not a public address"
	switch {
	case addr.IsLoopback():
		why = "this machine itself"
	case addr.IsPrivate():
		why = "a private address"
	case addr.IsLinkLocalUnicast():
		why = "a link-local address"
	case addr.IsMulticast():
		why = "a multicast address"
	}
	denied := ssrf.IPv4DeniedPrefixes
	if addr.Is6() {
		if !ssrf.IPv6GlobalUnicast.Contains(addr) {
			network := netip.PrefixFrom(addr, addr.BitLen())
			if addr.IsPrivate() {
				network = netip.MustParsePrefix("fc00::/7")
			}
			return network, why
		}
		denied = ssrf.IPv6DeniedPrefixes
	}
	for _, p := range denied {
		if p.Contains(addr) {
			return p, why
		}
	}
	return netip.Prefix{}, ""
}

// meanings lists the addresses that a dialled one reaches: itself, or the IPv4 address inside it. All must be allowed.
func meanings(a netip.Addr) []netip.Addr {
	if a.Is4() || a.Is4In6() {
		return []netip.Addr{a.Unmap()}
	}
	b := a.As16()
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	switch {
	case ssrf.IPv6NAT64Prefix.Contains(a):
		return []netip.Addr{v4(12)} // the translator's public prefix: the IPv4 address is where it goes
	case zero(b[:12]) && !a.IsLoopback() && !a.IsUnspecified():
		return []netip.Addr{a, v4(12)} // IPv4-compatible, long deprecated
	case b[0] == 0x00 && b[1] == 0x64 && b[2] == 0xff && b[3] == 0x9b && b[4] == 0 && b[5] == 1:
		return []netip.Addr{a, v4(12)} // local NAT64
	case b[0] == 0x20 && b[1] == 0x02:
		return []netip.Addr{a, v4(2)} // 6to4
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0:
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})
		return []netip.Addr{a, v4(4), client} // Teredo: its server and its client
	case b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return []netip.Addr{a, v4(12)} // ISATAP
	}
	return []netip.Addr{a}
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// isMetadata knows the addresses at which clouds hand out credentials to whoever asks from inside.
func isMetadata(a netip.Addr) bool {
	switch a.String() {
	case "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.169.123", "169.254.169.253",
		"100.100.100.200", "168.63.129.16", "192.0.0.192",
		"fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::123", "fd00:ec2::253", "fd20:ce::254", "fe80::a9fe:a9fe":
		return true
	}
	return false
}
