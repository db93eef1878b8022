package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hacek/internal/hub"
	"hacek/internal/signature"
	"hacek/packs"
)

// verification is one call of the command.
type verification struct {
	app                     *app
	provider, source        string
	tenant, url, at         string
	body, certificate       string
	secretFlags, settingSet []string

	secrets  []string
	settings map[string]string
}

// suspect is a scheme that a request is judged by.
type suspect struct {
	name     string
	scheme   signature.Scheme
	settings map[string]string
}

// verdict is what one scheme says of the request.
type verdict struct {
	Provider string `json:"provider"`
	Fits     bool   `json:"fits"`
	Why      string `json:"why,omitempty"`
	Looked   looked `json:"looked_at"`
}

// report is the whole answer.
type report struct {
	Fits       bool      `json:"fits"`
	Provider   string    `json:"provider,omitempty"` // that fits
	Method     string    `json:"method"`
	URL        string    `json:"url"`
	ReceivedAt string    `json:"received_at,omitempty"`
	Body       int       `json:"body_bytes"`
	Verdicts   []verdict `json:"verdicts"`
	Notes      []string  `json:"notes,omitempty"`
}

func (a *app) verify() *cobra.Command {
	v := verification{app: a}
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Say whether the signature of a saved request fits, and if not, why",
		Long: "Read a saved request from FILE, or - for standard input: HTTP as it goes over the wire (also amid what tcpdump -A\n" +
			"writes), or JSON with method, url, headers and body, as GET /v1/sources/{id}/requests/{request} shows it. Nothing\n" +
			"is sent to anybody; only --source asks the hub at HACEK_URL. Exit code 0: it fits, 1: it does not.\n\n" +
			"Whoever is on the same machine can read the flags of a process. Keep a secret that is worth something in\n" +
			verifySecret + ", or in a file: --secret @FILE.",
		Example: "  hacek verify --provider stripe --secret @whsec.txt request.http\n" +
			"  hacek verify --source payments --secret @whsec.txt request.json\n" +
			"  hacek verify --provider twilio --url https://hooks.example.com/in/sms - < request.http",
		Args: args(cobra.ExactArgs(1)),
	}
	f := cmd.Flags()
	f.StringVar(&v.provider, "provider", "", "who signed it; without it all whose signature is there are tried")
	f.StringVar(&v.source, "source", "", "judge it as this source of the hub would, by name or id")
	f.StringVar(&v.tenant, "tenant", "", "of --source (id or uid); needs an administrator's key")
	f.StringArrayVar(&v.secretFlags, "secret", nil, "any number of them; @FILE reads a file; default "+verifySecret)
	f.StringVar(&v.url, "url", "", "the public address that the provider knows; some sign it")
	f.StringVar(&v.at, "at", "", "when it came, such as 2026-11-22T08:00:00Z, or seconds since 1970")
	f.StringVar(&v.body, "body", "", "take the body from this `FILE`")
	f.StringArrayVar(&v.settingSet, "setting", nil, "what the scheme asks for beside the secret, as `name=value`")
	f.StringVar(&v.certificate, "certificate", "", "the certificate that the request names, as a PEM `FILE`")
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return v.run(cmd.Context(), args[0]) }
	return cmd
}

func (v *verification) run(ctx context.Context, file string) error {
	request, err := v.read(file)
	if err != nil {
		return err
	}
	suspects, err := v.suspects(ctx)
	if err != nil {
		return err
	}
	in := &signature.Incoming{
		Method: request.method, URL: request.address(v.url), Header: request.header, Body: request.body, At: request.at,
	}
	if v.certificate != "" {
		if in.Certificates, err = os.ReadFile(v.certificate); err != nil {
			return wrong("", "read the certificate: %v", err)
		}
	}
	hide := veil(v.secrets)
	r := report{Method: in.Method, URL: hide(in.URL), Body: len(in.Body), Notes: request.notes}
	if !in.At.IsZero() {
		r.ReceivedAt = hub.TimeText(in.At)
	}
	guess := v.provider == "" && v.source == ""
	if guess {
		suspects = present(suspects, in)
	}
	if err := v.needSecret(suspects, guess); err != nil {
		return err
	}
	for _, s := range suspects {
		one := v.judge(s, in, &r, hide)
		if one.Fits && r.Provider == "" {
			r.Fits, r.Provider = true, s.name
		}
		r.Verdicts = append(r.Verdicts, one)
	}
	slices.SortStableFunc(r.Verdicts, func(a, b verdict) int { return cmp.Compare(rankOf(a), rankOf(b)) })
	if err := v.app.print(r, r.describe); err != nil || r.Fits {
		return err
	}
	return r.failure()
}

func rankOf(v verdict) int {
	if v.Fits {
		return 0
	}
	return 1
}

// read takes in the file and the flags.
func (v *verification) read(file string) (*savedRequest, error) {
	if v.provider != "" && v.source != "" {
		return nil, wrong("", "--provider and --source exclude each other")
	}
	if u, err := url.Parse(v.url); v.url != "" && (err != nil || u.Host == "") {
		return nil, wrong("write it as https://hooks.example.com/in/shop", "--url %q is not an address", v.url)
	}
	var err error
	if v.secrets, err = v.app.readSecrets(v.secretFlags); err != nil {
		return nil, err
	}
	if v.settings, err = readSettings(v.settingSet); err != nil {
		return nil, err
	}
	raw, err := v.app.readFile(file)
	if err != nil {
		return nil, err
	}
	request, err := readRequest(raw)
	if err != nil {
		return nil, err
	}
	if v.body != "" {
		if request.body, err = v.app.readFile(v.body); err != nil {
			return nil, err
		}
		request.notes = nil // they were about the other body
	} else if request.headOnly {
		request.note("curl -v does not show the body; give it with --body FILE.")
	}
	if request.wire && (v.body != "" || !request.headOnly) {
		if err := request.frame(); err != nil {
			return nil, err
		}
	}
	if v.at != "" {
		if request.at, err = parseMoment(v.at); err != nil {
			return nil, err
		}
	}
	return request, nil
}

func (a *app) readFile(name string) ([]byte, error) {
	from := a.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, wrong("", "%v", err)
		}
		defer f.Close()
		from = f
	}
	raw, err := io.ReadAll(io.LimitReader(from, mostFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(raw) > mostFile {
		return nil, wrong("", "%s is larger than %d MiB", name, mostFile>>20)
	}
	return raw, nil
}

func parseMoment(text string) (time.Time, error) {
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, wrong("write it as 2026-11-22T08:00:00Z or as seconds since 1970", "--at %q is not a moment", text)
	}
	return at, nil
}

// suspects are the schemes to judge by: the one that was named, or all.
func (v *verification) suspects(ctx context.Context) ([]suspect, error) {
	switch {
	case v.source != "":
		s, err := v.ofSource(ctx)
		return []suspect{s}, err
	case v.provider != "":
		p, err := openProvider(v.provider)
		if err != nil {
			return nil, err
		}
		return []suspect{{p.Name, p.Scheme, v.settings}}, nil
	}
	all, err := packs.Providers()
	if err != nil {
		return nil, err
	}
	var suspects []suspect
	for _, p := range all {
		suspects = append(suspects, suspect{p.Name, p.Scheme, v.settings})
	}
	return suspects, nil
}

// ofSource is the scheme of a source, with its settings and its address. The hub does not give its secrets away.
func (v *verification) ofSource(ctx context.Context) (suspect, error) {
	connect := v.app.connection(&cobra.Command{}) // by the environment alone: --url means another address here
	c, err := connect()
	if err != nil {
		return suspect{}, err
	}
	c.Tenant = v.tenant
	source, err := readSource(ctx, c, v.source)
	if err != nil {
		return suspect{}, err
	}
	s := suspect{name: source.Verify.Scheme, settings: source.Verify.Settings}
	if s.settings == nil {
		s.settings = map[string]string{}
	}
	for name, value := range v.settings {
		s.settings[name] = value
	}
	if v.url == "" {
		v.url = source.URL
	}
	switch h := source.Verify.HMAC; {
	case s.name == schemeHMAC && h != nil:
		s.scheme = signature.FromHMAC(signature.HMACForm{Header: h.Header, Algorithm: h.Algorithm, Encoding: h.Encoding, Prefix: h.Prefix, Signed: h.Signed})
		return s, nil
	case s.name == hub.SchemeNone:
		s.scheme = signature.Scheme{Kind: "none"}
		return s, nil
	}
	p, err := packs.OpenProvider(s.name)
	if err != nil {
		return s, fmt.Errorf("the source %s: %w", v.source, err)
	}
	s.scheme = p.Scheme
	return s, nil
}

// needSecret refuses to guess without one.
func (v *verification) needSecret(suspects []suspect, guess bool) error {
	if len(v.secrets) > 0 || len(suspects) == 0 {
		return nil
	}
	for _, s := range suspects {
		if scheme := s.chosen(); !scheme.NeedsSecret() {
			return nil
		}
	}
	who := "it is signed as " + suspects[0].name + " does"
	if guess {
		var names []string
		for _, s := range suspects {
			names = append(names, s.name)
		}
		who = "the signature looks like that of " + strings.Join(names, " or ")
	}
	return wrong("--secret, --secret @FILE or "+verifySecret+"; the hub does not give the secrets of its sources away", "%s, and there is no secret to judge it by", who)
}

func (s suspect) chosen() signature.Scheme { return schemeOf(s.scheme, s.settings) }

// present leaves those whose signature is there, in any of their versions.
func present(all []suspect, in *signature.Incoming) []suspect {
	r := newReader(in)
	return slices.DeleteFunc(all, func(s suspect) bool {
		schemes := []signature.Scheme{s.scheme}
		for _, version := range s.scheme.Versions {
			schemes = append(schemes, version)
		}
		return !slices.ContainsFunc(schemes, func(s signature.Scheme) bool {
			return slices.ContainsFunc(s.Signature, func(p signature.Place) bool {
				_, _, there := r.find(numbered(p))
				return there
			})
		})
	})
}
