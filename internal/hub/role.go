package hub

import "slices"

// Role is how much a caller may do; each holds what the one before it may.
type Role string

// The four roles. A viewer reads; an operator also pauses, retries and publishes; an editor also changes settings;
// an administrator also has keys, tenants and secrets.
const (
	Viewer        Role = "viewer"
	Operator      Role = "operator"
	Editor        Role = "editor"
	Administrator Role = "administrator"
)

// Roles from the least to the most.
func Roles() []Role { return []Role{Viewer, Operator, Editor, Administrator} }

// Known reports one of the four.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }

// AtLeast compares two roles; an unknown one is less than any.
func (r Role) AtLeast(least Role) bool {
	return r.Known() && slices.Index(Roles(), r) >= slices.Index(Roles(), least)
}

// Scopes are what an API key may be narrowed to. Without any it may do all that its role may.
func Scopes() []string {
	var all []string
	for _, noun := range []string{"events", "event-types", "sources", "endpoints", "pipelines", "connections", "listeners", "deliveries", "tenants", "keys", "users"} {
		all = append(all, noun+":read", noun+":write")
	}
	return append(all, "requests:read", "secrets:read", "audit:read", "support:read", "mail:write")
}
