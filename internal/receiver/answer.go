package receiver

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer is what the caller is told.
type answer struct {
	status      int
	contentType string
	body        string
	headers     map[string]string
	again       time.Duration // Retry-After
}

// plainTypes are what an answer may be, so that what a stranger had us repeat never becomes a page of ours.
var plainTypes = map[string]bool{
	"text/plain": true, "application/json": true, "application/xml": true, "text/xml": true, "application/soap+xml": true,
}

func say(status int, text string) answer {
	return answer{status: status, contentType: "text/plain; charset=utf-8", body: text + "\n"}
}

// write sends the answer and nothing that a browser would run.
func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range a.headers {
		h.Set(name, value)
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("Cache-Control", "no-store")
	if a.again > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.again.Seconds())))
	}
	if a.body != "" {
		h.Set("Content-Type", plainType(a.contentType))
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write([]byte(a.body)) // the caller is gone: it will come again
}

func plainType(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || !plainTypes[media] {
		return "text/plain; charset=utf-8"
	}
	return strings.TrimSpace(contentType)
}

// accepted is the answer to everything that is safe: a new event, a repeat, what the rules leave out.
func (l *live) accepted() answer {
	a := answer{status: l.Respond.Status, body: l.Respond.Body, contentType: l.Respond.ContentType}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a
}

// refused is the answer to a wrong signature, which tells a stranger nothing.
func (l *live) refused() answer {
	if l.provider != nil && l.provider.Refusal != nil {
		r := l.provider.Refusal
		return answer{status: r.Status, contentType: r.ContentType, body: r.Body, headers: r.Headers}
	}
	return say(http.StatusUnauthorized, "the signature does not hold")
}
