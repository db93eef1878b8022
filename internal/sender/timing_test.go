package sender

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"hacek/internal/hub"
)

func TestC4_TheTimingOfEachPhaseIsShown(t *testing.T) {
	ways(t, func(t *testing.T, auth string, open func(...http.HandlerFunc) *receiver) {
		r := open()
		s, _ := newSender(t)
		s.Resolver = newNameServer(t, []string{"127.0.0.1"})
		named, err := url.Parse(r.URL)
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range []string{named.Host, strings.Replace(named.Host, "127.0.0.1", "wms.example", 1)} {
			secure, byName := named.Scheme == "https", host != named.Host
			if secure && byName {
				continue // the certificate is the address's
			}
			c := compile(t, fmt.Sprintf(`{"request":{"url":"%s://%s/"},"auth":%s}`, named.Scheme, host, auth))
			a := send(t, s, c, newCall(order))
			wantResult(t, a, hub.Succeeded)
			at := a.Timing
			if at.DNS > 0 != byName || at.TLS > 0 != secure || at.Connect <= 0 || at.FirstByte <= 0 {
				t.Errorf("a new connection to %s: %+v", host, at)
			}
			if sum := at.DNS + at.Connect + at.TLS; at.FirstByte < sum || at.Total < at.FirstByte || a.Took < at.Total {
				t.Errorf("phases of %s end before they begin: %+v, took %s", host, at, a.Took)
			}

			send(t, s, c, newCall(order)) // over TLS the first call learns which HTTP is spoken, and this one opens what is kept
			a = send(t, s, c, newCall(order))
			wantResult(t, a, hub.Succeeded)
			if at := a.Timing; at.DNS != 0 || at.Connect != 0 || at.TLS != 0 || at.FirstByte <= 0 {
				t.Errorf("the connection that was kept to %s: %+v", host, at)
			}
		}
	})
}
