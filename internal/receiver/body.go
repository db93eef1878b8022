package receiver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"hacek/internal/hub"
)

// refusal is why a request is not taken, before anybody asked whom it comes from.
type refusal struct {
	status int
	reason string // for people, in plain words
}

var errTooLarge = errors.New("larger than allowed")

// readBody reads a body up to limit bytes as it comes over the wire, whatever Content-Length says, and up to limit
// bytes again after its one layer of compression. wire is its length before that.
func readBody(body io.Reader, encoding string, limit int64, h *hold) (plain []byte, wire int, refused *refusal) {
	raw, err := readUpTo(body, limit, h)
	wire = len(raw)
	if err != nil {
		return raw, wire, unread(err, limit)
	}
	encoding = strings.ToLower(strings.TrimSpace(encoding))
	if encoding == "" || encoding == "identity" || len(raw) == 0 {
		return raw, wire, nil
	}
	unpacked, err := unpacker(encoding, raw)
	if err == nil && unpacked == nil {
		return raw, wire, &refusal{http.StatusUnsupportedMediaType, fmt.Sprintf("the body is compressed as %q; gzip and deflate are read, one layer of them", cut(encoding, 40))}
	}
	if err == nil {
		plain, err = readUpTo(unpacked, limit, h)
	}
	switch {
	case errors.Is(err, errTooLarge), errors.Is(err, errCrowded):
		return nil, wire, unread(err, limit)
	case err != nil:
		return raw, wire, &refusal{http.StatusBadRequest, "the body says it is compressed as " + encoding + " and cannot be unpacked: it was changed or cut off on its way"}
	}
	return plain, wire, nil
}

func unpacker(encoding string, raw []byte) (io.Reader, error) {
	switch encoding {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		// RFC 9110 means zlib; some send the bare stream.
		if z, err := zlib.NewReader(bytes.NewReader(raw)); err == nil {
			return z, nil
		}
		return flate.NewReader(bytes.NewReader(raw)), nil
	}
	return nil, nil
}

// readUpTo reads everything, or nothing when there is more than limit.
func readUpTo(from io.Reader, limit int64, h *hold) ([]byte, error) {
	from = io.LimitReader(from, limit+1)
	b := make([]byte, 0, 1024)
	for {
		if len(b) == cap(b) {
			if !h.take(len(b)) { // what the next step adds, about
				return nil, errCrowded
			}
			b = slices.Grow(b, len(b))
		}
		n, err := from.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case int64(len(b)) > limit:
			return nil, errTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// What bodies may take in memory all together. Small ones, which nearly all notices are, do not count: whoever sends
// large ones by the hundred keeps out other large ones only.
const (
	smallBody   = 64 << 10
	largeBodies = 256 << 20
)

var errCrowded = errors.New("too many large bodies at this moment")

// hold is what one request has taken of the memory for bodies.
type hold struct {
	from  *atomic.Int64
	taken int64
}

func (h *hold) take(n int) bool {
	if n < smallBody {
		return true
	}
	if h.from.Add(int64(n)) > largeBodies {
		h.from.Add(-int64(n))
		return false
	}
	h.taken += int64(n)
	return true
}

func (h *hold) release() {
	h.from.Add(-h.taken)
	h.taken = 0
}

func unread(err error, limit int64) *refusal {
	switch {
	case errors.Is(err, errTooLarge):
		return tooLarge(limit)
	case errors.Is(err, errCrowded):
		return &refusal{http.StatusServiceUnavailable, "too many large bodies are on their way at this moment; send it again later"}
	}
	return &refusal{http.StatusBadRequest, "the body ended before its announced length, or came too slowly"}
}

func tooLarge(limit int64) *refusal {
	return &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %s, which is the source's max_body", hub.Size(limit))}
}

// cut shortens a text for people.
func cut(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
