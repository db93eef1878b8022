package store

import (
	"encoding/base64"
	"encoding/binary"

	"hacek/internal/hub"
)

// Page asks for one page of a list: newest first, or oldest first when Ascending.
type Page struct {
	Limit     int    // zero: DefaultPage
	Cursor    string // what the page before gave; "" is the beginning
	Ascending bool
}

// DefaultPage is the length of a page nobody asked for.
const DefaultPage = 50

func (p Page) limit() int {
	if p.Limit <= 0 {
		return DefaultPage
	}
	return p.Limit
}

// position reads a cursor: the number of the last row that was given, zero at the beginning.
func (p Page) position() (int64, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || len(raw) != 8 {
		return 0, hub.Errorf(hub.Invalid, "cursor: %q is not one that was given", p.Cursor)
	}
	return int64(binary.BigEndian.Uint64(raw)), nil
}

func cursor(position int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(position)))
}

// from and to bound the numbers a page may hold, given those of the filter; both ends belong to it.
func (p Page) bounds(low, high int64) (int64, int64, error) {
	at, err := p.position()
	if err != nil || p.Cursor == "" {
		return low, high, err
	}
	if p.Ascending {
		return max(low, at+1), high, nil
	}
	return low, min(high, at-1), nil
}
