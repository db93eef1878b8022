package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"hacek/internal/hub"
)

// problem is an error as its reader gets it (RFC 9457).
type problem struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail"`
	Code   hub.Code         `json:"code"`
	Hint   string           `json:"hint,omitempty"`
	Errors []hub.FieldError `json:"errors,omitempty"`
}

func problemType(code hub.Code) string { return "urn:hacek:problem:" + string(code) }

// statusOf is the one place where a code becomes a status.
func statusOf(code hub.Code) (status int, title string) {
	switch code {
	case hub.NotJSON:
		return http.StatusBadRequest, "The body cannot be read"
	case hub.Invalid:
		return http.StatusUnprocessableEntity, "A value is wrong"
	case hub.SchemaViolated:
		return http.StatusUnprocessableEntity, "The data violate the event type's schema"
	case hub.NotAvailable:
		return http.StatusUnprocessableEntity, "Not available yet"
	case hub.SecretRequired:
		return http.StatusUnprocessableEntity, "Give the secret again"
	case hub.KeyReused:
		return http.StatusUnprocessableEntity, "Idempotency-Key used with another body"
	case hub.Unauthorized:
		return http.StatusUnauthorized, "Who is calling?"
	case hub.Forbidden:
		return http.StatusForbidden, "Not allowed"
	case hub.NotFound:
		return http.StatusNotFound, "Not found"
	case hub.Conflict:
		return http.StatusConflict, "Conflict"
	case hub.IDReused:
		return http.StatusConflict, "Id used with other content"
	case hub.InFlight:
		return http.StatusConflict, "The same request is being worked on"
	case hub.PreconditionFailed:
		return http.StatusPreconditionFailed, "Changed meanwhile"
	case hub.TooLarge:
		return http.StatusRequestEntityTooLarge, "Too large"
	case hub.UnsupportedType:
		return http.StatusUnsupportedMediaType, "Unsupported content type"
	case hub.TooMany:
		return http.StatusTooManyRequests, "Too many requests"
	case hub.Unavailable:
		return http.StatusServiceUnavailable, "Try again later"
	}
	return http.StatusInternalServerError, "Internal error"
}

// problemOf says what of an error its reader may know: everything of a *hub.Error, nothing of another.
func problemOf(err error) (p problem, known bool) {
	var e *hub.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded):
		e = hub.Errorf(hub.Unavailable, "this took too long and was given up").WithHint("ask for less, or try again")
	default:
		return problem{
			Type: problemType("internal"), Title: "Internal error", Status: http.StatusInternalServerError,
			Detail: "internal error", Code: "internal",
		}, false
	}
	status, title := statusOf(e.Code)
	return problem{Type: problemType(e.Code), Title: title, Status: status, Detail: e.Detail, Code: e.Code, Hint: e.Hint, Errors: e.Fields}, true
}

// fail answers an error. One that is ours is logged under an id that the caller sees too.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller has gone
	}
	p, known := problemOf(err)
	if !known {
		id := hub.NewID().Text("req_")
		a.Log.Error("request failed", "request", id, "method", r.Method, "pattern", r.Pattern, "err", err)
		p.Detail = "internal error, request " + id
		p.Hint = "the log of the hub says more under this id"
	}
	var e *hub.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	} else if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int((5 * time.Second).Seconds())))
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="hacek"`)
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p problem) {
	body, err := json.Marshal(p)
	if err != nil {
		panic("BUG: a problem cannot be written: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(p.Status)
	_, _ = w.Write(body)
}

// shorten cuts what a caller sent before it is shown back.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit] + "..."
}
