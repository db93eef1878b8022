package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"hacek/internal/hub"
)

// digest names a caller's event id: the scope is tenant and source.
func digest(tenant int64, source, callerID string) [16]byte {
	b := make([]byte, 0, 64)
	b = binary.AppendVarint(b, tenant)
	b = binary.AppendUvarint(b, uint64(len(source)))
	b = append(b, source...)
	b = append(b, callerID...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:16])
}

const day = 24 * time.Hour

// dayBucket is the first millisecond of a moment's day, the name of its bucket.
func dayBucket(t time.Time) int64 { return t.Truncate(day).UnixMilli() }

// eventNo is the upper half of an event's id without UUID's version: milliseconds and a counter, 60 bits.
func eventNo(id hub.ID) int64 {
	top := binary.BigEndian.Uint64(id[:8])
	return int64(top>>16<<12 | top&0xfff)
}

// compare tells a repeat from another event under the same id.
func compare(a *Accept, original *eventRow) Accepted {
	e, head := a.Event, original.Event
	head.Data = nil
	if a.Window > 0 {
		return Accepted{Duplicate: true, Original: &head, Deliveries: int(original.owed)}
	}
	same := e.Type == head.Type && e.Key == head.Key && bytes.Equal(e.Data, original.Data) &&
		(!a.TimeGiven || e.Time.UnixMilli() == head.Time.UnixMilli())
	if !same {
		return Accepted{Original: &head, Err: hub.Errorf(hub.IDReused, "the id %q was used for another event, %s", e.CallerID, head.ID.Text(hub.EventPrefix)).
			WithHint("Give each event its own id; repeat an event only with the same content.")}
	}
	return Accepted{Duplicate: true, Original: &head, Deliveries: int(original.owed)}
}

// window is how long a caller's id is remembered for this event.
func (a *Accept) window(all time.Duration) time.Duration {
	if a.Window > 0 {
		return min(a.Window, all)
	}
	return all
}

// bloom answers "surely new" for a digest without a read. Digests are random, so their own bits serve as hashes;
// all bits of one digest lie in one cache line.
type bloom struct {
	lines []uint64 // eight words a line
	mask  uint64
	added int
}

// Ids per line of 512 bits, so 24 bits each: about one strange id in ten thousand is taken for a known one.
const (
	lineIDs   = 21
	bloomBits = 6
)

func newBloom(n int) *bloom {
	lines := 1
	for lines*lineIDs < n {
		lines *= 2
	}
	return &bloom{lines: make([]uint64, lines*8), mask: uint64(lines - 1)}
}

func (f *bloom) full() bool { return f.added >= int(f.mask+1)*lineIDs }

// place gives a digest's line and six numbers of nine binary digits.
func (f *bloom) place(d *[16]byte) (line []uint64, bits uint64) {
	at := (binary.LittleEndian.Uint64(d[:8]) & f.mask) * 8
	return f.lines[at : at+8], binary.LittleEndian.Uint64(d[8:])
}

func (f *bloom) add(d *[16]byte) {
	line, bits := f.place(d)
	for range bloomBits {
		line[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
	f.added++
}

func (f *bloom) maybe(d *[16]byte) bool {
	line, bits := f.place(d)
	for range bloomBits {
		if line[bits>>6&7]&(1<<(bits&63)) == 0 {
			return false
		}
		bits >>= 9
	}
	return true
}

// merge adds what another filter of the same size knows.
func (f *bloom) merge(other *bloom) {
	for i, word := range other.lines {
		f.lines[i] |= word
	}
	f.added += other.added
}

func (f *bloom) bytes() []byte {
	out := make([]byte, 0, len(f.lines)*8)
	for _, word := range f.lines {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

// bloomOf reads what bytes wrote; nil when it is none.
func bloomOf(raw []byte) *bloom {
	lines := len(raw) / 64
	if lines == 0 || len(raw)%64 != 0 || lines&(lines-1) != 0 {
		return nil
	}
	f := &bloom{lines: make([]uint64, lines*8), mask: uint64(lines - 1), added: lines * lineIDs}
	for i := range f.lines {
		f.lines[i] = binary.LittleEndian.Uint64(raw[i*8:])
	}
	return f
}
