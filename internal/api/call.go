package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"

	"hacek/internal/auth"
	"hacek/internal/hub"
	"hacek/internal/settings"
)

// maxBody is the largest body of a request that is no event, in bytes.
const maxBody = 1 << 20

// call is one request on its way through a handler.
type call struct {
	api       *API
	r         *http.Request
	w         http.ResponseWriter // for the stream only; everything else returns an answer
	op        *operation
	principal auth.Principal
	body      []byte
	query     url.Values
	value     any // the body as the schema saw it, read-only members stripped
	keep      *keep
}

// answer is what a handler returns. Zero fields are left out.
type answer struct {
	status int // 0: 200
	body   any
	raw    []byte // a body that is JSON already
	etag   string
	// kept is stored for repeats of the same Idempotency-Key instead of the body, because that one holds a secret.
	kept any
	// inCommit says that the effect's own commit holds the answer already.
	inCommit    bool
	contentType string // of raw; "" is application/json
	written     bool   // the handler has answered by itself
}

func (c *call) by() settings.By { return settings.By{Name: c.principal.Name} }

func (c *call) tenant() int64 { return c.principal.Tenant }

// decode reads the body as it came into v; the schema has judged it already.
func (c *call) decode(v any) error {
	if len(c.body) == 0 {
		return nil
	}
	return decode(c.body, v)
}

// decode turns what a type's own UnmarshalJSON refuses into a field error, at the member Go names.
func decode(body []byte, v any) error {
	err := json.Unmarshal(body, v)
	if err == nil {
		return nil
	}
	var wrong hub.Problems
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) {
		wrong.Add("/"+strings.ReplaceAll(typed.Field, ".", "/"), "is a %s, which does not fit here", typed.Value)
	} else {
		wrong.Add("", "%v", err)
	}
	return wrong.Err()
}

type operationHandler struct {
	api   *API
	route route
	op    *operation
}

// ServeHTTP is what every operation does in the same order: who, what, do, answer.
func (h *operationHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			h.api.fail(w, r, fmt.Errorf("BUG: %s: %v\n%s", h.route.id, v, debug.Stack()))
		}
	}()
	h.api.metrics.requests.Add(1)
	c := &call{api: h.api, r: r, w: w, op: h.op}
	a, err := h.run(r.Context(), c)
	if err != nil {
		h.api.fail(w, r, err)
		return
	}
	if !a.written {
		h.api.write(w, r, a)
	}
}

func (h *operationHandler) run(ctx context.Context, c *call) (answer, error) {
	if err := h.authorize(ctx, c); err != nil {
		return answer{}, err
	}
	if c.r.URL.RawQuery != "" || len(h.op.required) > 0 {
		c.query = c.r.URL.Query()
		if err := h.op.checkQuery(c.query); err != nil {
			return answer{}, err
		}
	}
	if h.route.method == http.MethodPost || h.route.method == http.MethodPut || h.route.method == http.MethodPatch {
		var err error
		if c.body, err = readBody(c.r, h.limit()); err != nil {
			return answer{}, err
		}
	}
	if !h.op.ownReader() {
		if err := h.op.checkBody(c); err != nil {
			return answer{}, err
		}
	}
	if key := c.r.Header["Idempotency-Key"]; len(key) > 0 && h.route.method == http.MethodPost && h.route.owner != open {
		return h.api.once(ctx, c, key[0], h.route.handle)
	}
	return h.route.handle(c)
}

func (h *operationHandler) limit() int {
	switch h.route.id {
	case "createEvent":
		return h.api.MaxData + maxEnvelope
	case "createEvents":
		return maxBatchBytes
	case "resendDelivery", "testEndpoint", "previewEndpoint", "previewUnsavedEndpoint":
		return h.api.MaxData + maxBody
	}
	return maxBody
}

// authorize finds the principal, the tenant it acts for, and whether it may.
func (h *operationHandler) authorize(ctx context.Context, c *call) error {
	if h.route.owner == open {
		return nil
	}
	p, err := h.api.principal(ctx, c.r)
	if err != nil {
		return err
	}
	if err := p.Require(h.route.role); err != nil {
		return err
	}
	if h.route.owner == ofTenant || h.route.owner == ofNamed || h.route.owner == guarded {
		name := c.r.PathValue("tenant")
		if name == "" {
			if given := c.r.Header["Hacek-Tenant"]; len(given) > 0 {
				name = given[0]
			}
		}
		if p, err = h.api.Auth.ForTenant(ctx, p, name); err != nil {
			return err
		}
	}
	changes := h.route.owner == ofInstallation && h.route.role != hub.Viewer
	c.principal = p
	if h.route.owner == guarded {
		if err := c.mayReach(); err != nil {
			return err
		}
	}
	if changes || h.route.owner == ofOperator {
		if err := c.ofInstallation(); err != nil {
			return err
		}
	}
	if h.route.scope == "" {
		return nil
	}
	return p.Scope(h.route.scope)
}

// ofInstallation refuses a key of one tenant what is everybody's.
func (c *call) ofInstallation() error {
	if c.principal.Installation {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "this belongs to the whole installation; the key acts for one tenant only").
		WithHint("use an administrator's key of the installation")
}

// mayReach refuses it what reaches beyond the hub.
func (c *call) mayReach() error {
	if c.principal.Installation {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "this reaches into the network and the files of the hub; the key acts for one tenant only").
		WithHint("use an administrator's key of the installation")
}

func (a *API) principal(ctx context.Context, r *http.Request) (auth.Principal, error) {
	header := r.Header["Authorization"]
	if len(header) == 0 {
		return auth.Principal{}, hub.Errorf(hub.Unauthorized, "no API key was given").
			WithHint("send the header Authorization: Bearer hk_...")
	}
	const scheme = "bearer "
	if len(header[0]) <= len(scheme) || !strings.EqualFold(header[0][:len(scheme)], scheme) {
		return auth.Principal{}, hub.Errorf(hub.Unauthorized, "the Authorization header holds no Bearer key").
			WithHint("send the header Authorization: Bearer hk_...")
	}
	return a.Auth.Key(ctx, header[0][len(scheme):])
}

// readBody reads at most limit bytes; a longer body is refused whether or not it says so in advance.
func readBody(r *http.Request, limit int) ([]byte, error) {
	tooLarge := func() error {
		return hub.Errorf(hub.TooLarge, "the body is larger than %d bytes", limit)
	}
	if r.ContentLength > int64(limit) {
		return nil, tooLarge()
	}
	if r.ContentLength >= 0 && r.ContentLength <= maxBody {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, hub.Errorf(hub.NotJSON, "the body ended too early")
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return nil, hub.Errorf(hub.NotJSON, "the body ended too early")
	}
	if len(body) > limit {
		return nil, tooLarge()
	}
	return body, nil
}

func (a *API) write(w http.ResponseWriter, r *http.Request, out answer) {
	body, err := out.bytes()
	if err != nil {
		a.fail(w, r, err)
		return
	}
	header := w.Header()
	if out.etag != "" {
		header.Set("ETag", out.etag)
	}
	if body != nil {
		contentType := out.contentType
		if contentType == "" {
			contentType = "application/json"
		}
		header["Content-Type"] = []string{contentType}
		header["Content-Length"] = []string{strconv.Itoa(len(body))}
	}
	w.WriteHeader(out.code())
	if body != nil {
		_, _ = w.Write(body)
	}
}

func (out answer) code() int {
	if out.status == 0 {
		return http.StatusOK
	}
	return out.status
}

func (out answer) bytes() ([]byte, error) {
	if out.raw != nil || out.body == nil {
		return out.raw, nil
	}
	body, err := marshal(out.body)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	return body, nil
}

// confirmed is who calls, with what the call agrees to.
func (c *call) confirmed() settings.By {
	by := c.by()
	by.Backlog = c.query.Get("confirm") == "backlog"
	return by
}

// decodeAt is decode where only one member has a form of its own, so that its refusal has a pointer.
func (c *call) decodeAt(pointer string, v any) error {
	err := c.decode(v)
	var e *hub.Error
	if errors.As(err, &e) && len(e.Fields) == 1 && e.Fields[0].Pointer == "" {
		var wrong hub.Problems
		wrong.Add(pointer, "%s", e.Fields[0].Detail)
		return wrong.Err()
	}
	return err
}
