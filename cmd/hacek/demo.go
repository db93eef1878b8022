package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/client"
	"hacek/internal/hub"
	"hacek/internal/server"
	"hacek/internal/tour"
)

// tourTime is the longest that `demo --once` may take before it counts as failed.
const tourTime = 45 * time.Second

func (a *app) demo() *cobra.Command {
	var data string
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The five-minute tour: a hub, pretend systems and their webhooks, on this machine only",
		Long: "Start a hub of its own on a free port, with pretend systems that send and receive what real ones do: a shop, an\n" +
			"ERP with its database, a payment service, a mailbox. Show what arrives, in both directions. Nothing leaves this\n" +
			"machine. It keeps running, so that you can send events yourself, place orders, and pull the ERP's plug.",
		Args: args(cobra.NoArgs),
	}
	cmd.Flags().StringVar(&data, "data", "", "keep the hub's data in `DIR`; without it they are thrown away at the end")
	cmd.Flags().BoolVar(&once, "once", false, "play to the end, verify every step, and exit 0 only when all hold")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if data == "" {
			parent, err := os.MkdirTemp("", "hacek-demo-")
			if err != nil {
				return fmt.Errorf("make a directory for the demo: %w", err)
			}
			defer os.RemoveAll(parent)
			data = filepath.Join(parent, "data")
		}
		ctx, cancel := context.WithCancel(cmd.Context())
		defer cancel()
		if once {
			ctx, cancel = context.WithTimeout(ctx, tourTime)
			defer cancel()
		}
		err = a.playDemo(ctx, data, once)
		if errors.Is(err, context.DeadlineExceeded) {
			err = hub.Errorf("slow", "%v: the tour took longer than %s", err, tourTime)
		}
		if cmd.Context().Err() != nil {
			return nil // a person has seen enough
		}
		return err
	}
	return cmd
}

// playDemo runs hub and tour side by side; the hub is stopped cleanly before it returns.
func (a *app) playDemo(ctx context.Context, data string, once bool) error {
	config, err := server.Load(server.Layers{Flags: map[string]string{
		"data": data, "listen": "127.0.0.1:0", "allow_private": "127.0.0.0/8", "log_level": "error",
	}})
	if err != nil {
		return err
	}
	key := "hk_demo_" + rand.Text()
	config.APIKey = hub.NewSecret(key)
	mailbox, err := tour.OpenMailbox()
	if err != nil {
		return err
	}
	defer mailbox.Close()
	config.Mail = hub.NewSecret(mailbox.Setting())
	erp, err := tour.OpenERP(ctx, hub.DriverSQLite, config.ConnectionsDir())
	if err != nil {
		return err
	}
	defer erp.Close()

	running, stop := context.WithCancel(ctx)
	defer stop()
	base, console, ended, err := a.demoHub(running, config)
	if base == "" {
		return err
	}
	fmt.Fprintf(a.out, "Háček's tour. The hub listens on %s; everything stays on this machine.\n", base)

	t := &tour.Tour{Hub: &client.Client{Base: base, Key: hub.NewSecret(key)}, Out: a.out, ERP: erp, Mailbox: mailbox}
	defer t.Close()
	began := time.Now()
	err = t.Play(ctx)
	if err == nil {
		fmt.Fprintf(a.out, "\nAll %d steps verified in %.1f s.\n", tour.Steps(), time.Since(began).Seconds())
	}
	if err == nil && !once {
		t.Watch()
		fmt.Fprint(a.out, console)
		fmt.Fprintf(a.out, tryYourself, base, key, a.program)
		if in, is := a.in.(*os.File); is && isTerminal(in) {
			fmt.Fprint(a.out, keys)
			go a.obey(ctx, t) // ends with the program: nobody can stop reading a terminal
		}
		select {
		case <-ctx.Done():
		case err := <-ended:
			return err
		}
	}
	stop()
	return errors.Join(err, <-ended)
}

// demoHub starts a hub and answers when it listens: its address, the way into its console, and what tells how it ended.
// There is no address when it ended before.
func (a *app) demoHub(ctx context.Context, config server.Config) (base, console string, ended <-chan error, err error) {
	listening := make(chan net.Addr, 1)
	first := make(chan string, 1)
	end := make(chan error, 1)
	go func() {
		end <- server.Run(ctx, config, server.Options{
			Log: server.NewLog(a.err, config), Version: programVersion(),
			FirstLink: func(address string) { first <- address },
			Listening: func(at net.Addr) { listening <- at },
			Fatal: func(err error) {
				fmt.Fprintf(a.err, "hacek: %v\n", err)
				os.Exit(exitFailed)
			},
		})
	}()
	select {
	case at := <-listening:
		base = "http://" + at.String()
		console = fmt.Sprintf(lookAgain, base)
		select {
		case link := <-first:
			console = fmt.Sprintf(lookFirst, link)
		default: // with --data somebody made themselves the administrator in an earlier tour
		}
		return base, console, end, nil
	case err := <-end:
		return "", "", nil, err
	}
}

const tryYourself = `
The hub keeps running. Send something yourself, from another terminal:

  export HACEK_URL=%[1]s HACEK_API_KEY=%[2]s
  %[3]s send shipment.status_changed --wait 5s --data '{"shipment":{"reference":"CG-1","status":"delivered"},"payment":{"status":"paid"}}'
  %[3]s status
  %[3]s listen --since 1h

What arrives is shown here. Ctrl-C ends the tour.
`

const (
	lookFirst = `
Look at all of it in the console. This address makes you its administrator; it works once, within an hour:

  %s
`
	lookAgain = `
Look at all of it in the console:

  %s
`
)

const keys = `
Here, p and Enter pulls the plug of the ERP's database, and once more puts it back; o and Enter places an order in the shop.
`

// obey does what a person types.
func (a *app) obey(ctx context.Context, t *tour.Tour) {
	lines := bufio.NewScanner(a.in)
	for lines.Scan() && ctx.Err() == nil {
		var err error
		switch strings.ToLower(strings.TrimSpace(lines.Text())) {
		case "p":
			err = t.TogglePlug(ctx)
		case "o":
			t.PlaceOrder(ctx)
		case "":
		default:
			fmt.Fprint(a.out, keys)
		}
		if err != nil {
			a.explain(err)
		}
	}
}
