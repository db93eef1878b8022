package web

import (
	"time"

	"hacek/internal/hub"
	"hacek/internal/settings"
)

// connectView is what source_connect.html shows: what to tell the provider, and whether it has called.
type connectView struct {
	Name, System, Path, URL string
	OnlyHere                bool // nobody on the internet reaches the address
	Made                    string
	Where, Page             string
	Secret                  string // that the hub has just made; "" when it is not shown any more
	Notes                   []string
	Events                  []providerEvent
	Networks                []string

	Since   time.Time
	Arrived bool         // an event is here
	Came    []becameLine // what arrived
	Last    *requestLine // the newest request while no event has come of any
	CanTry  bool
	Sample  string // to try it with
	MayEdit bool
}

// providerEvent is an event that one may choose at the provider.
type providerEvent struct{ Word, Title string }

// eventsNamed is how many events of a provider the page names.
const eventsNamed = 12

func (v *visit) connectSourcePage() error {
	s, err := v.theSource()
	if err != nil {
		return err
	}
	page := connectView{
		Name: s.Name, System: v.providerWord(&s.Source), Path: sourcePath(&s), URL: v.sourceURL(&s), Made: "there", Since: s.CreatedAt,
		Networks: s.AllowNetworks, MayEdit: v.may(hub.Editor),
	}
	page.OnlyHere = onlyHere(page.URL)
	if p := v.provider(s.Verify.Scheme); p != nil {
		page.Made, page.Where, page.Page = madeWord(p), v.titleOf(p.Secret.Where), p.Page
		if page.Notes, err = p.NotesIn(string(v.lang)); err != nil {
			return err
		}
		page.CanTry = v.Trigger != nil && v.may(hub.Operator)
		samples := v.samples(&s.Source)
		page.Sample = firstSample(samples)
		for _, o := range samples {
			if len(page.Events) < eventsNamed {
				page.Events = append(page.Events, providerEvent{o.Value, o.Word})
			}
		}
	} else if s.Verify.Scheme == hub.SchemeNone {
		page.Made = "none"
	}
	page.Secret = v.made.of(v.token, s.ID, v.moment).Reveal()
	if err := v.arrival(&s, &page); err != nil {
		return err
	}
	return v.show("source_connect", v.lang.Text("web_source.receive_from", "system", page.System), page)
}

// arrival looks for the first event, else for the newest request of any other fate.
func (v *visit) arrival(s *settings.Source, page *connectView) error {
	first, err := v.newestRequest(s, hub.RequestAccepted, hub.RequestReleased, hub.RequestDuplicate)
	if err != nil {
		return err
	}
	if first != nil {
		page.Arrived = true
		page.Came, err = v.became(first.Events)
		line := v.requestLines(s, []hub.InRequest{*first})[0]
		page.Last = &line
		return err
	}
	newest, err := v.newestRequest(s)
	if newest != nil {
		line := v.requestLines(s, []hub.InRequest{*newest})[0]
		page.Last = &line
	}
	return err
}
