package connection

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hacek/internal/hub"
)

// value is a text that fits its column.
type value struct {
	null bool
	text string    // in the one shape in which equal values are equal texts
	as   string    // how it is written, where that is another shape: JSON stays as it came
	at   time.Time // of dates and times
}

func (v value) written() string {
	if v.as != "" {
		return v.as
	}
	return v.text
}

func (v value) same(w value) bool { return v.null == w.null && v.text == w.text }

// check makes the value of a column out of a text, without rounding a number or cutting a text. An empty text in a
// column that holds no texts is no value: NULL. The error names the column and shows the value, cut.
func (c *Column) check(text *string, zone *time.Location) (value, *Error) {
	if text == nil || *text == "" && c.Kind != Text && c.Kind != Bytes && c.Kind != Other && c.Kind != Enum {
		if !c.Nullable {
			return value{}, c.no("there is no value, and the column must have one").hint("give the column a value, or let it be NULL")
		}
		return value{null: true}, nil
	}
	v, e := c.fit(*text, zone)
	if e != nil {
		return value{}, e.at("", c.Name)
	}
	return v, nil
}

func (c *Column) no(format string, args ...any) *Error {
	return errorf(Data, format, args...).at("", c.Name)
}

func (c *Column) fit(text string, zone *time.Location) (value, *Error) {
	switch c.Kind {
	case Integer:
		return c.integer(text)
	case Decimal:
		return c.decimal(text)
	case Float:
		return c.float(text)
	case Boolean:
		return c.boolean(text)
	case Date, DateTime, Instant:
		return c.moment(text, zone)
	case Clock:
		at, ok := parseClock(text)
		if !ok {
			return value{}, c.no("%s is no time of day", shown(text)).hint("write 14:05 or 14:05:30")
		}
		at = at.Truncate(c.fraction())
		return value{text: at.Format("15:04:05.999999"), at: at}, nil
	case JSON:
		return c.json(text)
	case UUID:
		return c.uuid(text)
	case Enum:
		if !slices.Contains(c.Values, text) {
			return value{}, c.no("%s is none of the column's values", shown(text)).hint("values: %s", hub.Shorten(strings.Join(c.Values, ", "), 200))
		}
		return value{text: text}, nil
	case Bytes:
		return value{text: text}, nil
	}
	return c.words(text)
}

func (c *Column) words(text string) (value, *Error) {
	switch {
	case !utf8.ValidString(text):
		return value{}, c.no("%s is no valid UTF-8", shown(text))
	case strings.ContainsRune(text, 0):
		return value{}, c.no("%s holds a NUL character", shown(text))
	}
	if c.folded {
		text = strings.TrimRight(text, " ")
	}
	if n := utf8.RuneCountInString(text); c.Length > 0 && n > c.Length {
		return value{}, c.no("%s has %d characters, the column takes %d", shown(text), n, c.Length).
			hint("shorten the value in a map step, or make the column wider")
	}
	return value{text: text}, nil
}

var numberShape = regexp.MustCompile(`^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)

// number reads a decimal number exactly. Longer ones than 400 characters are no numbers of anybody's business.
func number(text string) (*big.Rat, bool) {
	text = strings.TrimSpace(text)
	if len(text) > 400 || !numberShape.MatchString(text) {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// exact writes a number with just the digits it needs, and says how many stand before and after the point.
func exact(n *big.Rat) (text string, before, after int, ok bool) {
	after, ok = n.FloatPrec()
	text = n.FloatString(after)
	whole, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return text, len(strings.TrimLeft(whole, "0")), after, ok
}

func (c *Column) numeric(text, what string) (*big.Rat, *Error) {
	n, ok := number(text)
	if ok {
		return n, nil
	}
	e := c.no("%s is %s", shown(text), what)
	if _, comma := number(strings.Replace(strings.ReplaceAll(text, " ", ""), ",", ".", 1)); comma {
		e = e.hint("write a point instead of the comma, and no blanks")
	}
	return nil, e
}

func (c *Column) integer(text string) (value, *Error) {
	if c.flag {
		switch strings.ToLower(text) {
		case "true":
			return value{text: "1"}, nil
		case "false":
			return value{text: "0"}, nil
		}
	}
	n, e := c.numeric(text, "no whole number")
	if e != nil {
		return value{}, e
	}
	if !n.IsInt() {
		return value{}, c.no("%s is no whole number", shown(text))
	}
	low, _ := new(big.Int).SetString(c.min, 10)
	high, _ := new(big.Int).SetString(c.max, 10)
	if low != nil && n.Num().Cmp(low) < 0 || high != nil && n.Num().Cmp(high) > 0 {
		return value{}, c.no("%s is out of range, the column takes %s to %s", shown(text), c.min, c.max)
	}
	return value{text: n.Num().String()}, nil
}

func (c *Column) decimal(text string) (value, *Error) {
	n, e := c.numeric(text, "no number")
	if e != nil {
		return value{}, e
	}
	written, before, after, ok := exact(n)
	if !ok {
		return value{}, c.no("%s cannot be written in full", shown(text))
	}
	if c.Precision > 0 && c.Scale == floating && before+after > c.Precision {
		return value{}, c.no("%s has %d digits, the column keeps %d exactly", shown(text), before+after, c.Precision).
			hint("make the column a TEXT")
	}
	if c.Precision > 0 && c.Scale != floating {
		if after > c.Scale {
			return value{}, c.no("%s has %d digits after the point, the column takes %d; it is not rounded", shown(text), after, c.Scale)
		}
		if before > c.Precision-c.Scale {
			return value{}, c.no("%s has %d digits before the point, the column takes %d", shown(text), before, c.Precision-c.Scale)
		}
	}
	return value{text: written}, nil
}

// floating is the scale of a decimal column whose point may stand anywhere among its digits.
const floating = -1 << 30

func (c *Column) float(text string) (value, *Error) {
	if _, e := c.numeric(text, "no number"); e != nil {
		return value{}, e
	}
	bits := 64
	if c.Precision > 0 && c.Precision <= 24 {
		bits = 32
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(text), bits)
	if err != nil || math.IsInf(f, 0) {
		return value{}, c.no("%s is out of range", shown(text))
	}
	return value{text: strconv.FormatFloat(f, 'g', -1, bits)}, nil
}

func (c *Column) boolean(text string) (value, *Error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "t", "1", "yes":
		return value{text: "true"}, nil
	case "false", "f", "0", "no":
		return value{text: "false"}, nil
	}
	return value{}, c.no("%s is neither true nor false", shown(text))
}

var seconds = regexp.MustCompile(`^[0-9]{9,10}$|^[0-9]{13}$`)

// moment takes the shapes of parseMoment, and seconds or milliseconds since 1970 as payment providers send them. Parts
// of a second that the column has no room for are cut off.
func (c *Column) moment(text string, zone *time.Location) (value, *Error) {
	at, _, ok := parseMoment(text, zone)
	if n := strings.TrimSpace(text); !ok && seconds.MatchString(n) {
		unix, _ := strconv.ParseInt(n, 10, 64)
		at, ok = time.Unix(unix, 0).In(zone), true
		if len(n) == 13 {
			at = time.UnixMilli(unix).In(zone)
		}
	}
	if !ok {
		return value{}, c.no("%s is no date or time that can be read", shown(text)).hint("write 2026-02-25 or 2026-02-25T14:05:00+01:00")
	}
	if y := at.Year(); y < 1 || y > 9999 {
		return value{}, c.no("the year of %s is out of range", shown(text))
	}
	if c.Kind == Date { // as it was written: at the sender's place, not at ours
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
		return value{text: day.Format("2006-01-02"), at: day}, nil
	}
	at = at.Truncate(c.fraction())
	if c.Kind == Instant {
		return value{text: at.UTC().Format("2006-01-02 15:04:05.999999"), at: at}, nil
	}
	return value{text: at.In(zone).Format("2006-01-02 15:04:05.999999"), at: at}, nil
}

// fraction is the smallest part of a second that the column keeps.
func (c *Column) fraction() time.Duration {
	d := time.Second
	for range min(c.Precision, 6) {
		d /= 10
	}
	return d
}

func (c *Column) json(text string) (value, *Error) {
	in := json.NewDecoder(strings.NewReader(text))
	in.UseNumber()
	var any any
	if err := in.Decode(&any); err != nil {
		return value{}, c.no("%s is not JSON", shown(text))
	}
	if _, err := in.Token(); err != io.EOF {
		return value{}, c.no("%s is more than one JSON value", shown(text))
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(any); err != nil {
		return value{}, c.no("%s is not JSON", shown(text))
	}
	return value{text: strings.TrimSuffix(out.String(), "\n"), as: text}, nil
}

func (c *Column) uuid(text string) (value, *Error) {
	plain := strings.ReplaceAll(strings.Trim(strings.TrimSpace(text), "{}"), "-", "")
	raw, err := hex.DecodeString(plain)
	if err != nil || len(raw) != 16 {
		return value{}, c.no("%s is no UUID", shown(text))
	}
	h := hex.EncodeToString(raw)
	return value{text: h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]}, nil
}
