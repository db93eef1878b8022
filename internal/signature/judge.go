package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// judgeTime compares the time of signing with the moment of receipt, both ways.
func (r *rules) judgeTime(v *view) error {
	if r.Timestamp == nil || r.tolerance == 0 {
		return nil
	}
	text, err := v.timestamp()
	if err != nil {
		return err
	}
	at, err := parseTime(r.Timestamp.Unit, text)
	if err != nil {
		return fmt.Errorf("the %s holds %s, which is not a time as this provider writes it", r.time.words(), quoted(text))
	}
	tolerance := r.tolerance
	if own, err := time.ParseDuration(strings.Replace(v.in.Settings["tolerance"], "1d", "24h", 1)); err == nil && own > 0 {
		tolerance = min(own, maxTolerance)
	}
	off := v.in.At.Sub(at)
	switch {
	case off > tolerance:
		return fmt.Errorf("the clock is %s off: the request says it was signed at %s, which is that long ago, and %s are allowed; it is an old request sent again, or one of the clocks is wrong",
			lengthOf(off), at.UTC().Format(time.RFC3339), lengthOf(tolerance))
	case off < -tolerance:
		return fmt.Errorf("the clock is %s off: the request says it was signed at %s, which is still to come, and %s are allowed; one of the clocks is wrong",
			lengthOf(-off), at.UTC().Format(time.RFC3339), lengthOf(tolerance))
	}
	return nil
}

func parseTime(unit, text string) (time.Time, error) {
	if unit == "rfc3339" {
		return time.Parse(time.RFC3339Nano, text)
	}
	if len(text) > 15 || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return time.Time{}, errors.New("is not a number")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if unit == "ms" {
		return time.UnixMilli(n), err
	}
	return time.Unix(n, 0), err
}

// lengthOf writes a length of time in the unit people would use.
func lengthOf(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// judgeDigest compares the body with the digest that is signed in its place.
func (r *rules) judgeDigest(v *view) error {
	if r.Digest == nil {
		return nil
	}
	value, there, err := v.lookup(r.digest)
	if err != nil {
		return err
	}
	if !there {
		form, err := v.form()
		if err != nil || len(v.body) == 0 || r.Digest.Form && form != nil {
			return err
		}
		return fmt.Errorf("there is no %s, and without it the body is not signed", r.digest.words())
	}
	given, ok := decodeText(r.Digest.Encoding, value)
	if !ok || !hmac.Equal(given, r.digestOf.digest(v.body)) {
		return errors.New("the signature is right, but the body was changed on the way: its digest is another one")
	}
	return nil
}

// judgeMatch compares values with the source's settings.
func (r *rules) judgeMatch(v *view) error {
	for _, m := range r.match {
		value, there, err := v.lookup(m.path)
		if err != nil {
			return err
		}
		if !there || !matches(value, v.in.Settings[m.want]) {
			return fmt.Errorf("the %s is %s, which is not what the source's setting %s allows", m.path.words(), quoted(value), m.want)
		}
	}
	return nil
}

// matches: equal to the setting, or to one of its words.
func matches(value, setting string) bool {
	if value == "" || setting == "" {
		return false
	}
	given := sha256.Sum256([]byte(value))
	words := strings.FieldsFunc(setting, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	found := false
	for _, word := range append(words, setting) {
		kept := sha256.Sum256([]byte(word))
		found = hmac.Equal(given[:], kept[:]) || found
	}
	return found
}
