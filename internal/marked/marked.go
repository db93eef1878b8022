// Package marked knows the mark that the secrets of tests bear, so that one that gets out is recognised in whatever the
// suite sees: answers of the API, pages, logs and the output of every test.
// It must not know what a secret is for; docs/security.md, rule 18, says who looks.
package marked

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// Mark stands in every secret that a test makes up. In a key of bytes it is inside: the base64 or hex of a text with it.
const Mark = "planted"

// forms are the mark as it is, in hex, and in base64 wherever it may begin within three bytes.
var forms = sync.OnceValue(func() [][]byte {
	all := [][]byte{[]byte(Mark), []byte(hex.EncodeToString([]byte(Mark)))}
	for before := range 3 {
		text := base64.StdEncoding.EncodeToString(append(make([]byte, before), Mark...))
		// What depends on the bytes around it is left out.
		from, to := (before*8+5)/6, (before+len(Mark))*8/6
		all = append(all, []byte(text[from:to]))
	}
	return all
})

// In tells what stands around the first planted secret of a text, "" when there is none.
func In(text []byte) string {
	for _, form := range forms() {
		if i := bytes.Index(text, form); i >= 0 {
			return strings.ToValidUTF8(string(text[max(0, i-60):min(len(text), i+60)]), "?")
		}
	}
	return ""
}

// Logger is the log of a hub under test. Every line is searched; those of a level and above stand beside the test too.
func Logger(t testing.TB, shown slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(lines{t, shown}, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

type lines struct {
	t     testing.TB
	shown slog.Level
}

func (l lines) Write(line []byte) (int, error) {
	if found := In(line); found != "" {
		l.t.Errorf("the log shows a planted secret: %s", found)
	}
	for _, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if level >= l.shown && bytes.Contains(line, []byte(" level="+level.String()+" ")) {
			l.t.Logf("%s", line)
		}
	}
	return len(line), nil
}
