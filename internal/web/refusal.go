package web

import (
	"errors"

	"hacek/internal/hub"
)

// gone is an error for what is not there, with a sentence of the catalogue for its page.
func (v *visit) gone(key string) error { return goneError{v.lang.Text(key)} }

type goneError struct{ text string }

func (e goneError) Error() string { return e.text }

func (e goneError) Unwrap() error { return hub.Errorf(hub.NotFound, "%s", e.text) }

// least refuses whoever has too small a role, in the words that the console has for roles.
func (v *visit) least(role hub.Role) error {
	if v.may(role) {
		return nil
	}
	return hub.Errorf(hub.Forbidden, "%s", v.lang.Text("web.error.role", "role", v.roleWord(role), "mine", v.roleWord(v.who.Role))).
		WithHint("%s", v.lang.Text("web.error.role_hint"))
}

// explained is what a page says about a refusal. Kinds, ids and hints that only a program can use stay away.
func (v *visit) explained(err error, e *hub.Error) (detail, hint string) {
	var gone goneError
	switch {
	case errors.As(err, &gone):
		return gone.text, ""
	case e.Code == hub.NotFound:
		return v.lang.Text("web.error.not_found_text"), ""
	case e.Code == hub.PreconditionFailed:
		return "", v.lang.Text("web.error.changed_text")
	}
	return v.said(e.Detail), v.said(e.Hint)
}
