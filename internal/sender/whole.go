package sender

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"hacek/internal/expr"
	"hacek/internal/hub"
)

// WholeAnswer is the most of an answer, in bytes, that Fetch hands on.
const WholeAnswer = 8 << 20

// Whole is an answer as it came, for whoever works with it. Nothing in it is masked: what is shown or logged is the
// attempt's.
type Whole struct {
	Status  int
	Headers http.Header
	Body    []byte
	Hidden  []string // what became secret in this call, such as a token
}

// Fetch is Send, and hands on the whole answer besides. An answer beyond WholeAnswer is a failure that says so: half
// a record would be taken for a whole one.
func (s *Sender) Fetch(ctx context.Context, c *Compiled, call Call) (*hub.Attempt, Whole) {
	var whole Whole
	call.whole, call.limit = &whole, WholeAnswer
	a := s.Send(ctx, c, call)
	return a, whole
}

// take hands the answer on and leaves in it what evidence keeps.
func (w *Whole) take(answer *hub.Answer, out *outgoing, limit int, a *hub.Attempt) {
	w.Status, w.Headers, w.Hidden = answer.Status, answer.Headers, out.hide
	if answer.Truncated {
		if a.Result == hub.Succeeded {
			a.Result = hub.Refused
		}
		a.Error = fmt.Sprintf("answered %s with more than %d MiB, which is not read to its end", statusLine(answer.Status), limit>>20)
		a.Hint = "ask for less: fewer fields, one record, or a page at a time"
	} else {
		w.Body = answer.Body
	}
	if len(answer.Body) > AnswerKept {
		answer.Body, answer.Truncated = answer.Body[:AnswerKept:AnswerKept], true
	}
}

// View is an answer's body as a document: JSON as it is, XML as `response.xml` shows it. Anything else is one text, and
// nothing is null; then ok is false.
func View(body []byte) (doc expr.Doc, ok bool) {
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF"))
	if doc, err := expr.ParseDoc(body); err == nil {
		return doc, true
	}
	if view, err := xmlView(body); err == nil {
		if doc, err := expr.ParseDoc(view); err == nil {
			return doc, true
		}
	}
	text := []byte("null")
	if len(bytes.TrimSpace(body)) > 0 {
		text = appendString(nil, string(bytes.ToValidUTF8(body, []byte("\uFFFD"))))
	}
	if doc, err := expr.ParseDoc(text); err == nil {
		return doc, false
	}
	return expr.Doc{}, false
}

// AnswerScope shows an answer to conditions as `response`, as the success rule sees it.
func AnswerScope(status int, headers http.Header, body []byte) *expr.Scope {
	return answerScope(&hub.Answer{Status: status, Headers: headers, Body: body})
}

// Identity is the same for two calls that ask the same address the same thing as the same caller, and for no others:
// tenant, rendered request, authentication and TLS go into it. A token that is exchanged counts by whose it is.
func (s *Sender) Identity(c *Compiled, call Call) ([sha256.Size]byte, error) {
	out, err := c.build(s, &call, hub.Masked)
	if err != nil {
		return [sha256.Size]byte{}, err
	}
	parts := []string{out.method, out.url, string(out.body)}
	for _, h := range out.headers {
		parts = append(parts, h.Name, h.Value)
	}
	if x := c.auth.exchange; x != nil {
		parts = append(parts, hex.EncodeToString(x.key[:]))
	}
	return c.tokenKey(parts...), nil
}

// Mask hides the secrets of these settings in a text, in every form they may take.
func (c *Compiled) Mask(text string) string { return c.mask.text(text) }

// Used lists which variables each setting uses, by JSON Pointer.
func (c *Compiled) Used() map[string][]string {
	list := map[string][]string{}
	for _, u := range c.used {
		list[u.pointer] = append(list[u.pointer], u.paths...)
	}
	return list
}
