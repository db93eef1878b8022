package main

import (
	"os"
	"strconv"
	"strings"

	"hacek/internal/hub"
)

// isTerminal reports whether a person looks at what is written here.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// printable escapes what could move a terminal's cursor, colour it, or turn the direction of its text.
func printable(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// oneLine is printable text that also keeps to its line and column: a name from outside must not look like a line of ours.
func oneLine(text string) string {
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(printable(text))
}

func unprintable(r rune) bool {
	return r != '\n' && r != '\t' && hub.Hidden(r)
}
