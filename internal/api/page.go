package api

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"hacek/internal/hub"
	"hacek/internal/store"
)

// Limits of one page.
const (
	defaultLimit = 50
	maxLimit     = 250
)

// page is one page of a list as the caller gets it.
type page struct {
	Data       any     `json:"data"`
	NextCursor *string `json:"next_cursor"`
}

func pageOf[T any](data []T, next string) answer {
	if data == nil {
		data = []T{}
	}
	return answer{body: page{Data: data, NextCursor: optional(next)}}
}

// params reads query parameters and collects what is wrong with them.
type params struct {
	c     *call
	wrong hub.Problems
}

func (c *call) params() *params { return &params{c: c} }

func (p *params) text(name string) string { return p.c.query.Get(name) }

// list reads a filter of several values.
func (p *params) list(name string) []string {
	text := p.text(name)
	if text == "" {
		return nil
	}
	values := strings.Split(text, ",")
	if len(values) > maxLimit {
		p.wrong.Add("", "the query parameter %q holds more than %d values", name, maxLimit)
	}
	return values
}

func (p *params) time(name string) time.Time {
	text := p.text(name)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.wrong.Add("", "%s: %q is not a time: write it as 2006-01-02T15:04:05Z", name, hub.Shorten(text, 60))
	}
	return t
}

func (p *params) limit() int {
	text := p.text("limit")
	if text == "" {
		return defaultLimit
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		p.wrong.Add("", "limit: %q is not a number from 1 to %d", hub.Shorten(text, 60), maxLimit)
	}
	return n
}

func (p *params) page() store.Page {
	order := p.text("order")
	if order != "" && order != "asc" && order != "desc" {
		p.wrong.Add("", `order: %q is neither "asc" nor "desc"`, hub.Shorten(order, 60))
	}
	return store.Page{Limit: p.limit(), Cursor: p.text("cursor"), Ascending: order == "asc"}
}

func (p *params) err() error { return p.wrong.Err() }

// slicePage cuts a page out of a list that is in memory whole; the cursor is the name of the last one shown, which
// stays good when others come or go. Names of one list differ.
func slicePage[T any](all []T, p store.Page, name func(T) string) answer {
	slices.SortFunc(all, func(a, b T) int {
		if p.Ascending {
			return strings.Compare(name(a), name(b))
		}
		return strings.Compare(name(b), name(a))
	})
	last, _ := base64.RawURLEncoding.DecodeString(p.Cursor)
	var shown []T
	for _, item := range all {
		order := strings.Compare(name(item), string(last))
		if p.Cursor != "" && (p.Ascending && order <= 0 || !p.Ascending && order >= 0) {
			continue
		}
		if len(shown) == p.Limit {
			return pageOf(shown, base64.RawURLEncoding.EncodeToString([]byte(name(shown[len(shown)-1]))))
		}
		shown = append(shown, item)
	}
	return pageOf(shown, "")
}
