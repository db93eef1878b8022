package locale

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// form is how a language writes what the hub counts and dates. Spaces inside are no-break spaces.
type form struct {
	decimal, group, percent string
	date, moment            string // layouts of package time
	units                   [5]string
}

// Places of the units.
const (
	days = iota
	hours
	minutes
	seconds
	milliseconds
)

const nbsp = "\u00a0"

var forms = map[Language]form{
	English: {".", ",", "%", "2\u00a0Jan\u00a02006", "2\u00a0Jan\u00a02006, 15:04",
		[5]string{"d", "h", "min", "s", "ms"}},
	Czech: {",", nbsp, nbsp + "%", "2.\u00a01.\u00a02006", "2.\u00a01.\u00a02006 15:04",
		[5]string{"d", "h", "min", "s", "ms"}},
	Slovak: {",", nbsp, nbsp + "%", "2.\u00a01.\u00a02006", "2.\u00a01.\u00a02006 15:04",
		[5]string{"d", "h", "min", "s", "ms"}},
	German: {",", ".", nbsp + "%", "02.01.2006", "02.01.2006, 15:04\u00a0Uhr",
		[5]string{"Tg.", "Std.", "Min.", "Sek.", "ms"}},
	Italian: {",", ".", "%", "02/01/2006", "02/01/2006, 15:04",
		[5]string{"gg", "h", "min", "s", "ms"}},
	Icelandic: {",", ".", "%", "2.1.2006", "2.1.2006 kl.\u00a015:04",
		[5]string{"d.", "klst.", "mín.", "sek.", "ms"}},
}

var plainNumber = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$`)

// Number writes a number such as 1234.50 in the language's way, every digit kept. A text that is no plain decimal
// number comes back as it is. It is for what the hub counts; numbers out of an event are shown as they came.
func (l Language) Number(text string) string {
	part := plainNumber.FindStringSubmatch(text)
	if part == nil {
		return text
	}
	f := forms[l.known()]
	var b strings.Builder
	b.WriteString(part[1])
	for i, digit := range part[2] {
		if left := len(part[2]) - i; i > 0 && left%3 == 0 {
			b.WriteString(f.group)
		}
		b.WriteRune(digit)
	}
	if part[3] != "" {
		b.WriteString(f.decimal + part[3])
	}
	return b.String()
}

// Percent writes a number such as 12.5 with the sign for per cent.
func (l Language) Percent(text string) string { return l.Number(text) + forms[l.known()].percent }

// Date is the day in a time zone; nil means UTC.
func (l Language) Date(t time.Time, zone *time.Location) string {
	return in(t, zone).Format(forms[l.known()].date)
}

// Clock is the time of day to the minute, on 24 hours, as sentences take it: without "Uhr" or "kl.".
func (l Language) Clock(t time.Time, zone *time.Location) string { return in(t, zone).Format("15:04") }

// Moment is day and time of day, for standing alone. It does not name the time zone.
func (l Language) Moment(t time.Time, zone *time.Location) string {
	return in(t, zone).Format(forms[l.known()].moment)
}

func in(t time.Time, zone *time.Location) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	return t.In(zone)
}

// zoneName is what a reader finds on a map: Europe/Prague, UTC. The machine's own zone has only a short name.
func zoneName(t time.Time, zone *time.Location) string {
	if zone == nil || zone == time.Local {
		return in(t, zone).Format("MST")
	}
	return zone.String()
}

// Duration is a length of time in at most two units, the rest cut off: "2 h 15 min", "3 d". It is short, so that
// no sentence has to inflect it. What is negative counts as nothing.
func (l Language) Duration(d time.Duration) string {
	unit := forms[l.known()].units
	part := func(n time.Duration, place int) string {
		return l.Number(strconv.FormatInt(int64(n), 10)) + nbsp + unit[place]
	}
	pair := func(large time.Duration, place int, small time.Duration) string {
		if small == 0 {
			return part(large, place)
		}
		return part(large, place) + nbsp + part(small, place+1)
	}
	const day = 24 * time.Hour
	switch {
	case d <= 0:
		return part(0, seconds)
	case d < time.Second:
		return part(d/time.Millisecond, milliseconds)
	case d < 10*time.Second && d%time.Second >= 100*time.Millisecond:
		tenths := strconv.FormatInt(int64(d/(100*time.Millisecond)), 10)
		return l.Number(tenths[:1]+"."+tenths[1:]) + nbsp + unit[seconds]
	case d < time.Minute:
		return part(d/time.Second, seconds)
	case d < time.Hour:
		return pair(d/time.Minute, minutes, d%time.Minute/time.Second)
	case d < day:
		return pair(d/time.Hour, hours, d%time.Hour/time.Minute)
	}
	return pair(d/day, days, d%day/time.Hour)
}
