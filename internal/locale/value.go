package locale

import (
	"fmt"
	"time"
)

// show writes the values of a message in the language's way, and finds the count among them.
func (l Language) show(values []any) (shown map[string]string, count string) {
	shown = make(map[string]string, len(values)/2+1)
	add := func(name string, value any) {
		text := fmt.Sprint(value)
		if name == "count" {
			count, text = text, l.Number(text)
		}
		if d, ok := value.(time.Duration); ok {
			text = l.Duration(d)
		}
		shown[name] = text
	}
	if len(values) == 1 {
		all, _ := values[0].(map[string]any)
		for name, value := range all {
			add(name, value)
		}
		return shown, count
	}
	for i := 0; i+1 < len(values); i += 2 {
		add(fmt.Sprint(values[i]), values[i+1])
	}
	return shown, count
}
