package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hacek/internal/hub"
)

// The console's cookies. The session's holds the only secret; the others are a choice and a sentence.
const (
	sessionCookie  = "hacek_session"
	languageCookie = "hacek_language"
	flashCookie    = "hacek_flash"
)

// https tells whether the browser came by an encrypted way, here or at a proxy in front.
func (v *visit) https() bool {
	return v.r.TLS != nil || v.portal != nil && v.portal.https || v.PublicURL != nil && strings.HasPrefix(v.PublicURL(""), "https://")
}

// cookieName is a cookie's name for this visitor: each portal has its own, so that one browser can be in several. Over
// https its prefix keeps other hosts and paths from setting it.
func (v *visit) cookieName(name string) string {
	if v.portal == nil {
		return name
	}
	name += "_" + v.portal.id
	if v.https() {
		return "__Host-" + name
	}
	return name
}

func (v *visit) cookie(name, value string, age int) *http.Cookie {
	c := &http.Cookie{Name: v.cookieName(name), Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.https()}
	// In a frame of another site a browser sends only such a cookie, and keeps it for that site alone. This machine
	// counts as encrypted; over plain http from elsewhere the portal works on its own, not in a frame.
	if host := (&url.URL{Host: v.r.Host}).Hostname(); v.portal != nil && (c.Secure || hub.Loopback(host)) {
		c.Secure, c.SameSite, c.Partitioned = true, http.SameSiteNoneMode, true
	}
	return c
}

func (v *visit) setCookie(name, value string, life time.Duration) {
	http.SetCookie(v.w, v.cookie(name, value, int(life/time.Second)))
}

func (v *visit) dropCookie(name string) { http.SetCookie(v.w, v.cookie(name, "", -1)) }

// flash is a sentence for the next page: a key of the catalogue and its values.
type flash struct {
	Key    string   `json:"k"`
	Values []string `json:"v,omitempty"`
}

func (v *visit) setFlash(key string, values []string) {
	text, err := json.Marshal(flash{key, values})
	if err != nil {
		return // strings always can be written
	}
	v.setCookie(flashCookie, base64.RawURLEncoding.EncodeToString(text), time.Minute)
}

// takeFlash is the sentence that the page before left, once.
func (v *visit) takeFlash() string {
	cookie, err := v.r.Cookie(v.cookieName(flashCookie))
	if err != nil {
		return ""
	}
	v.dropCookie(flashCookie)
	var f flash
	text, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || json.Unmarshal(text, &f) != nil || !strings.HasPrefix(f.Key, "web") {
		return ""
	}
	values := make([]any, len(f.Values))
	for i := range f.Values {
		values[i] = f.Values[i]
	}
	return v.lang.Text(f.Key, values...)
}
