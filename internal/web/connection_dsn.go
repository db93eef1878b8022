package web

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"hacek/internal/hub"
)

// dsnParts is a DSN as people know it: where the database is, and who logs in. What cannot be taken apart stands in
// Whole alone.
type dsnParts struct {
	Host, Port, Database, User, Password string
	TLS, Zone                            string
	File                                 string // of SQLite
	Whole                                bool   // the parts do not say all of it
}

// where is the database without what is secret.
func (d dsnParts) where() string {
	switch {
	case d.File != "":
		return d.File
	case d.Whole || d.Host == "":
		return hub.Masked
	}
	return d.address() + "/" + d.Database
}

func (d dsnParts) address() string {
	if d.Port == "" {
		return d.Host
	}
	return net.JoinHostPort(d.Host, d.Port)
}

// joinDSN writes the parts as docs/connections.md has them.
func joinDSN(driver string, d dsnParts) string {
	switch driver {
	case hub.DriverSQLite:
		if d.Zone != "" {
			return d.File + "?timezone=" + url.QueryEscape(d.Zone)
		}
		return d.File
	case hub.DriverMySQL:
		query := ""
		if d.TLS != "" {
			query = "&tls=" + d.TLS
		}
		if d.Zone != "" {
			query += "&loc=" + url.QueryEscape(d.Zone)
		}
		if query != "" {
			query = "?" + query[1:]
		}
		port := d
		if port.Port == "" {
			port.Port = "3306"
		}
		return d.User + ":" + d.Password + "@tcp(" + port.address() + ")/" + url.PathEscape(d.Database) + query
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(d.User, d.Password), Host: d.address(), Path: "/" + d.Database}
	query := url.Values{}
	if d.TLS != "" {
		query.Set("sslmode", d.TLS)
	}
	if d.Zone != "" {
		query.Set("timezone", d.Zone)
	}
	u.RawQuery = query.Encode()
	return u.String()
}

var mysqlDSN = regexp.MustCompile(`^([^:@]*):(.*)@tcp\(([^()]*)\)/([^/?]*)(?:\?(.*))?$`)

// splitDSN takes a DSN apart. It is Whole when putting the parts together would not give the same again.
func splitDSN(driver, dsn string) dsnParts {
	var d dsnParts
	switch driver {
	case hub.DriverSQLite:
		file, query, _ := strings.Cut(dsn, "?")
		values, _ := url.ParseQuery(query)
		d = dsnParts{File: file, Zone: values.Get("timezone")}
	case hub.DriverMySQL:
		part := mysqlDSN.FindStringSubmatch(dsn)
		if part == nil {
			return dsnParts{Whole: true}
		}
		values, _ := url.ParseQuery(part[5])
		d = dsnParts{User: part[1], Password: part[2], TLS: values.Get("tls"), Zone: values.Get("loc")}
		d.Database, _ = url.PathUnescape(part[4])
		d.setAddress(part[3])
	default:
		u, err := url.Parse(dsn)
		if err != nil || u.Host == "" || u.User == nil {
			return dsnParts{Whole: true}
		}
		d = dsnParts{User: u.User.Username(), TLS: u.Query().Get("sslmode"), Zone: u.Query().Get("timezone"), Database: strings.TrimPrefix(u.Path, "/")}
		d.Password, _ = u.User.Password()
		d.setAddress(u.Host)
	}
	d.Whole = joinDSN(driver, d) != dsn
	return d
}

func (d *dsnParts) setAddress(text string) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, ""
	}
	d.Host, d.Port = host, port
}
