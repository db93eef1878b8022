package notice_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"hacek/internal/hub"
	"hacek/internal/notice"
)

// A notice is an event with the facts, and with a letter for those whom the settings name.
func TestO5_ANoticeCarriesItsLetter(t *testing.T) {
	e := hub.DefaultEndpoint()
	e.Notify = hub.Notify{Failing: []string{"jana@example.cz"}, AfterFailures: 3, Language: "de"}
	target := &hub.Target{ID: hub.NewID(), No: 7, Tenant: 4, Kind: hub.KindEndpoint, Name: "Lager", Endpoint: e, State: hub.Active}
	since := time.Date(2026, 11, 22, 13, 45, 0, 0, time.UTC)
	type published struct {
		tenant        int64
		kind, id, key string
		data          map[string]any
	}
	var got []published
	w := &notice.Writer{
		Log:     slog.New(slog.DiscardHandler),
		Waiting: func(_ context.Context, target int64) int64 { return target * 2 },
		Publish: func(_ context.Context, tenant int64, kind, id, key string, data []byte) error {
			p := published{tenant: tenant, kind: kind, id: id, key: key}
			if err := json.Unmarshal(data, &p.data); err != nil {
				t.Fatal(err)
			}
			got = append(got, p)
			return nil
		},
	}
	n := hub.Notice{What: hub.NoticeFailing, Target: target, Failures: 3, Since: since, At: since.Add(time.Minute), Cause: "answered 500", Hint: "look there"}
	w.Give(t.Context(), n)
	n.What = hub.NoticeRecovered // nobody is named for it
	w.Give(t.Context(), n)
	if len(got) != 2 {
		t.Fatalf("%d events", len(got))
	}
	first, second := got[0], got[1]
	if first.tenant != 4 || first.kind != "hacek.endpoint.failing" || first.key != target.ID.Text(hub.EndpointPrefix) || first.id == second.id {
		t.Errorf("got %+v", first)
	}
	if first.data["waiting"] != 14.0 || first.data["cause"] != "answered 500" || first.data["since"] != "2026-11-22T13:45:00.000Z" {
		t.Errorf("facts: %v", first.data)
	}
	letter, _ := first.data["mail"].(map[string]any)
	if letter == nil || letter["language"] != "de" || !strings.Contains(letter["subject"].(string), "„Lager“") || !strings.Contains(letter["body"].(string), "Antwort 500") {
		t.Errorf("letter: %v", first.data["mail"])
	}
	if second.data["mail"] != nil {
		t.Errorf("a letter to nobody: %v", second.data["mail"])
	}
	w.Publish = func(context.Context, int64, string, string, string, []byte) error { return errors.New("away") }
	w.Give(t.Context(), n) // is logged; the state stands with the target
}

// Each notice has its own list of addresses, at an endpoint as at a pipeline.
func TestO5_EachNoticeIsWrittenToItsOwnAddresses(t *testing.T) {
	notify := hub.Notify{
		Failing: []string{"watch@example.cz"}, Disabled: []string{"jana@example.cz", "petr@example.cz"}, Recovered: []string{"office@example.cz"},
		AfterFailures: 3, Language: "cs",
	}
	e, p := hub.DefaultEndpoint(), hub.DefaultPipeline()
	e.Notify, p.Notify = notify, notify
	for _, target := range []*hub.Target{
		{ID: hub.NewID(), Kind: hub.KindEndpoint, Name: "Sklad", Endpoint: e, State: hub.Active},
		{ID: hub.NewID(), Kind: hub.KindPipeline, Name: "Sklad", Pipeline: p, State: hub.Active},
	} {
		for what, want := range map[string][]string{
			hub.NoticeFailing: notify.Failing, hub.NoticeDisabled: notify.Disabled, hub.NoticeRecovered: notify.Recovered,
		} {
			var kinds []string
			var letter struct{ Mail struct{ To []string } }
			w := &notice.Writer{
				Log: slog.New(slog.DiscardHandler),
				Publish: func(_ context.Context, _ int64, kind, _, _ string, data []byte) error {
					kinds = append(kinds, kind)
					return json.Unmarshal(data, &letter)
				},
			}
			w.Give(t.Context(), hub.Notice{What: what, Target: target})
			if kind := "hacek." + string(target.Kind) + "." + what; !slices.Equal(kinds, []string{kind}) || !slices.Equal(letter.Mail.To, want) {
				t.Errorf("%s: events %v, written to %v; want it written to %v", kind, kinds, letter.Mail.To, want)
			}
		}
	}
}
