package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"regexp"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
)

// Limits of a file that is looked at, and of what its compressed body may become.
const (
	mostFile = 64 << 20
	mostBody = 64 << 20
)

// savedRequest is a request as a file holds it.
type savedRequest struct {
	method, target string // target: a path or a whole address
	header         http.Header
	body           []byte
	at             time.Time // zero: the file does not say
	wire           bool      // the body stands as it went over the wire: still to be framed
	headOnly       bool
	notes          []string // what somebody who wonders should know
}

func (r *savedRequest) note(format string, values ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, values...))
}

// readRequest takes HTTP as it goes over the wire, also amid what curl -v and tcpdump write around it, or JSON as the API
// shows a request.
func readRequest(raw []byte) (*savedRequest, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(raw, []byte("\ufeff")), " \t\r\n")
	if len(text) > 0 && text[0] == '{' {
		return readRequestJSON(text)
	}
	return readRequestHTTP(raw)
}

// readRequestJSON reads {"method", "url", "headers", "body"}; a body that is not text stands in body_base64.
func readRequestJSON(text []byte) (*savedRequest, error) {
	var file struct {
		Method, URL, Query string
		At                 time.Time
		Headers            map[string]json.RawMessage
		Body               json.RawMessage
		Base64             *string `json:"body_base64"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, wrong("", "the file begins as JSON and cannot be read: %v", err)
	}
	if file.Headers == nil {
		return nil, wrong(`it is {"method":"POST","url":"https://...","headers":{...},"body":"..."}`, `the JSON has no "headers"`)
	}
	r := &savedRequest{method: file.Method, target: file.URL, header: http.Header{}, at: file.At}
	if r.method == "" {
		r.method = http.MethodPost
	}
	if file.Query != "" && !strings.Contains(r.target, "?") {
		r.target += "?" + file.Query
	}
	for name, value := range file.Headers {
		var one string
		var several []string
		if json.Unmarshal(value, &one) == nil {
			several = []string{one}
		} else if json.Unmarshal(value, &several) != nil {
			return nil, wrong("", "the header %s is neither a text nor a list of texts", name)
		}
		for _, text := range several {
			r.header.Add(name, text)
		}
	}
	var body string
	switch {
	case file.Base64 != nil:
		raw, err := base64.StdEncoding.DecodeString(*file.Base64)
		if err != nil {
			return nil, wrong("", "body_base64 is not base64")
		}
		r.body = raw
	case len(file.Body) == 0 || string(file.Body) == "null":
	case json.Unmarshal(file.Body, &body) == nil:
		r.body = []byte(body)
	default:
		r.body = file.Body
		r.note("The file holds the body as JSON, not as a text. It is taken byte for byte as it stands there, which need not be how it came.")
	}
	return r, nil
}

// A request line, also behind the marks that curl and tcpdump put before it.
var requestLine = regexp.MustCompile(`(?m)(> )?(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) (\S+) HTTP/[0-9.]+\r?$`)

func readRequestHTTP(raw []byte) (*savedRequest, error) {
	at := requestLine.FindSubmatchIndex(raw)
	if at == nil {
		return nil, wrong(`it is HTTP, with a first line such as "POST /in/shop HTTP/1.1", or JSON with method, url, headers and body`,
			"the file holds no request")
	}
	part := func(i int) string { return string(raw[at[2*i]:at[2*i+1]]) }
	r := &savedRequest{method: part(2), target: part(3), header: http.Header{}}
	mark := "" // of curl
	if at[2] >= 0 {
		mark = "> "
	}
	rest := raw[at[1]:]
	_, rest, _ = bytes.Cut(rest, []byte("\n"))
	ended := false
	for len(rest) > 0 && !ended {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		text := strings.TrimRight(string(line), "\r")
		if mark != "" {
			text = strings.TrimPrefix(strings.TrimPrefix(text, ">"), " ")
		}
		if ended = text == ""; ended {
			break
		}
		name, value, found := strings.Cut(text, ":")
		if !found || strings.ContainsAny(name, " \t") {
			return nil, wrong("", "%q in the head of the request is no header field", shorten(printable(text), 60))
		}
		r.header.Add(name, strings.TrimSpace(value))
	}
	r.wire, r.headOnly = true, mark != ""
	if !r.headOnly {
		r.body = rest
	}
	return r, nil
}

// frame takes the body out of what follows the head, by its announced length or its chunks, and unpacks it.
func (r *savedRequest) frame() error {
	if strings.EqualFold(r.header.Get("Transfer-Encoding"), "chunked") {
		whole, err := io.ReadAll(io.LimitReader(httputil.NewChunkedReader(bytes.NewReader(r.body)), mostBody))
		if err != nil {
			r.note("The chunks of the body cannot be read; it is taken as it stands, without them.")
		} else {
			r.body = whole
		}
	} else if text := r.header.Get("Content-Length"); text != "" {
		switch length, err := strconv.Atoi(text); {
		case err != nil || length < 0:
			r.note("Content-Length is no number.")
		case length > len(r.body):
			r.note("Content-Length says %d bytes, and the file holds %d of the body: it was cut off, or its line breaks were rewritten.", length, len(r.body))
		case length < len(r.body):
			if extra := bytes.TrimSpace(r.body[length:]); len(extra) > 0 {
				r.note("Content-Length says %d bytes, and the file holds %d after the head; what is more is left out.", length, len(r.body))
			}
			r.body = r.body[:length]
		}
	}
	if !strings.EqualFold(r.header.Get("Content-Encoding"), "gzip") {
		return nil
	}
	packed, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		r.note("Content-Encoding says gzip, and the body is not packed; it is taken as it stands.")
		return nil //nolint:nilerr // the note says it
	}
	if r.body, err = io.ReadAll(io.LimitReader(packed, mostBody+1)); err != nil || len(r.body) > mostBody {
		return hub.Errorf(hub.Invalid, "the body cannot be unpacked, or becomes larger than %d MiB", mostBody>>20)
	}
	r.note("The body was unpacked (gzip) before it was looked at.")
	return nil
}

// address is what the provider signs where it signs an address: the registered one with the query as it came.
func (r *savedRequest) address(registered string) string {
	path, query, has := strings.Cut(r.target, "?")
	if registered != "" {
		if has && !strings.Contains(registered, "?") {
			return registered + "?" + query
		}
		return registered
	}
	if strings.Contains(path, "://") {
		return r.target
	}
	scheme := r.header.Get("X-Forwarded-Proto")
	if scheme == "" {
		scheme = "https"
	}
	return scheme + "://" + r.header.Get("Host") + r.target
}

func shorten(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most]) + "..."
}
