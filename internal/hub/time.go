package hub

import "time"

// AppendTime writes a moment as everybody outside sees it: RFC 3339 in UTC with the milliseconds that are stored.
// The seconds go through the layout that package time writes fastest.
func AppendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// TimeText is AppendTime as a text.
func TimeText(t time.Time) string {
	var room [32]byte
	return string(AppendTime(room[:0], t))
}
