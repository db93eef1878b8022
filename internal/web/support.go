package web

import (
	"net/http"

	"hacek/internal/hub"
)

// supportBundle sends the bundle while it is made. One that breaks off must not look whole.
func (v *visit) supportBundle() error {
	if err := v.installation(); err != nil {
		return err
	}
	if v.Support == nil {
		return hub.Errorf(hub.NotFound, "%s", v.r.URL.Path)
	}
	out := &download{w: v.w, name: "hacek-support-" + v.moment.UTC().Format("20060102-150405") + ".zip"}
	err := v.Support(v.ctx(), out, v.by())
	if err != nil && out.begun {
		v.Log.Error("support bundle broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// download sends its header with the first byte, so that a refusal before it is still a page.
type download struct {
	w     http.ResponseWriter
	name  string
	begun bool
}

func (d *download) Write(p []byte) (int, error) {
	if !d.begun {
		d.begun = true
		d.w.Header().Set("Content-Type", "application/zip")
		d.w.Header().Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
	}
	return d.w.Write(p)
}
