package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which program this is",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			answer := map[string]string{"version": programVersion(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}
			return a.print(answer, a.line("hacek %s (%s, %s)", answer["version"], answer["go"], answer["system"]))
		},
	}
}

// programVersion is the module's version, or the commit it was built from.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "development"
}

// line is an answer of one line.
func (a *app) line(format string, values ...any) func(io.Writer) {
	return func(w io.Writer) { fmt.Fprintf(w, format+"\n", values...) }
}
