package sender

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"hacek/internal/hub"
)

// nameServer answers every A question with the next list of addresses, on a loopback socket.
type nameServer struct {
	conn *net.UDPConn
	mu   sync.Mutex
	next [][]string
}

func newNameServer(t *testing.T, answers ...[]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &nameServer{conn: conn, next: answers}
	done := make(chan struct{})
	go func() { defer close(done); n.serve() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *nameServer) serve() {
	buf := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFromUDP(buf)
		if err != nil {
			return
		}
		_, _ = n.conn.WriteToUDP(n.answer(buf[:size]), from)
	}
}

// answer copies the question and adds A records; any other type has none.
func (n *nameServer) answer(q []byte) []byte {
	end := 12
	for q[end] != 0 {
		end += int(q[end]) + 1
	}
	end += 5
	isA := binary.BigEndian.Uint16(q[end-4:]) == 1
	var addresses []string
	if isA {
		n.mu.Lock()
		addresses = n.next[0]
		if len(n.next) > 1 {
			n.next = n.next[1:]
		}
		n.mu.Unlock()
	}
	a := append([]byte(nil), q[:end]...)
	a[2], a[3] = 0x81, 0x80
	binary.BigEndian.PutUint16(a[6:], uint16(len(addresses)))
	binary.BigEndian.PutUint16(a[8:], 0)
	binary.BigEndian.PutUint16(a[10:], 0)
	for _, text := range addresses {
		ip := netip.MustParseAddr(text).As4()
		a = append(a, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		a = append(a, ip[:]...)
	}
	return a
}

// listen opens a port on one loopback address and counts connections.
func listen(t *testing.T, address string) (port string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	n := 0
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }),
		ConnState: func(_ net.Conn, s http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if s == http.StateNew {
				n++
			}
		},
	}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { server.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, func() int { mu.Lock(); defer mu.Unlock(); return n }
}

func TestRule1_TheDialledAddressIsJudged(t *testing.T) {
	// Nothing listens at .3; the forbidden .2 has a server that must hear nothing.
	port, connections := listen(t, "127.0.0.2:0")
	allowed := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")}}
	s := &Sender{Policy: allowed, Resolver: newNameServer(t, []string{"127.0.0.3", "127.0.0.2"})}
	defer s.Close()
	a := send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"http://wms.example:%s/"}}`, port)), newCall(order))
	wantResult(t, a, hub.Blocked)
	if !strings.Contains(a.Error, "127.0.0.2") || !strings.Contains(a.Error, "wms.example") || !strings.Contains(a.Hint, "--allow-private 127.0.0.0/8") {
		t.Errorf("got %q %q", a.Error, a.Hint)
	}
	if n := connections(); n != 0 {
		t.Errorf("the forbidden address got %d connections", n)
	}
}

func TestRule1_ANameThatTurnsInwardsIsCaught(t *testing.T) {
	port, connections := listen(t, "127.0.0.2:0")
	good, _ := listen(t, "127.0.0.3:"+port)
	if good != port {
		t.Fatal("another port")
	}
	// The first question gets an address that is allowed, the second one that is not.
	s := &Sender{Policy: Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")}}, Resolver: newNameServer(t, []string{"127.0.0.3"}, []string{"127.0.0.2"})}
	defer s.Close()
	c := compile(t, fmt.Sprintf(`{"request":{"url":"http://wms.example:%s/"}}`, port))
	wantResult(t, send(t, s, c, newCall(order)), hub.Succeeded)
	s.Close() // the idle connection would not ask again
	wantResult(t, send(t, s, c, newCall(order)), hub.Blocked)
	if n := connections(); n != 0 {
		t.Errorf("the forbidden address got %d connections", n)
	}
}

func TestRule1_AddressesAndWhatTheyMean(t *testing.T) {
	private := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	exact := append([]netip.Prefix{netip.MustParsePrefix("169.254.169.254/32"), netip.MustParsePrefix("fd00:ec2::254/128")}, private...)
	for _, c := range []struct {
		address              string
		none, private, exact bool
	}{
		{"93.184.216.34", true, true, true},
		{"2606:2800:220:1::1", true, true, true},
		{"127.0.0.1", false, true, true},
		{"::ffff:127.0.0.1", false, true, true},
		{"10.1.2.3", false, true, true},
		{"::ffff:10.1.2.3", false, true, true},
		{"64:ff9b::10.1.2.3", false, true, true},
		{"64:ff9b::93.184.216.34", true, true, true},
		{"::10.1.2.3", false, false, false},
		{"64:ff9b:1::10.1.2.3", false, false, false},
		{"2002:a01:203::1", false, false, false},
		{"2002:5db8:d822::1", false, false, false},
		{"2001:0:5db8:d822:0:0:f5fe:fdfc", false, false, false},
		{"2001:db8::1", false, false, false},
		{"192.168.1.1", false, false, false},
		{"172.16.0.1", false, false, false},
		{"100.64.0.1", false, false, false},
		{"0.0.0.0", false, false, false},
		{"::", false, false, false},
		{"::1", false, false, false},
		{"fe80::1", false, false, false},
		{"fe80::1%eth0", false, false, false},
		{"fd12::1", false, true, true},
		{"224.0.0.1", false, false, false},
		{"255.255.255.255", false, false, false},
		{"198.18.0.1", false, false, false},
		{"169.254.1.1", false, true, true},
		{"169.254.169.254", false, false, true},
		{"::ffff:169.254.169.254", false, false, true},
		{"64:ff9b::169.254.169.254", false, false, true},
		{"fd00:ec2::254", false, false, true},
		{"168.63.129.16", false, false, false}, // a public address, and a cloud's all the same
		{"100.100.100.200", false, false, false},
	} {
		for _, p := range []struct {
			name  string
			allow []netip.Prefix
			want  bool
		}{{"nothing", nil, c.none}, {"private networks", private, c.private}, {"exact addresses", exact, c.exact}} {
			g := &Guard{Policy: Policy{Allow: p.allow}}
			err := g.Judge(netip.MustParseAddr(c.address))
			if got := err == nil; got != p.want {
				t.Errorf("%s with %s allowed: got %v", c.address, p.name, err)
			}
			var blocked *BlockedError
			if err != nil && (!errors.As(err, &blocked) || blocked.Option == "") {
				t.Errorf("%s: the refusal opens nothing: %v", c.address, err)
			}
		}
	}
}

// Whoever opens a network of tunnels or translators has not opened what lies behind: the address inside counts too.
func TestRule1_AnAddressInsideAnAddressIsJudged(t *testing.T) {
	var tunnels []netip.Prefix
	for _, network := range []string{"::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"} {
		tunnels = append(tunnels, netip.MustParsePrefix(network))
	}
	open := append([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, tunnels...)
	for name, address := range map[string]string{
		"IPv4-compatible":      "::10.1.2.3",
		"local NAT64":          "64:ff9b:1::10.1.2.3",
		"6to4":                 "2002:a01:203::1",
		"Teredo, its server":   "2001:0:a01:203:0:0:a247:27dd",
		"Teredo, its client":   "2001:0:5db8:d822:0:0:f5fe:fdfc",
		"ISATAP":               "2606:2800:220:1:0:5efe:a01:203",
		"ISATAP, of the world": "2606:2800:220:1:200:5efe:a01:203",
	} {
		err := (&Guard{Policy: Policy{Allow: tunnels}}).Judge(netip.MustParseAddr(address))
		if err == nil || !strings.Contains(err.Error(), "the address 10.1.2.3, which is a private address") {
			t.Errorf("%s, %s: got %v", name, address, err)
		}
		if err := (&Guard{Policy: Policy{Allow: open}}).Judge(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s, %s with 10.0.0.0/8 allowed: %v", name, address, err)
		}
	}
}

func TestRule1_ATenantMayBeNarrowed(t *testing.T) {
	p := Policy{
		Allow:   []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Tenants: map[int64][]netip.Prefix{2: {netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("192.168.0.0/16")}},
	}
	for _, c := range []struct {
		tenant  int64
		address string
		want    bool
	}{
		{1, "10.1.0.1", true}, {2, "10.1.0.1", false}, {2, "10.2.0.1", true}, {2, "192.168.1.1", false}, {2, "93.184.216.34", true},
	} {
		if err := (&Guard{Policy: p, Tenant: c.tenant}).Judge(netip.MustParseAddr(c.address)); (err == nil) != c.want {
			t.Errorf("tenant %d, %s: %v", c.tenant, c.address, err)
		}
	}
}

func TestRule1_APolicyChangeClosesConnections(t *testing.T) {
	closed := make(chan struct{})
	r := &receiver{}
	r.Server = httptest.NewUnstartedServer(r)
	once := sync.OnceFunc(func() { close(closed) })
	r.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateClosed {
			once()
		}
	}
	r.Start()
	t.Cleanup(r.Close)
	s, _ := newSender(t)
	c := compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r.URL))
	wantResult(t, send(t, s, c, newCall(order)), hub.Succeeded)
	s.SetPolicy(Policy{})
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Error("the idle connection stayed open")
	}
	wantResult(t, send(t, s, c, newCall(order)), hub.Blocked)
	if r.count() != 1 {
		t.Error("an open connection was used against the new policy")
	}
	s.SetPolicy(loopback())
	r2 := newReceiver(t)
	wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"%s"}}`, r2.URL)), newCall(order)), hub.Succeeded)
}

func TestRule1_ProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	proxy := newReceiver(t)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	port, connections := listen(t, "127.0.0.5:0")
	s, _ := newSender(t)
	s.Resolver = newNameServer(t, []string{"127.0.0.5"})
	wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"http://wms.example:%s/"}}`, port)), newCall(order)), hub.Succeeded)
	// net/http reads the environment once a process and spares loopback, so that no call can show it.
	if compile(t, `{"request":{"url":"https://wms.example"}}`).line(s).transport.Proxy != nil {
		t.Error("https calls ask the environment for a proxy")
	}
	if proxy.count() != 0 || connections() != 1 {
		t.Errorf("the proxy got %d calls, the receiver %d", proxy.count(), connections())
	}
}

// connectProxy notes what it was asked for, and connects there.
type connectProxy struct {
	mu    sync.Mutex
	asked []string
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host+" "+r.Header.Get("Proxy-Authorization"))
	p.mu.Unlock()
	out, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(502)
		return
	}
	defer out.Close()
	in, rw, _ := w.(http.Hijacker).Hijack()
	defer in.Close()
	io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(out, rw); _ = out.(*net.TCPConn).CloseWrite() }()
	_, _ = io.Copy(in, out)
}

func TestRule1_AProxyGetsTheVettedAddress(t *testing.T) {
	port, connections := listen(t, "127.0.0.5:0")
	p := &connectProxy{}
	server := httptest.NewServer(p)
	defer server.Close()
	address, _ := url.Parse(server.URL)
	address.User = url.UserPassword("hub", "pw")
	s := &Sender{Resolver: newNameServer(t, []string{"127.0.0.6", "127.0.0.5"}), Policy: Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.5/32")}, Proxy: address}}
	defer s.Close()
	wantResult(t, send(t, s, compile(t, fmt.Sprintf(`{"request":{"url":"http://wms.example:%s/"}}`, port)), newCall(order)), hub.Succeeded)
	p.mu.Lock()
	asked := fmt.Sprint(p.asked)
	p.mu.Unlock()
	if want := "[CONNECT 127.0.0.5:" + port + " Basic aHViOnB3]"; asked != want || connections() != 1 {
		t.Errorf("asked %s (%d connections), want %s", asked, connections(), want)
	}
	a := send(t, s, compile(t, `{"request":{"url":"http://10.0.0.1/"}}`), newCall(order))
	wantResult(t, a, hub.Blocked)
	a = send(t, s, compile(t, `{"request":{"url":"http://127.0.0.5:1/"}}`), newCall(order))
	wantResult(t, a, hub.NoConnection)
	if !strings.Contains(a.Error, "proxy") || !strings.Contains(a.Error, "502") {
		t.Errorf("got %q", a.Error)
	}
}

func TestNetworksAreParsed(t *testing.T) {
	got, err := ParseNetworks("127.0.0.0/8, 10.1.2.3,fd00::/8,")
	if err != nil || fmt.Sprint(got) != "[127.0.0.0/8 10.1.2.3/32 fd00::/8]" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"10.0.0.1/8", "ten", "10.0.0.0/33"} {
		if _, err := ParseNetworks(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestANameWithoutAnAddress(t *testing.T) {
	s := &Sender{Resolver: newNameServer(t, nil)}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	a := s.Send(ctx, compile(t, `{"request":{"url":"https://gone.example/"}}`), newCall(order))
	wantResult(t, a, hub.NoAddress)
	if !strings.Contains(a.Error, "gone.example") || a.Hint == "" {
		t.Errorf("got %q %q", a.Error, a.Hint)
	}
}
