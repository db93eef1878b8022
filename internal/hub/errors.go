package hub

import (
	"errors"
	"fmt"
	"time"
)

// Code says what kind of error it is; doors turn it into a status, programs branch on it. The list is in docs/errors.md.
type Code string

// The codes a caller can meet.
const (
	NotJSON            Code = "not_json"            // 400 the body cannot be read
	Invalid            Code = "invalid"             // 422 a field is wrong
	SchemaViolated     Code = "schema_violated"     // 422 the event type's schema says no
	NotAvailable       Code = "not_available"       // 422 a setting that is not built yet
	SecretRequired     Code = "secret_required"     // 422 the address changed: give the secret again
	Unauthorized       Code = "unauthorized"        // 401
	Forbidden          Code = "forbidden"           // 403
	NotFound           Code = "not_found"           // 404
	Conflict           Code = "conflict"            // 409
	IDReused           Code = "id_reused"           // 409 the same event id with other content
	InFlight           Code = "in_flight"           // 409 the same Idempotency-Key is being worked on
	KeyReused          Code = "key_reused"          // 422 the same Idempotency-Key with another body
	PreconditionFailed Code = "precondition_failed" // 412 changed meanwhile
	TooLarge           Code = "too_large"           // 413
	UnsupportedType    Code = "unsupported_type"    // 415
	TooMany            Code = "too_many_requests"   // 429
	Unavailable        Code = "unavailable"         // 503 try again later
)

// Error is an error that its reader can act on.
type Error struct {
	Code       Code
	Detail     string        // what and where
	Hint       string        // what to do, "" when it is plain
	Fields     []FieldError  // every field that is wrong
	RetryAfter time.Duration // for Unavailable and TooMany
}

// FieldError points into the request: a JSON Pointer, and what is wrong there.
type FieldError struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

func (e *Error) Error() string { return e.Detail }

// Errorf makes an Error with a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// WithHint adds what the reader can do.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// CodeOf finds the code of an error, "" for one of ours.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Problems collects the wrong fields of one request, so that all are reported at once.
type Problems []FieldError

// Add notes one wrong field.
func (p *Problems) Add(pointer, format string, args ...any) {
	*p = append(*p, FieldError{Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// Err is nil when nothing was added.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	e := Errorf(Invalid, "%s", p[0].Detail)
	if p[0].Pointer != "" {
		e.Detail = p[0].Pointer + ": " + e.Detail
	}
	if len(p) > 1 {
		e.Detail += fmt.Sprintf(" (and %d more)", len(p)-1)
	}
	e.Fields = p
	return e
}
