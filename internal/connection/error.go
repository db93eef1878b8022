package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"hacek/internal/hub"
)

// ErrorKind says what the caller can do about an error.
type ErrorKind string

// Kinds of errors.
const (
	Away   ErrorKind = "away"   // the database cannot be reached or cannot work: trying again later helps
	Locked ErrorKind = "locked" // somebody else holds the rows for too long: trying again later helps
	Data   ErrorKind = "data"   // the values are not accepted: other values help
	Schema ErrorKind = "schema" // tables and settings do not fit each other: a person must change one of them
	Denied ErrorKind = "denied" // wrong password, or a right is missing
)

// Error is a database's no, with the place and what to do. It never holds the DSN.
type Error struct {
	Kind   ErrorKind
	Table  string // "" when no one table is to blame
	Column string // "" when no one column is to blame
	Detail string // what happened, one line
	Hint   string // what to do, "" when it is plain

	cause     error
	conflict  bool // lost against another writer of the same row: try again at once
	duplicate bool // a row with the same value under a unique key is there
}

func (e *Error) Error() string {
	place := e.Table
	if e.Column != "" {
		place = strings.TrimPrefix(place+"."+e.Column, ".")
	}
	if place == "" {
		return e.Detail
	}
	return place + ": " + e.Detail
}

// Unwrap gives what the driver said.
func (e *Error) Unwrap() error { return e.cause }

// Later reports whether trying again later helps without anybody changing anything.
func (e *Error) Later() bool { return e.Kind == Away || e.Kind == Locked }

func errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

func (e *Error) at(table, column string) *Error {
	if e.Table == "" {
		e.Table = table
	}
	if e.Column == "" {
		e.Column = column
	}
	return e
}

func (e *Error) hint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// explain turns whatever a driver returned into an Error: first what all drivers share, then what the server said.
func (d *DB) explain(err error) *Error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return known
	}
	e := d.dialect.explain(err)
	if e == nil {
		e = transport(err)
	}
	e.cause = err
	e.Detail = d.clean(e.Detail)
	return e
}

// clean leaves one line without the password of the DSN, whatever the server chose to repeat.
func (d *DB) clean(text string) string {
	if len(d.password) >= 4 { // a shorter one would mask half of every sentence
		text = strings.ReplaceAll(text, d.password, "***")
	}
	return hub.Shorten(strings.Join(strings.Fields(text), " "), 500)
}

func transport(err error) *Error {
	var netErr net.Error
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errorf(Away, "the database did not answer in time").hint("see whether the server is overloaded or the network is slow")
	case errors.Is(err, context.Canceled):
		return errorf(Away, "stopped before the database answered")
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &alert):
		return errorf(Denied, "the database's certificate is not trusted: %v", err).
			hint("use a certificate of a known authority for the name in the DSN, or choose less checking in the DSN")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errorf(Away, "nobody listens at the database's address: connection refused").hint("start the database server, or correct host and port")
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errorf(Away, "the connection to the database broke")
	case errors.As(err, &netErr):
		return errorf(Away, "the database cannot be reached: %v", err).hint("see whether the host name is right and the network lets us through")
	}
	return errorf(Away, "the database cannot be used: %v", err)
}

// shown is a value as errors show it: quoted, on one line and cut.
func shown(value string) string { return fmt.Sprintf("%q", hub.Shorten(value, 40)) }
