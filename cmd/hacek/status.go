package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/client"
	"hacek/internal/hub"
)

// status is what a person at night needs first: does it take events, and where do they wait.
type status struct {
	Hub       string           `json:"hub"`
	Ready     bool             `json:"ready"`
	Why       string           `json:"why,omitempty"`
	Endpoints []endpointStatus `json:"endpoints"`
}

type endpointStatus struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason struct {
		By  string `json:"by"`
		At  string `json:"at"`
		Why string `json:"why"`
	} `json:"state_reason"`
	Waiting     int64      `json:"waiting"`
	Oldest      *time.Time `json:"oldest_waiting_at"`
	LastSuccess *time.Time `json:"last_success_at"`
	Failures    int        `json:"failures_in_a_row"`
	LastError   string     `json:"last_error,omitempty"` // of a delivery that waits or failed
}

// explain asks why an endpoint that is called does not take what it gets.
func (e *endpointStatus) explain(ctx context.Context, c *client.Client) error {
	if e.State != string(hub.Active) || e.Failures == 0 {
		return nil
	}
	var page struct {
		Data []struct {
			ID     string `json:"id"`
			Reason string `json:"reason"`
		} `json:"data"`
	}
	if err := c.Do(ctx, "GET", "/v1/deliveries?limit=1&state=pending,failed&target="+url.QueryEscape(e.ID), nil, &page); err != nil {
		return err
	}
	if len(page.Data) == 0 {
		return nil
	}
	d := page.Data[0]
	if d.Reason == "" {
		if err := c.Do(ctx, "GET", "/v1/deliveries/"+d.ID, nil, &d); err != nil {
			return err
		}
	}
	e.LastError = d.Reason
	return nil
}

func (a *app) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how the hub and its endpoints are",
		Long:  "Say how the hub at HACEK_URL is: whether it takes events, and what waits at each endpoint. Exit 1 when it is not ready.",
		Args:  args(cobra.NoArgs),
	}
	bundle := cmd.Flags().String("bundle", "", "also write the support bundle to `FILE`, a ZIP without secrets; needs an administrator's key of the installation")
	connect := a.connection(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := connect()
		if err != nil {
			return err
		}
		if *bundle != "" {
			if err := a.saveBundle(cmd.Context(), c, *bundle); err != nil {
				return err
			}
		}
		s := status{Hub: c.Base, Ready: true, Endpoints: []endpointStatus{}}
		if err := c.Do(cmd.Context(), "GET", "/readyz", nil, nil); err != nil {
			if hub.CodeOf(err) == client.Unreachable {
				return err
			}
			s.Ready, s.Why = false, err.Error()
		}
		for cursor := ""; ; {
			var page struct {
				Data []endpointStatus `json:"data"`
				Next *string          `json:"next_cursor"`
			}
			if err := c.Do(cmd.Context(), "GET", "/v1/endpoints?limit=250&order=asc&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
				return err
			}
			for i := range page.Data {
				if err := page.Data[i].explain(cmd.Context(), c); err != nil && hub.CodeOf(err) != hub.Forbidden {
					return err // a key that may not read deliveries still sees how many wait
				}
			}
			s.Endpoints = append(s.Endpoints, page.Data...)
			if page.Next == nil || *page.Next == "" {
				break
			}
			cursor = *page.Next
		}
		if err := a.print(s, s.describe); err != nil {
			return err
		}
		if !s.Ready {
			return errors.New("the hub is not ready: " + s.Why)
		}
		return nil
	}
	return cmd
}

func (s status) describe(w io.Writer) {
	if s.Ready {
		fmt.Fprintf(w, "%s is ready and takes events\n", s.Hub)
	} else {
		fmt.Fprintf(w, "%s is NOT ready: %s\n", s.Hub, printable(s.Why))
	}
	if len(s.Endpoints) == 0 {
		fmt.Fprintln(w, "no endpoints yet; POST /v1/endpoints makes one")
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ENDPOINT\tSTATE\tWAITING\tOLDEST\tLAST SUCCESS\tFAILURES\tWHY")
	for _, e := range s.Endpoints {
		why := e.Reason.Why
		if e.State == string(hub.Active) {
			why = e.LastError
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%d\t%s\n", printable(e.Name), e.State, e.Waiting, moment(e.Oldest), moment(e.LastSuccess), e.Failures, printable(why))
	}
	_ = table.Flush()
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
