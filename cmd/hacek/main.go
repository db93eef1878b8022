// Command hacek is the hub and everything to run and try it: `hacek serve` is the hub, the other commands talk to one.
// It must not know what the hub does inside; it reads arguments, and turns what went wrong into a line and a hint.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"hacek/internal/hub"
)

// Exit codes: a script can tell "it did not work" from "it was called wrongly".
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	a := &app{program: os.Args[0], in: os.Stdin, out: os.Stdout, err: os.Stderr, environment: os.Environ(), terminal: isTerminal(os.Stdout)}
	stop := profiled()
	code := a.run(os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one call of the program, with the world it was called in.
type app struct {
	program     string // the name it was called by
	in          io.Reader
	out, err    io.Writer
	environment []string
	terminal    bool // out is looked at by a person
	json        bool // answers and errors are for a machine
}

func (a *app) run(args []string) int {
	// The first signal asks to stop; stop() gives the next one back its ordinary force, so it ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	a.explain(err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "hacek",
		Short:         "A hub for webhooks: takes an event once, delivers it to everyone it concerns",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			err := hub.Errorf(hub.Invalid, "unknown command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				return usageError{err.WithHint("did you mean %s?", near[0])}
			}
			return usageError{err.WithHint("hacek --help lists the commands")}
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.PersistentFlags().BoolVar(&a.json, "json", false, "answers and errors as JSON, for machines")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{hub.Errorf(hub.Invalid, "%v", err).WithHint("%s --help lists the flags", cmd.CommandPath())}
	})
	root.AddCommand(a.serve(), a.demo(), a.send(), a.listen(), a.trigger(), a.verify(), a.status(), a.migrate(), a.version())
	refuseUnknownShells(root)
	return root
}

// refuseUnknownShells makes `hacek completion SHELL` fail for a shell that nobody knows, where cobra shows the help and
// exits 0: a set-up script would take that for a completion.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, given []string) error {
			if len(given) == 0 {
				return cmd.Help()
			}
			return usageError{hub.Errorf(hub.Invalid, "no completion for %q", given[0]).WithHint("usage: hacek completion bash|zsh|fish|powershell")}
		}
	}
}

// usageError is a call that could not have worked.
type usageError struct{ cause error }

func (e usageError) Error() string { return e.cause.Error() }
func (e usageError) Unwrap() error { return e.cause }

// args turns cobra's check of the number of arguments into a usage error that shows the right form.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return usageError{hub.Errorf(hub.Invalid, "%v", err).WithHint("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}

// explain writes one line and, where there is something to do about it, a hint.
func (a *app) explain(err error) {
	var known *hub.Error
	if !errors.As(err, &known) {
		known = hub.Errorf("failed", "%v", err)
	}
	if a.json {
		_ = json.NewEncoder(a.err).Encode(struct {
			Code   hub.Code `json:"code"`
			Detail string   `json:"detail"`
			Hint   string   `json:"hint,omitempty"`
		}{known.Code, err.Error(), known.Hint})
		return
	}
	fmt.Fprintf(a.err, "hacek: %s\n", printable(strings.ReplaceAll(err.Error(), "\n", "; ")))
	if known.Hint != "" {
		fmt.Fprintf(a.err, "  hint: %s\n", printable(known.Hint))
	}
}

// print writes an answer: as JSON for machines, else in words.
func (a *app) print(value any, words func(w io.Writer)) error {
	if !a.json {
		words(a.out)
		return nil
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
