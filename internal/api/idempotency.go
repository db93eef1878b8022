package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// keptFor is how long an Idempotency-Key brings back the first answer.
const keptFor = 24 * time.Hour

// keep is a caller's Idempotency-Key on its way: what it is stored under, and the body it belongs to.
type keep struct {
	scope, body [32]byte
}

func (k *keep) record(status int, answer []byte) *store.Idempotency {
	return &store.Idempotency{Scope: k.scope, Body: k.body, Status: status, Answer: answer}
}

// once runs a POST that carries an Idempotency-Key: a repeat gets the answer of the first, one that comes while
// the first is under way is refused, and only successes are kept.
func (a *API) once(ctx context.Context, c *call, key string, handle func(*call) (answer, error)) (answer, error) {
	if key == "" || len(key) > 255 || !plainText(key) {
		return answer{}, hub.Errorf(hub.Invalid, "the Idempotency-Key must be a text of 1 to 255 bytes")
	}
	k := &keep{scope: scopeOf(c, key), body: sha256.Sum256(c.body)}
	if !a.begin(k.scope) {
		refused := hub.Errorf(hub.InFlight, "a request with this Idempotency-Key is being worked on").WithHint("ask again in a moment")
		refused.RetryAfter = time.Second
		return answer{}, refused
	}
	defer a.end(k.scope)

	earlier, err := a.Store.Idempotent(ctx, k.scope, a.Now().Add(-keptFor))
	if err != nil {
		return answer{}, fmt.Errorf("look for an Idempotency-Key: %w", err)
	}
	if earlier != nil {
		if earlier.Body != k.body {
			return answer{}, hub.Errorf(hub.KeyReused, "this Idempotency-Key was used with another body").WithHint("use a new key for a new request")
		}
		return answer{status: earlier.Status, raw: earlier.Answer}, nil
	}
	c.keep = k
	out, err := handle(c)
	if err != nil || out.inCommit || out.code()/100 != 2 {
		return out, err
	}
	remembered := out
	if out.kept != nil {
		remembered.body, remembered.raw = out.kept, nil
	}
	body, err := remembered.bytes()
	if err != nil {
		return answer{}, err
	}
	if err := a.Store.Write(ctx, func(tx *store.Tx) error {
		return tx.KeepIdempotency(ctx, k.record(out.code(), body))
	}); err != nil {
		return answer{}, fmt.Errorf("keep the answer to an Idempotency-Key: %w", err)
	}
	return out, nil
}

// scopeOf makes one number of tenant, key, method and path; the lengths keep them apart.
func scopeOf(c *call, key string) [32]byte {
	path := c.r.URL.EscapedPath()
	if name := c.r.PathValue("tenant"); name != "" && strings.HasPrefix(c.r.Pattern, http.MethodPost+" "+tenantPrefix) {
		// The tenant is in the scope by its number, under whichever of its names it was called.
		rest := strings.SplitN(path, "/", 5)
		path = "/v1/" + rest[len(rest)-1]
	}
	h := sha256.New()
	var n [8]byte
	for _, part := range []string{key, c.r.Method, path} {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	binary.BigEndian.PutUint64(n[:], uint64(c.tenant()))
	h.Write(n[:])
	return [32]byte(h.Sum(nil))
}

func (a *API) begin(scope [32]byte) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.inFlight[scope] {
		return false
	}
	a.inFlight[scope] = true
	return true
}

func (a *API) end(scope [32]byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.inFlight, scope)
}
