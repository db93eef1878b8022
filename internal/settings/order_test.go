package settings_test

import (
	"errors"
	"slices"
	"testing"

	"hacek/internal/hub"
	"hacek/internal/store"
	"hacek/internal/store/storetest"
)

// TestListsKeepTheirOrder asks again and again: what a person or a page of a list was shown stays where it was.
func TestListsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		o := newOffice(t, s)
		presets := func() (names []string) {
			all, err := o.Presets()
			o.ok(err)
			for _, p := range all {
				names = append(names, p.Kind+" "+p.Pack+"/"+p.Name)
			}
			return names
		}
		problems := func() (pointers []string) {
			e := o.endpoint(`{"name":"A","request":{"url":"https://a.example"},
				"notify":{"failing":["a@example.com"],"disabled":["a@example.com"],"recovered":["a@example.com"]}}`)
			_, err := o.CreateEndpoint(o.ctx, o.tenant, e, jana)
			refused, _ := errors.AsType[*hub.Error](err)
			for _, f := range refused.Fields {
				pointers = append(pointers, f.Pointer)
			}
			return pointers
		}
		firstPresets, firstProblems := presets(), problems()
		if len(firstPresets) == 0 || len(firstProblems) != 3 {
			t.Fatalf("%d presets, problems at %v", len(firstPresets), firstProblems)
		}
		for range 6 {
			if got := presets(); !slices.Equal(got, firstPresets) {
				t.Fatalf("presets %v, first %v", got, firstPresets)
			}
			if got := problems(); !slices.Equal(got, firstProblems) {
				t.Fatalf("problems %v, first %v", got, firstProblems)
			}
		}
	})
}
