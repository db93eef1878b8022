package sender

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// Caps of what an answer may say before it is garbage.
const (
	maxInterim   = 5 // 1xx answers before the real one
	maxChunkLine = 1 << 10
	maxHeaders   = 256
)

var (
	errTooLong    = errors.New("its headers are longer than 64 KiB")
	errFraming    = errors.New("its length is told in a way that cannot be trusted")
	errNoHTTP     = errors.New("its first line is not HTTP")
	errBadHeader  = errors.New("a header line is malformed")
	errManyOnes   = errors.New("it went on with interim answers")
	errChunk      = errors.New("a chunk is malformed")
	errManyHeader = errors.New("it has too many headers")
)

// answerReader reads one answer strictly: what two programs might read in two ways is refused.
type answerReader struct {
	r       *bufio.Reader
	keep    int // bytes of the body that are kept
	budget  int // bytes of headers that may still come
	minor   byte
	close   bool
	chunked bool
	length  int64 // -1: until the connection is closed
	whole   bool  // the answer ended where it said, and the connection may serve again
}

// line returns the next line without its end; it is valid until the next read.
func (a *answerReader) line(long []byte) ([]byte, error) {
	for {
		part, err := a.r.ReadSlice('\n')
		a.budget -= len(part)
		if a.budget < 0 {
			return nil, errTooLong
		}
		if err == nil {
			if long != nil {
				part = append(long, part...)
			}
			part = part[:len(part)-1]
			if n := len(part); n > 0 && part[n-1] == '\r' {
				part = part[:n-1]
			}
			return part, nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		long = append(long, part...)
	}
}

func (a *answerReader) head(answer *hub.Answer) error {
	a.budget = HeadersRead
	for range maxInterim {
		line, err := a.line(nil)
		if err != nil {
			return err
		}
		status, err := a.statusLine(line)
		if err != nil {
			return err
		}
		headers, err := a.headers()
		if err != nil {
			return err
		}
		if status >= 200 || status == http.StatusSwitchingProtocols {
			answer.Status, answer.Headers = status, headers
			return a.framing(status, headers)
		}
	}
	return errManyOnes
}

func (a *answerReader) statusLine(line []byte) (int, error) {
	const version = "HTTP/1."
	if len(line) < len(version)+5 || string(line[:len(version)]) != version {
		return 0, fmt.Errorf("%w: %q", errNoHTTP, line[:min(len(line), 60)])
	}
	a.minor = line[len(version)]
	code := line[len(version)+2:]
	if a.minor != '0' && a.minor != '1' || line[len(version)+1] != ' ' || len(code) > 3 && code[3] != ' ' {
		return 0, fmt.Errorf("%w: %q", errNoHTTP, line[:min(len(line), 60)])
	}
	status := 0
	for _, c := range code[:3] {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%w: %q", errNoHTTP, line[:min(len(line), 60)])
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 {
		return 0, fmt.Errorf("%w: %q", errNoHTTP, line[:min(len(line), 60)])
	}
	return status, nil
}

// headers reads up to the empty line.
func (a *answerReader) headers() (http.Header, error) {
	headers := make(http.Header, 8)
	values := make([]string, 0, 8) // one piece of memory for the usual handful
	for count := 0; ; count++ {
		line, err := a.line(nil)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			return headers, nil
		}
		if count == maxHeaders {
			return nil, errManyHeader
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 1 || !tokenBytes(line[:colon]) {
			return nil, errBadHeader
		}
		value := bytes.Trim(line[colon+1:], " \t")
		for _, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				return nil, errBadHeader
			}
		}
		name := textproto.CanonicalMIMEHeaderKey(string(line[:colon]))
		if known := headers[name]; known != nil {
			headers[name] = append(known, string(value))
			continue
		}
		values = append(values, string(value))
		headers[name] = values[len(values)-1 : len(values) : len(values)]
	}
}

func tokenBytes(name []byte) bool {
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		case c <= ' ', c >= 0x7f, strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0:
			return false
		}
	}
	return true
}

// framing finds out where the body ends.
func (a *answerReader) framing(status int, headers http.Header) error {
	a.close = a.minor == '0'
	for _, value := range headers["Connection"] {
		for option := range strings.SplitSeq(value, ",") {
			switch strings.ToLower(strings.TrimSpace(option)) {
			case "close":
				a.close = true
			case "keep-alive":
				a.close = false
			}
		}
	}
	if status == http.StatusSwitchingProtocols {
		a.close = true
		return nil
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return nil
	}
	lengths := headers["Content-Length"]
	if encodings := headers["Transfer-Encoding"]; len(encodings) > 0 {
		if len(encodings) > 1 || !strings.EqualFold(encodings[0], "chunked") || a.minor == '0' {
			return errFraming
		}
		// Chunked rules, but whoever says both is not to be trusted with another request.
		a.chunked, a.close = true, a.close || len(lengths) > 0
		return nil
	}
	a.length = -1
	for i, text := range lengths {
		n, err := strconv.ParseUint(text, 10, 62)
		if err != nil || i > 0 && text != lengths[0] {
			return errFraming
		}
		a.length = int64(n)
	}
	return nil
}

// body reads what is kept, counts on up to the cap, and leaves the rest.
func (a *answerReader) body(answer *hub.Answer) error {
	var err error
	switch {
	case a.chunked:
		answer.Body, answer.Truncated, err = a.chunks()
	case a.length < 0:
		answer.Body, answer.Truncated, err = readAnswer(a.r, a.keep)
	case a.length > 0:
		answer.Body = make([]byte, min(a.length, int64(a.keep)))
		if _, err = io.ReadFull(a.r, answer.Body); err != nil {
			break
		}
		answer.Truncated = a.length > int64(a.keep)
		if a.length > int64(max(a.keep, AnswerRead)) {
			return nil
		}
		err = discard(a.r, a.length-int64(len(answer.Body)))
		a.whole = err == nil
	default:
		a.whole = true
	}
	a.whole = a.whole && !a.close
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// chunks reads a chunked body. Every chunk's frame counts against the cap too, so that a million chunks of one byte
// are no way around it.
func (a *answerReader) chunks() (kept []byte, truncated bool, err error) {
	read := int64(0)
	for {
		a.budget = maxChunkLine
		line, err := a.line(nil)
		if err != nil {
			return kept, truncated, err
		}
		read += int64(len(line)) + 2
		digits, _, _ := bytes.Cut(line, []byte{';'})
		size, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 62)
		if err != nil {
			return kept, truncated, errChunk
		}
		if size == 0 {
			return kept, truncated, a.trailers()
		}
		take := min(int64(size), int64(a.keep-len(kept)))
		if take > 0 {
			from := len(kept)
			kept = append(kept, make([]byte, take)...)
			if _, err := io.ReadFull(a.r, kept[from:]); err != nil {
				return kept[:from], truncated, err
			}
		}
		rest := int64(size) - take
		truncated = truncated || rest > 0
		if read += int64(size); read > int64(max(a.keep, AnswerRead)) {
			return kept, true, nil
		}
		if err := discard(a.r, rest); err != nil {
			return kept, truncated, err
		}
		if end, err := a.line(nil); err != nil {
			return kept, truncated, err
		} else if len(end) > 0 {
			return kept, truncated, errChunk
		}
	}
}

// trailers reads and forgets what may follow the last chunk.
func (a *answerReader) trailers() error {
	a.budget = HeadersRead
	if _, err := a.headers(); err != nil {
		return err
	}
	a.whole = true
	return nil
}
