package tour

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"

	"hacek/internal/hub"
)

// show writes for a person at a terminal; receivers and steps may write at the same moment.
type show struct {
	mu  sync.Mutex
	out io.Writer
}

func (s *show) line(format string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.out, format+"\n", values...)
}

func (s *show) title(n int, title string) { s.line("\n%d  %s", n, title) }

// fact is one thing that happened: a word for it, and what.
func (s *show) fact(word, format string, values ...any) {
	s.line("   %-10s %s", word, fmt.Sprintf(format, values...))
}

// arrived shows a request as its receiver saw it, with the values readable.
func (s *show) arrived(got received) {
	s.fact("arrived", "%s: %s %s, answered %d", got.by, got.method, readable(got.url), got.answer)
	if len(got.body) > 0 {
		s.fact("", "%s", shorten(string(got.body), 160))
	}
}

// readable is a URL with its percent signs resolved, for reading only.
func readable(u *url.URL) string {
	text := u.Path
	if u.RawQuery != "" {
		query, err := url.QueryUnescape(u.RawQuery)
		if err != nil {
			query = u.RawQuery
		}
		text += "?" + query
	}
	return escape(text)
}

// shorten puts a body on one line and cuts it where a letter ends.
func shorten(text string, limit int) string {
	letters := []rune(strings.Join(strings.Fields(text), " "))
	if len(letters) > limit {
		letters = append(letters[:limit], '.', '.', '.')
	}
	return escape(string(letters))
}

// escape blanks out what could move a cursor or turn the direction of text.
func escape(text string) string {
	return strings.Map(func(r rune) rune {
		if hub.Hidden(r) {
			return ' '
		}
		return r
	}, text)
}
