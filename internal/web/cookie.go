package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// The console's cookies. The session's holds the only secret; the others are a choice and a sentence.
const (
	sessionCookie  = "hacek_session"
	languageCookie = "hacek_language"
	flashCookie    = "hacek_flash"
)

// https tells whether the browser came by an encrypted way, here or at a proxy in front.
func (v *visit) https() bool {
	return v.r.TLS != nil || v.PublicURL != nil && strings.HasPrefix(v.PublicURL(""), "https://")
}

func (v *visit) setCookie(name, value string, life time.Duration) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(life / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.https(),
	})
}

func (v *visit) dropCookie(name string) {
	http.SetCookie(v.w, &http.Cookie{
		Name: name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: v.https(),
	})
}

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
	cookie, err := v.r.Cookie(flashCookie)
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
