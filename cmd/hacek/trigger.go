package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/hub"
	"hacek/packs"
)

// mostTimes is the largest --times.
const mostTimes = 1000

// trigger is one call of the command.
type trigger struct {
	app      *app
	provider *packs.Provider // nil: a source that describes its HMAC itself
	scheme   string          // the provider as it was named
	event    string          // the provider's word, or the catalogue's name
	times    int

	to, publicURL          string
	data                   string
	secrets, settings, add []string
}

func (a *app) trigger() *cobra.Command {
	t := trigger{app: a}
	var source string
	cmd := &cobra.Command{
		Use:   "trigger [PROVIDER [EVENT]]",
		Short: "Send a sample as a provider would, signed, to a source of the hub or to any address",
		Long: "Send a sample as a provider would send it, with its signature: to a source of the hub at HACEK_URL (--source, signed\n" +
			"there with the source's own secret), or to any address of yours (--to). Without EVENT it lists what there is.\n\n" +
			"Whoever is on the same machine can read the flags of a process. Keep a secret that is worth something in\n" +
			verifySecret + ", or in a file: --secret @FILE.",
		Example: "  hacek trigger stripe charge.refunded --source payments\n" +
			"  hacek trigger shoptet order:create --to http://localhost:3000/webhooks --secret @key.txt\n" +
			"  hacek trigger github push --to http://localhost:3000/ --data @push.json",
		Args: args(cobra.MaximumNArgs(2)),
	}
	f := cmd.Flags()
	f.StringVar(&t.to, "to", "", "send it to this `URL`")
	f.StringVar(&source, "source", "", "have the hub send it to this source, by name or id")
	f.StringArrayVar(&t.secrets, "secret", nil, "sign with it; @FILE reads a file; default "+verifySecret)
	f.StringVar(&t.data, "data", "", "the body instead of the sample: JSON, XML or a form, @FILE, or - for standard input")
	f.IntVar(&t.times, "times", 1, "the same so many times, each signed anew")
	f.StringArrayVar(&t.add, "header", nil, "a header field more, as `'Name: value'`")
	f.StringArrayVar(&t.settings, "setting", nil, "what the scheme asks for beside the secret, as `name=value`")
	f.StringVar(&t.publicURL, "public-url", "", "the address that is signed, where it is another one than --to")
	connect := a.connection(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 && t.to == "" && source == "" {
			return a.listSamples(args)
		}
		if err := t.read(args, source); err != nil {
			return err
		}
		if source == "" {
			return t.send(cmd.Context())
		}
		c, err := connect()
		if err != nil {
			return err
		}
		return t.ask(cmd.Context(), c, source)
	}
	return cmd
}

// read checks what was asked for before anything is sent.
func (t *trigger) read(args []string, source string) error {
	if len(args) == 0 {
		return wrong("hacek trigger lists them", "which provider?")
	}
	if t.scheme = args[0]; len(args) > 1 {
		t.event = args[1]
	}
	own := t.data != "" || t.publicURL != "" || len(t.secrets)+len(t.settings)+len(t.add) > 0
	switch {
	case t.to == "" && source == "":
		return wrong("--source NAME for a source of the hub, --to URL for any other address", "where to?")
	case t.to != "" && source != "":
		return wrong("", "--to and --source exclude each other")
	case source != "" && own:
		return wrong("the hub signs with what the source is set to; to send your own data, use --to with the address of the source",
			"--secret, --data, --header, --setting and --public-url belong to --to")
	case t.times < 1 || t.times > mostTimes:
		return wrong("", "--times is %d, and must be from 1 to %d", t.times, mostTimes)
	}
	if source != "" && (t.scheme == schemeHMAC || t.scheme == hub.SchemeNone) {
		return nil
	}
	var err error
	if t.provider, err = openProvider(t.scheme); err != nil {
		return err
	}
	if t.to == "" {
		return nil
	}
	if t.event == "" && t.data == "" {
		return wrong(wordsOf(t.provider), "which event?")
	}
	if u, err := url.Parse(t.to); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return wrong("write it as http://localhost:3000/webhooks", "--to %q is not a URL", t.to)
	}
	return nil
}

// wrong is a call that could not have worked, with what to do about it.
func wrong(hint, format string, values ...any) error {
	e := hub.Errorf(hub.Invalid, format, values...)
	e.Hint = hint
	return usageError{e}
}

func openProvider(name string) (*packs.Provider, error) {
	p, err := packs.OpenProvider(name)
	if err != nil {
		return nil, wrong("hacek trigger lists the providers", "%v", err)
	}
	return p, nil
}

// listSamples says what can be sent: the providers, or the events of one.
func (a *app) listSamples(args []string) error {
	if len(args) == 0 {
		all, err := packs.Providers()
		if err != nil {
			return err
		}
		var names []string
		for _, p := range all {
			names = append(names, p.Name)
		}
		return a.print(map[string][]string{"providers": names}, func(w io.Writer) {
			fmt.Fprintln(w, "Providers that are known; hacek trigger PROVIDER lists the events of one:")
			for line := range slices.Chunk(names, 6) {
				fmt.Fprintf(w, "  %s\n", strings.Join(line, "  "))
			}
		})
	}
	p, err := openProvider(args[0])
	if err != nil {
		return err
	}
	words := samplesOf(p)
	return a.print(map[string][]string{"events": words}, func(w io.Writer) {
		if len(words) == 0 {
			fmt.Fprintf(w, "There is no sample of %s; give the body with --data.\n", p.Name)
			return
		}
		fmt.Fprintf(w, "Samples of %s:\n", p.Name)
		for _, word := range words {
			fmt.Fprintf(w, "  %s\n", word)
		}
	})
}

// triggered is one sample that was sent, with its answer.
type triggered struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"`
	Headers http.Header `json:"headers"`
	Body    string      `json:"body"`
	Answer  struct {
		Status int     `json:"status"`
		Body   string  `json:"body"`
		Took   float64 `json:"took_ms"`
	} `json:"answer"`
	took time.Duration
}

func (s *triggered) describe(w io.Writer) {
	fmt.Fprintf(w, "%s %s\n", s.Method, printable(s.URL))
	names := make([]string, 0, len(s.Headers))
	for name := range s.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range s.Headers[name] {
			fmt.Fprintf(w, "  %s: %s\n", name, printable(value))
		}
	}
	fmt.Fprintf(w, "  %s\n", printable(s.Body))
	fmt.Fprintf(w, "-> %d %s in %s\n", s.Answer.Status, http.StatusText(s.Answer.Status), s.took.Round(time.Millisecond))
	if s.Answer.Body != "" {
		fmt.Fprintf(w, "  %s\n", printable(s.Answer.Body))
	}
}

// taken is a sample that the hub sent to a source, as the API tells it.
type taken struct {
	ID      string          `json:"id"`
	Outcome string          `json:"outcome"`
	Reason  string          `json:"reason"`
	Status  int             `json:"status"`
	Events  []string        `json:"events"`
	whole   json.RawMessage // as it came
}

func (s *taken) describe(w io.Writer) {
	fmt.Fprintf(w, "%s %s, answered %d", s.ID, s.Outcome, s.Status)
	if len(s.Events) > 0 {
		fmt.Fprintf(w, "; %s", strings.Join(s.Events, ", "))
	}
	fmt.Fprintln(w)
	if s.Reason != "" {
		fmt.Fprintf(w, "  %s\n", printable(s.Reason))
	}
}
