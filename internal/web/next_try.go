package web

import "time"

// nextTry says when a delivery that waits goes: at a moment, in the words of tell, or as soon as it is its turn, when the
// moment has come or was brought forward to the past.
func (v *visit) nextTry(due time.Time, tell func(time.Time) string) string {
	if due.After(v.moment) {
		return tell(due)
	}
	return v.lang.Text("web_history.its_turn")
}
