package main

import (
	"github.com/spf13/cobra"

	"hacek/internal/client"
	"hacek/internal/hub"
)

const defaultURL = "http://127.0.0.1:8080"

// connection gives a command the flags that say which hub to talk to. The key comes by the environment only: flags
// stand in the list of processes.
func (a *app) connection(cmd *cobra.Command) func() (*client.Client, error) {
	base := cmd.Flags().String("url", "", "address of the hub (HACEK_URL); default "+defaultURL)
	tenant := cmd.Flags().String("tenant", "", "act for this tenant (id or uid); needs an administrator's key")
	return func() (*client.Client, error) {
		if *base == "" {
			*base = a.variable("HACEK_URL")
		}
		if *base == "" {
			*base = defaultURL
		}
		key := a.variable("HACEK_API_KEY")
		if key == "" {
			return nil, usageError{hub.Errorf(hub.Unauthorized, "no API key").
				WithHint("set HACEK_API_KEY; the hub shows an administrator's key at its first start")}
		}
		return &client.Client{Base: *base, Key: hub.NewSecret(key), Tenant: *tenant}, nil
	}
}
