package connection

import (
	"strings"
	"time"
)

// Shapes of dates and times that providers and shops send, and that databases give back. Layouts without a zone are
// read in the zone of the connection. A fraction of a second may follow the seconds of each (package time takes it).
var (
	zonedLayouts = []string{
		"2006-01-02T15:04:05Z07:00", // RFC 3339
		"2006-01-02T15:04:05Z0700",  // Shoptet: +0100
		"2006-01-02T15:04:05Z07",    // PostgreSQL: +01
		"2006-01-02T15:04Z07:00",
		"2006-01-02T15:04Z0700",
		"Mon, 02 Jan 2006 15:04:05 GMT", // HTTP
		time.RFC1123Z,
	}
	plainLayouts = []string{
		"2006-01-02T15:04:05",
		"2006-01-02T15:04",
		"2.1.2006T15:04:05",
		"2.1.2006T15:04",
	}
	dateLayouts = []string{"2006-01-02", "2.1.2006"}
)

// parseMoment reads a date, or a date with a time, in any of the shapes above; dateOnly says that there was no
// time of day. A blank may stand where RFC 3339 has its T, and before the offset.
func parseMoment(text string, zone *time.Location) (at time.Time, dateOnly, ok bool) {
	text = strings.TrimSpace(text)
	if len(text) < len("1.1.2006") || len(text) > 64 {
		return time.Time{}, false, false
	}
	for _, layout := range dateLayouts {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, true, true
		}
	}
	if text[0] >= '0' && text[0] <= '9' {
		text = joined(text)
		for _, layout := range plainLayouts {
			if at, err := time.ParseInLocation(layout, text, zone); err == nil {
				return at, false, true
			}
		}
	}
	for _, layout := range zonedLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at, false, true
		}
	}
	return time.Time{}, false, false
}

// joined writes "2026-02-25 14:05:00 +01:00" as "2026-02-25T14:05:00+01:00".
func joined(text string) string {
	date, rest, found := strings.Cut(text, " ")
	if found {
		text = date + "T" + strings.TrimSpace(rest)
	}
	if utc, found := strings.CutSuffix(text, " UTC"); found {
		text = utc + "Z"
	}
	clock, offset, found := strings.Cut(text, " ")
	if found {
		text = clock + strings.TrimSpace(offset)
	}
	if n := len(text); n > 0 && text[n-1] == 'z' {
		text = text[:n-1] + "Z"
	}
	return text
}

// parseClock reads a time of day as the time since midnight.
func parseClock(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{"15:04:05", "15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
