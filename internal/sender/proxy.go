package sender

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// ProxyError is a proxy that did not open the way.
type ProxyError struct {
	Proxy, Detail string
}

func (e *ProxyError) Error() string { return fmt.Sprintf("the proxy %s %s", e.Proxy, e.Detail) }

// dialThroughProxy resolves and judges the name here and asks the proxy for that very address: a proxy that resolved
// the name itself could be led elsewhere.
func (g *Guard) dialThroughProxy(ctx context.Context, host, port string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	target, err := g.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	proxy := g.Policy.Proxy
	address := proxy.Host
	if proxy.Port() == "" {
		address = net.JoinHostPort(proxy.Hostname(), map[string]string{"https": "443"}[proxy.Scheme])
		if proxy.Scheme != "https" {
			address = net.JoinHostPort(proxy.Hostname(), "80")
		}
	}
	d := net.Dialer{Resolver: g.Resolver}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, &ProxyError{address, "cannot be reached: " + plainNetError(err)}
	}
	if proxy.Scheme == "https" {
		secured := tls.Client(conn, &tls.Config{ServerName: proxy.Hostname(), MinVersion: tls.VersionTLS12})
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, &ProxyError{address, "has no trusted certificate: " + err.Error()}
		}
		conn = secured
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := g.askProxy(conn, net.JoinHostPort(target.String(), port)); err != nil {
		conn.Close()
		return nil, &ProxyError{address, err.Error()}
	}
	return conn, nil
}

func (g *Guard) askProxy(conn net.Conn, target string) error {
	request := "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n"
	if user := g.Policy.Proxy.User; user != nil {
		password, _ := user.Password()
		request += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, request+"\r\n"); err != nil {
		return fmt.Errorf("broke the connection off")
	}
	// One byte at a time, so that nothing behind the answer is swallowed; it is some hundred bytes, once a connection.
	r := bufio.NewReaderSize(io.LimitReader(oneByte{conn}, 16<<10), 16)
	answer, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect}) //nolint:bodyclose // what follows is the tunnel
	if err != nil {
		return fmt.Errorf("gave no proper answer")
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("refused to connect: %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	return nil
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) {
	if len(p) > 1 {
		p = p[:1]
	}
	return o.r.Read(p)
}

// resolve picks the first address of a name that may be called.
func (g *Guard) resolve(ctx context.Context, host string) (netip.Addr, error) {
	host = strings.Trim(host, "[]")
	if addr, err := netip.ParseAddr(host); err == nil {
		if refusal := g.judge(host, addr); refusal != nil {
			return netip.Addr{}, refusal
		}
		return addr, nil
	}
	resolver := g.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	var refusal *BlockedError
	for _, addr := range addrs {
		if r := g.judge(host, addr); r != nil {
			refusal = r
			continue
		}
		return addr.Unmap(), nil
	}
	if refusal == nil {
		return netip.Addr{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return netip.Addr{}, refusal
}
