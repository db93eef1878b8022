package connection

import (
	"strings"
	"time"
)

// compare orders two versions of a row: as times when both are times, as numbers when both are numbers, else as
// texts. The result is negative when a is the older one.
func compare(c *Column, a, b value, zone *time.Location) int {
	switch c.Kind {
	case Date, DateTime, Instant, Clock:
		return a.at.Compare(b.at)
	}
	if x, _, ok := parseMoment(a.text, zone); ok {
		if y, _, ok := parseMoment(b.text, zone); ok {
			return x.Compare(y)
		}
	}
	if x, ok := number(a.text); ok {
		if y, ok := number(b.text); ok {
			return x.Cmp(y)
		}
	}
	return strings.Compare(a.text, b.text)
}
