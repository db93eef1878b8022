package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/signature"
)

// judge says what one scheme makes of the request. Where nobody knows when it came, it counts as come in time.
func (v *verification) judge(s suspect, in *signature.Incoming, r *report, hide func(string) string) verdict {
	one := *in
	one.Settings = s.settings
	read := newReader(&one)
	out := verdict{Provider: s.name, Looked: read.look(s.chosen(), hide)}
	if one.At.IsZero() {
		one.At = time.Now()
		if at := out.Looked.SignedAt; at != nil {
			one.At = *at
			r.addNote("The file does not say when the request came, so its age is not judged; --at does.")
		}
	}
	if s.chosen().Kind == "none" {
		out.Why = "nothing is signed: whoever knows the address can send, so there is nothing to verify"
		return out
	}
	if value, _, _ := read.find(out.Looked.At); strings.Contains(value, hub.Masked) {
		out.Why = "there is *** in the place of the secret that was sent along: the hub keeps requests so, and nobody can verify it afterwards"
		return out
	}
	verifier, err := s.scheme.Compile()
	if err != nil {
		out.Why = err.Error()
		return out
	}
	address, err := verifier.Certificate(&one)
	if err == nil && address != "" && len(one.Certificates) == 0 {
		out.Why = "the certificate is needed that the request names: download " + address + " and give it with --certificate FILE"
		return out
	}
	got := verifier.Verify(&one, v.secrets)
	out.Fits, out.Why = got.OK, hide(got.Why)
	return out
}

func (r *report) addNote(text string) {
	if !slices.Contains(r.Notes, text) {
		r.Notes = append(r.Notes, text)
	}
}

// failure is the one line for somebody who looks at nothing else.
func (r *report) failure() error {
	switch len(r.Verdicts) {
	case 0:
		return hub.Errorf("unverified", "no signature of a known provider is in the request").
			WithHint("--provider NAME says what is missing; a provider of your own is described in docs/providers.md")
	case 1:
		return hub.Errorf("unverified", "the signature does not fit: %s", r.Verdicts[0].Why)
	}
	return hub.Errorf("unverified", "the signature fits as none of the %d providers it could be from", len(r.Verdicts)).
		WithHint("--provider NAME judges by one alone")
}

func (r *report) describe(w io.Writer) {
	fmt.Fprintf(w, "%s %s, %d bytes of body", r.Method, printable(r.URL), r.Body)
	if r.ReceivedAt != "" {
		fmt.Fprintf(w, ", received %s", r.ReceivedAt)
	}
	fmt.Fprintln(w)
	for _, v := range r.Verdicts {
		v.describe(w)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", printable(note))
	}
}

func (v *verdict) describe(w io.Writer) {
	if v.Fits {
		fmt.Fprintf(w, "%s: the signature fits\n", v.Provider)
	} else {
		fmt.Fprintf(w, "%s: it does not fit: %s\n", v.Provider, printable(v.Why))
	}
	l := v.Looked
	if l.At != "" {
		fmt.Fprintf(w, "  signature    %s: %s\n", l.At, printable(l.Value))
	}
	if l.SignedAt != nil {
		fmt.Fprintf(w, "  signed at    %s\n", l.SignedAt.Format(time.RFC3339Nano))
	}
	if l.Form == "" {
		return
	}
	fmt.Fprintf(w, "  signed text  %s", l.Form)
	if l.Signed == nil {
		fmt.Fprintln(w)
		return
	}
	fmt.Fprintf(w, ", %d bytes, SHA-256 %s\n", l.Signed.Bytes, l.Signed.SHA256)
	fmt.Fprintf(w, "  it begins    %s\n", oneLine(l.Signed.Begins))
}
