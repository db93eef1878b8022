package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"hacek/internal/server"
)

func (a *app) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the hub",
		Long: "Run the hub. Without any option it keeps its data in ./hacek-data and listens on 127.0.0.1:8080.\n" +
			"Every option may also stand in a configuration file (listen: ...) or in the environment (HACEK_LISTEN=...).",
		Args: args(cobra.NoArgs),
	}
	load := a.configuration(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := load()
		if err != nil {
			return err
		}
		a.tuneMemory()
		return server.Run(cmd.Context(), config, server.Options{
			Log:     server.NewLog(a.err, config),
			Version: programVersion(),
			FirstKey: func(key string) {
				fmt.Fprintf(a.out, "First start: this administrator's API key is shown only now.\n\n  HACEK_API_KEY=%s\n\n", key)
			},
			FirstLink: func(address string) {
				fmt.Fprintf(a.out, "No administrator yet. Open this address within an hour to become one; it works once.\n\n  %s\n\n", address)
			},
			Listening: func(address net.Addr) {
				fmt.Fprintf(a.out, "Háček listens on http://%s, data in %s (%s)\n", address, config.Data, config.Driver())
			},
			// Durability is lost, so nothing may be answered, sent or tidied up any more.
			Fatal: func(err error) {
				fmt.Fprintf(a.err, "hacek: stopped at once, because nothing can be made durable any more: %v\n"+
					"  hint: check the disk or the database, then start again; whatever was accepted is recovered at the start\n", err)
				os.Exit(exitFailed)
			},
		})
	}
	return cmd
}

func (a *app) migrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this program's schema and end",
		Long:  "Bring the database to this program's schema and end. `serve` does the same at each start.",
		Args:  args(cobra.NoArgs),
	}
	load := a.configuration(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		config, err := load()
		if err != nil {
			return err
		}
		if err := server.Migrate(cmd.Context(), config, server.NewLog(a.err, config)); err != nil {
			return err
		}
		return a.print(map[string]string{"database": config.Driver(), "schema": "current"}, a.line("%s has the current schema", config.Driver()))
	}
	return cmd
}

// configuration gives a command the hub's options as flags, and answers how to read all their layers.
func (a *app) configuration(cmd *cobra.Command) (load func() (server.Config, error)) {
	flags := cmd.Flags()
	file := flags.String("config", "", "configuration file `FILE` (YAML; HACEK_CONFIG)")
	given := map[string]string{}
	for _, o := range server.Settings() {
		if o.NoFlag {
			continue
		}
		usage := o.Meaning + " (" + o.Variable() + ")"
		if o.Default != "" {
			usage += "; default " + o.Default
		}
		flags.Var(&setting{key: o.Key, form: o.Value, given: given}, o.Flag(), usage)
	}
	return func() (server.Config, error) {
		name := *file
		if name == "" {
			name = a.variable("HACEK_CONFIG")
		}
		config, err := server.Load(server.Layers{File: name, Environment: a.environment, Flags: maps.Clone(given)})
		if err != nil {
			return server.Config{}, usageError{err}
		}
		return config, nil
	}
}

// setting is a flag that only remembers that it was given.
type setting struct {
	key, form string
	given     map[string]string
}

var _ pflag.Value = (*setting)(nil)

func (s *setting) String() string { return "" }
func (s *setting) Type() string   { return s.form }
func (s *setting) Set(text string) error {
	s.given[s.key] = text
	return nil
}

func (a *app) variable(name string) string {
	for _, pair := range a.environment {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
