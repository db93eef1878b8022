package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"hacek/internal/hub"
)

// problem is an error as its reader gets it (RFC 9457).
type problem struct {
	Type   string           `json:"type"`
	Title  string           `json:"title"`
	Status int              `json:"status"`
	Detail string           `json:"detail"`
	Code   hub.Code         `json:"code"`
	Hint   string           `json:"hint"`
	Errors []hub.FieldError `json:"errors"`
}

// plainProblem says no more about the kind of problem than its status does: code is what tells them apart.
func plainProblem(status int, code hub.Code, detail, hint string, errors []hub.FieldError) problem {
	return problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Code: code, Hint: hint, Errors: listed(errors),
	}
}

// statusOf is the one place where a code becomes a status.
func statusOf(code hub.Code) int {
	switch code {
	case hub.NotJSON:
		return http.StatusBadRequest
	case hub.Unauthorized:
		return http.StatusUnauthorized
	case hub.Forbidden:
		return http.StatusForbidden
	case hub.NotFound:
		return http.StatusNotFound
	case hub.Conflict, hub.IDReused, hub.InFlight:
		return http.StatusConflict
	case hub.PreconditionFailed:
		return http.StatusPreconditionFailed
	case hub.TooLarge:
		return http.StatusRequestEntityTooLarge
	case hub.UnsupportedType:
		return http.StatusUnsupportedMediaType
	case hub.Invalid, hub.SchemaViolated, hub.NotAvailable, hub.SecretRequired, hub.KeyReused:
		return http.StatusUnprocessableEntity
	case hub.TooMany:
		return http.StatusTooManyRequests
	case hub.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problemOf says what of an error its reader may know: everything of a *hub.Error, nothing of another.
func problemOf(err error) (p problem, known bool) {
	var e *hub.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.DeadlineExceeded):
		e = hub.Errorf(hub.Unavailable, "this took too long and was given up").WithHint("ask for less, or try again")
	default:
		return plainProblem(http.StatusInternalServerError, "internal", "internal error", "", nil), false
	}
	return plainProblem(statusOf(e.Code), e.Code, e.Detail, e.Hint, e.Fields), true
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
