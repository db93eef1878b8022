package web

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// staticFiles are the style sheet and the scripts; static/dist is what `make assets` built, or empty.
//
//go:embed all:static
var staticFiles embed.FS

const staticPath = "/static/"

// assets serves the files under names that change with their content, so that browsers may keep them for good. A file is
// read when it is asked for: an idle hub keeps no copy of it.
type assets struct {
	marks map[string]string // by name below static, the beginning of the content's hash
}

func readAssets() *assets {
	a := &assets{marks: map[string]string{}}
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return err
		}
		text, err := staticFiles.ReadFile(name)
		sum := sha256.Sum256(text)
		a.marks[strings.TrimPrefix(name, "static/")] = hex.EncodeToString(sum[:6])
		return err
	})
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return a
}

// path is the address of a file, "" when it is not there.
func (a *assets) path(name string) string {
	mark, ok := a.marks[name]
	if !ok {
		return ""
	}
	return staticPath + name + "?v=" + mark
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, staticPath)
	mark, ok := a.marks[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("ETag", `W/"`+mark+`"`) // of the same content, compressed or not
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == mark {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == h.Get("ETag") {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	text, err := staticFiles.ReadFile("static/" + name)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		_, _ = w.Write(text) // a browser that has gone needs no answer
		return
	}
	h.Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	_, _ = packed.Write(text)
	_ = packed.Close()
}
