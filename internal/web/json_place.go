package web

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"hacek/internal/hub"
)

// jsonPlace is where a text ends to be JSON: that line, cut into what stands before the place, at it and behind it.
type jsonPlace struct {
	Line              int
	Before, At, After string
}

// mostOfLine is how much of a line is shown on each side of the place, in letters.
const mostOfLine = 60

// jsonEnds finds the place; nil for what is JSON.
func jsonEnds(text string) *jsonPlace {
	text = unixLines(text)
	var any json.RawMessage
	var broken *json.SyntaxError
	if !errors.As(json.Unmarshal([]byte(text), &any), &broken) {
		return nil
	}
	at := len(text)
	if broken.Error() != "unexpected end of JSON input" {
		at = min(max(int(broken.Offset)-1, 0), len(text)) // the offset counts the letter that does not fit
	}
	for at < len(text) && at > 0 && !utf8.RuneStart(text[at]) {
		at--
	}
	p := &jsonPlace{Line: 1 + strings.Count(text[:at], "\n"), Before: text[strings.LastIndexByte(text[:at], '\n')+1 : at]}
	p.After, _, _ = strings.Cut(text[at:], "\n")
	if _, size := utf8.DecodeRuneInString(p.After); size > 0 {
		p.At, p.After = p.After[:size], p.After[size:]
	}
	if before := []rune(p.Before); len(before) > mostOfLine {
		p.Before = "…" + string(before[len(before)-mostOfLine:])
	}
	if after := []rune(p.After); len(after) > mostOfLine {
		p.After = string(after[:mostOfLine]) + "…"
	}
	return p
}

// checkData refuses typed data that no form takes.
func (v *visit) checkData(text string, wrong *hub.Problems) {
	if len(text) > mostEdited {
		wrong.Add("/data", "%s", v.lang.Text("web_history.too_large"))
	} else if place := jsonEnds(text); place != nil {
		wrong.Add("/data", "%s", v.lang.Text("web_history.no_json", "line", itoa(place.Line)))
	}
}
