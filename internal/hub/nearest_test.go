package hub

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"data", "event", "source", "headers", "endpoint", "attributes"}
	for word, want := range map[string]string{"dta": "data", "atributes": "attributes", "evnet": "event", "Data": "data", "order": "", "x": ""} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}
