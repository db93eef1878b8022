package sender

import (
	"encoding/base64"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"hacek/internal/hub"
)

// answerLogged is how much of an answer stands in a line.
const answerLogged = 4 << 10

// lines are buffers for lines being made.
var lines = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// appendRecord writes a line by hand: it is on the way of every delivery.
func appendRecord(b []byte, r *Record) []byte {
	a := r.Attempt
	b = append(b, `{"time":"`...)
	b = hub.AppendTime(b, a.At)
	b = append(b, '"')
	b = appendField(b, "tenant", r.Tenant)
	b = appendField(b, "delivery", r.DeliveryID)
	b = appendField(b, "attempt", r.AttemptID)
	b = append(b, `,"number":`...)
	b = strconv.AppendInt(b, int64(a.N), 10)
	b = appendField(b, "event", r.EventID)
	if r.Event != nil {
		b = appendField(b, "type", r.Event.Type)
		b = appendField(b, "key", r.Event.Key)
	}
	b = append(b, `,"endpoint":{"id":`...)
	b = appendShown(b, r.EndpointID)
	b = appendField(b, "name", r.EndpointName)
	b = append(b, '}')
	if a.Test {
		b = append(b, `,"test":true`...)
	}
	b = appendField(b, "result", string(a.Result))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(a.Status), 10)
	b = append(b, `,"took_ms":`...)
	b = strconv.AppendFloat(b, float64(a.Took)/float64(time.Millisecond), 'f', 1, 64)
	b = append(b, `,"request":{"method":`...)
	b = appendShown(b, a.Request.Method)
	b = appendField(b, "url", a.Request.URL)
	b = append(b, `,"headers":{`...)
	for i := range a.Request.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendShown(b, a.Request.Headers[i].Name), ':')
		b = appendShown(b, a.Request.Headers[i].Value)
	}
	b = append(b, '}')
	b = appendBody(b, a.Request.Body)
	b = append(b, '}')
	if a.Response.Status != 0 {
		b = append(b, `,"response":{"status":`...)
		b = strconv.AppendInt(b, int64(a.Response.Status), 10)
		if after := a.Response.Headers.Get("Retry-After"); after != "" {
			b = appendField(b, "retry_after", after)
		}
		b = appendField(b, "content_type", a.Response.Headers.Get("Content-Type"))
		body := a.Response.Body
		truncated := a.Response.Truncated
		if len(body) > answerLogged {
			body, truncated = wholeRunes(body[:answerLogged]), true
		}
		b = appendBody(b, body)
		if truncated {
			b = append(b, `,"truncated":true`...)
		}
		b = append(b, '}')
	}
	if a.Error != "" {
		b = appendField(b, "error", a.Error)
	}
	if a.Hint != "" {
		b = appendField(b, "hint", a.Hint)
	}
	return append(b, '}', '\n')
}

func appendDropped(b []byte, at time.Time, n int) []byte {
	b = append(b, `{"time":"`...)
	b = hub.AppendTime(b, at)
	b = append(b, `","dropped":`...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, ",\"note\":\"lines could not be written in time; the hub's history has these attempts\"}\n"...)
}

// appendBody writes a text as a text, anything else as base64.
func appendBody(b, body []byte) []byte {
	if len(body) == 0 {
		return b
	}
	if utf8.Valid(body) {
		return appendQuoted(append(b, `,"body":`...), body, true)
	}
	b = append(b, `,"body_base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, body)
	return append(b, '"')
}

// wholeRunes drops a character that was cut in two at the end.
func wholeRunes(b []byte) []byte {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return b[:len(b)-n]
			}
			break
		}
	}
	return b
}

func appendField(b []byte, name, value string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	b = append(b, '"', ':')
	return appendShown(b, value)
}

// appendShown appends a text as a JSON string in which nothing can move a terminal's cursor or turn the direction of
// what follows.
func appendShown(b []byte, s string) []byte {
	if hub.Plain(s, 0) == len(s) {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	return appendQuoted(b, s, utf8.ValidString(s))
}

// appendQuoted is appendShown for a text that is known to be UTF-8, or not.
func appendQuoted[T string | []byte](b []byte, s T, valid bool) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; ; {
		if i = hub.Plain(s, i); i == len(s) {
			break
		}
		c := s[i]
		if valid && c >= utf8.RuneSelf && !leadsHidden(c) {
			i++
			continue
		}
		b = append(b, s[from:i]...)
		from = i
		if c == '"' || c == '\\' {
			b = append(b, '\\')
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		i += size
		if hub.Hidden(r) || r == utf8.RuneError && size == 1 {
			b = appendEscape(b, r)
			from = i
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// leadsHidden tells which first bytes a hidden character beyond ASCII can have.
func leadsHidden(c byte) bool { return c == 0xC2 || c == 0xD8 || c == 0xE2 || c == 0xEF }

const hexDigits = "0123456789abcdef"

func appendEscape(b []byte, r rune) []byte {
	switch r {
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
