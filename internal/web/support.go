package web

import "hacek/internal/hub"

// supportBundle sends the bundle while it is made.
func (v *visit) supportBundle() error {
	if err := v.installation(); err != nil {
		return err
	}
	if v.Support == nil {
		return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	return v.Support(v.ctx(), v.w, v.by())
}
