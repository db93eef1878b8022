package receiver

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known on machines that bring none

	"hacek/internal/expr"
)

// readTime reads when it happened there: ISO 8601 in the spellings of expr.ParseTime, Unix seconds, milliseconds or
// nanoseconds, or the date of an HTTP header. A time without an offset is one of zone.
func readTime(text string, zone *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if t, ok := unixTime(text); ok {
		return t, plausible(t)
	}
	if t, err := time.Parse(time.RFC1123, text); err == nil {
		return t, plausible(t)
	}
	if t, err := time.Parse(time.RFC1123Z, text); err == nil {
		return t, plausible(t)
	}
	t, err := expr.ParseTime(text)
	if err != nil {
		return time.Time{}, false
	}
	if !hasOffset(text) {
		t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
	}
	return t, plausible(t)
}

func unixTime(text string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || strings.Trim(fraction, "0123456789") != "" {
		return time.Time{}, false
	}
	switch digits := len(strings.TrimPrefix(whole, "-")); {
	case digits >= 9 && digits <= 11:
		return time.Unix(n, 0), true
	case digits >= 12 && digits <= 14:
		return time.UnixMilli(n), true
	case digits >= 18:
		return time.Unix(0, n), true
	}
	return time.Time{}, false
}

// hasOffset tells whether a clock time is followed by Z, or by an offset.
func hasOffset(text string) bool {
	if len(text) <= len(time.DateOnly) {
		return false
	}
	return strings.ContainsAny(strings.ToUpper(text[len(time.DateOnly):]), "Z+-")
}

// plausible leaves out years that are no date of business, and that not every database takes.
func plausible(t time.Time) bool { return t.Year() >= 1970 && t.Year() < 3000 }
