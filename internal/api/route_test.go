package api

import (
	"testing"

	"hacek/internal/hub"
)

// The document is the promise, the table is what is served: neither may know an operation that the other does not.
func TestRoutesAreTheDocument(t *testing.T) {
	s, err := readSpec()
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, r := range (&API{}).routes() {
		served[r.id] = true
		op := s.operations[r.id]
		if op == nil {
			t.Errorf("%s is served but not in the document", r.id)
			continue
		}
		if op.method != r.method || op.path != r.path {
			t.Errorf("%s is served at %s %s, but the document says %s %s", r.id, r.method, r.path, op.method, op.path)
		}
	}
	for id := range s.operations {
		if !served[id] {
			t.Errorf("%s is in the document but not served", id)
		}
	}
	if len(served) < 50 {
		t.Errorf("only %d operations were compared", len(served))
	}
}

func TestEveryScopeOfTheRoutesExists(t *testing.T) {
	known := map[string]bool{"": true}
	for _, scope := range hub.Scopes() {
		known[scope] = true
	}
	for _, r := range (&API{}).routes() {
		if !known[r.scope] {
			t.Errorf("%s needs the scope %q, which no key can have", r.id, r.scope)
		}
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code, want := range map[hub.Code]int{
		hub.NotJSON: 400, hub.Unauthorized: 401, hub.Forbidden: 403, hub.NotFound: 404,
		hub.Conflict: 409, hub.IDReused: 409, hub.InFlight: 409, hub.PreconditionFailed: 412, hub.TooLarge: 413,
		hub.UnsupportedType: 415, hub.Invalid: 422, hub.SchemaViolated: 422, hub.NotAvailable: 422,
		hub.SecretRequired: 422, hub.KeyReused: 422, hub.TooMany: 429, hub.Unavailable: 503, "something else": 500,
	} {
		if got := statusOf(code); got != want {
			t.Errorf("%s: got %d, want %d", code, got, want)
		}
	}
}
