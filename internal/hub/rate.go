package hub

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Rate is at most Count starts in any sliding window of Per. The zero Rate is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

// IsZero reports "no limit".
func (r Rate) IsZero() bool { return r.Count == 0 }

// Every is the even spacing of a rate: 5/s is 200 ms.
func (r Rate) Every() time.Duration { return r.Per / time.Duration(r.Count) }

func (r Rate) String() string {
	if r.IsZero() {
		return ""
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	return strconv.Itoa(r.Count) + "/" + unit
}

// ParseRate reads "n/s", "n/m" or "n/h", n from 1 to 100,000.
func ParseRate(text string) (Rate, error) {
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	if err != nil || n < 1 || n > 100_000 || per == 0 {
		return Rate{}, fmt.Errorf("%q is not a rate: write n/s, n/m or n/h, such as 5/s", text)
	}
	return Rate{n, per}, nil
}

// MarshalJSON writes "5/s", or null for no limit.
func (r Rate) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(r.String())
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *Rate) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*r = Rate{}
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("a rate is a text such as \"5/s\"")
	}
	parsed, err := ParseRate(text)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
