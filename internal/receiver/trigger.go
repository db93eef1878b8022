package receiver

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"hacek/internal/hub"
	"hacek/internal/settings"
	"hacek/internal/signature"
	"hacek/packs"
)

// Trigger sends a source a signed sample, as the provider would send it. It goes the whole way, also into the events;
// what became of it is returned.
func (r *Receiver) Trigger(ctx context.Context, s settings.Source, eventType string) (hub.InRequest, error) {
	l := r.at(s.Path)
	if l == nil || l.No != s.No || l.Tenant != s.Tenant {
		return hub.InRequest{}, hub.Errorf(hub.NotFound, "no source %s", s.ID.Text(hub.SourcePrefix))
	}
	if l.broken != nil {
		return hub.InRequest{}, hub.Errorf(hub.Invalid, "the source's settings cannot be used: %v", l.broken)
	}
	header, body, err := l.sample(eventType)
	if err != nil {
		return hub.InRequest{}, err
	}
	from := origin{listener: l.Listener, scheme: "http", peer: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "/in/"+l.Path, bytes.NewReader(body))
	if err != nil {
		return hub.InRequest{}, err
	}
	req.Header, req.Host = header, "localhost"
	if len(l.networks) > 0 {
		from.peer = l.networks[0].Addr()
	}
	a := r.arrive(l, from, req)
	a.hold.release()
	in := a.incoming()
	in.Header = header.Clone()
	if err := l.verifier.Sign(in, a.firstSecret()); err != nil {
		return hub.InRequest{}, hub.Errorf(hub.Invalid, "%v", err).WithHint("Only %s itself can sign its requests; have it send a test.", l.Verify.Scheme)
	}
	return r.triggered(ctx, l, from, in)
}

// triggered takes a signed sample in like any other request.
func (r *Receiver) triggered(ctx context.Context, l *live, from origin, signed *signature.Incoming) (hub.InRequest, error) {
	req, err := http.NewRequestWithContext(ctx, signed.Method, signed.URL, bytes.NewReader(signed.Body))
	if err != nil {
		return hub.InRequest{}, err
	}
	req.Header = signed.Header
	a := r.arrive(l, from, req)
	defer a.hold.release()
	a.url = signed.URL
	r.take(ctx, a)
	kept, err := r.Store.InRequest(ctx, l.Tenant, l.No, a.in.ID)
	if hub.CodeOf(err) == hub.NotFound {
		return a.in, nil // the ring writes it in a moment
	}
	return kept, err
}

// sample is a request of a type before it is signed: the provider's own, else its pack's, else a plain one.
func (l *live) sample(eventType string) (http.Header, []byte, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	if l.provider == nil {
		body, err := json.Marshal(map[string]string{"event": eventType, "note": "a sample that the hub sent to itself"})
		return header, body, err
	}
	words := slices.Sorted(maps.Keys(l.provider.Samples))
	pack, _ := packs.Open(l.provider.Name) // most providers have none
	if pack != nil {
		for i := range pack.Types {
			if pack.Types[i].AsSent() != nil && !slices.Contains(words, pack.Types[i].Name) {
				words = append(words, pack.Types[i].Name)
			}
		}
	}
	if eventType == "" && len(words) > 0 {
		eventType = words[0]
	}
	word := eventType
	for _, theirs := range words {
		if l.types[theirs] == eventType {
			word = theirs
			break
		}
	}
	if s, known := l.provider.Samples[word]; known {
		for name, value := range s.Headers {
			header.Set(name, value)
		}
		return header, asSent(s.Body), nil
	}
	if pack != nil {
		if t := pack.Type(word); t != nil && t.AsSent() != nil {
			return header, t.AsSent(), nil
		}
	}
	e := hub.Errorf(hub.NotFound, "%s has no sample of %q", l.provider.Name, eventType)
	switch near := hub.Nearest(eventType, words); {
	case near != "":
		return nil, nil, e.WithHint("did you mean %s?", near)
	case len(words) == 0:
		return nil, nil, e.WithHint("the hub keeps no sample of it; have the provider itself send a test")
	case len(words) > 12:
		words = append(words[:12], "…")
	}
	return nil, nil, e.WithHint("there are %s", strings.Join(words, ", "))
}

// asSent is a sample's body: JSON, or the text that a JSON text holds.
func asSent(body json.RawMessage) []byte {
	var text string
	if json.Unmarshal(body, &text) == nil {
		return []byte(text)
	}
	return body
}
