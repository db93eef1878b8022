package apitest

import (
	"fmt"
	"io"
)

// Coverage prints what broke the contract and what nobody has tried; the result is an exit code for TestMain.
// With complete false only broken answers count, as when a few tests were picked.
func Coverage(w io.Writer, r *Recorder, complete bool) int {
	code := 0
	for _, text := range r.Violations() {
		fmt.Fprintln(w, "API contract:", text)
		code = 1
	}
	if !complete {
		return code
	}
	for _, text := range r.Missing() {
		fmt.Fprintln(w, "API coverage:", text)
		code = 1
	}
	return code
}
