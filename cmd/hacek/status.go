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
	Hub       string         `json:"hub"`
	Ready     bool           `json:"ready"`
	Why       string         `json:"why,omitempty"`
	Endpoints []targetStatus `json:"endpoints"`
	Pipelines []targetStatus `json:"pipelines"`
}

// targetStatus is one endpoint or pipeline.
type targetStatus struct {
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

// explain asks why a target that is called does not take what it gets.
func (e *targetStatus) explain(ctx context.Context, c *client.Client) error {
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
		Short: "Say how the hub, its endpoints and its pipelines are",
		Long:  "Say how the hub at HACEK_URL is: whether it takes events, and what waits at each endpoint and pipeline. Exit 1 when it is not ready.",
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
		s := status{Hub: c.Base, Ready: true}
		if err := c.Do(cmd.Context(), "GET", "/readyz", nil, nil); err != nil {
			if hub.CodeOf(err) == client.Unreachable {
				return err
			}
			s.Ready, s.Why = false, err.Error()
		}
		if s.Endpoints, err = targets(cmd.Context(), c, "/v1/endpoints"); err == nil {
			s.Pipelines, err = targets(cmd.Context(), c, "/v1/pipelines")
		}
		if err != nil {
			if !a.json {
				s.describeHub(a.out) // whether it takes events is known, whatever the key may not see
			}
			return err
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

// targets reads all targets at a path, oldest first.
func targets(ctx context.Context, c *client.Client, path string) ([]targetStatus, error) {
	all := []targetStatus{}
	for cursor := ""; ; {
		var page struct {
			Data []targetStatus `json:"data"`
			Next *string        `json:"next_cursor"`
		}
		if err := c.Do(ctx, "GET", path+"?limit=250&order=asc&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return nil, err
		}
		for i := range page.Data {
			if err := page.Data[i].explain(ctx, c); err != nil && hub.CodeOf(err) != hub.Forbidden {
				return nil, err // a key that may not read deliveries still sees how many wait
			}
		}
		all = append(all, page.Data...)
		if page.Next == nil || *page.Next == "" {
			return all, nil
		}
		cursor = *page.Next
	}
}

func (s status) describeHub(w io.Writer) {
	if s.Ready {
		fmt.Fprintf(w, "%s is ready and takes events\n", s.Hub)
	} else {
		fmt.Fprintf(w, "%s is NOT ready: %s\n", s.Hub, printable(s.Why))
	}
}

func (s status) describe(w io.Writer) {
	s.describeHub(w)
	if len(s.Endpoints)+len(s.Pipelines) == 0 {
		fmt.Fprintln(w, "no endpoints or pipelines yet; POST /v1/endpoints makes one, or the console at "+s.Hub)
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "TARGET\tKIND\tSTATE\tWAITING\tOLDEST\tLAST SUCCESS\tFAILURES\tWHY")
	for kind, list := range [][]targetStatus{s.Endpoints, s.Pipelines} {
		for _, e := range list {
			why := e.Reason.Why
			if e.State == string(hub.Active) {
				why = e.LastError
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\t%d\t%s\n", oneLine(e.Name), [...]string{"endpoint", "pipeline"}[kind], e.State, e.Waiting,
				moment(e.Oldest), moment(e.LastSuccess), e.Failures, oneLine(why))
		}
	}
	_ = table.Flush()
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}
