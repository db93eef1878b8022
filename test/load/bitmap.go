//go:build linux

package main

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// bitmap remembers which of 64 million numbers have been seen; many may set at once.
type bitmap []uint64

const bitmapSize = 1 << 26

func newBitmap() bitmap { return make(bitmap, bitmapSize/64) }

// set answers whether n is new. Numbers out of range are never new.
func (b bitmap) set(n int64) bool {
	if n < 0 || n >= bitmapSize {
		return false
	}
	mask := uint64(1) << (n % 64)
	return atomic.OrUint64(&b[n/64], mask)&mask == 0
}

func (b bitmap) has(n int64) bool {
	return n >= 0 && n < bitmapSize && atomic.LoadUint64(&b[n/64])&(1<<(n%64)) != 0
}

// bytes is the part of the bitmap below limit.
func (b bitmap) bytes(limit int64) []byte {
	var out []byte
	for _, word := range b[:min((limit+63)/64, int64(len(b)))] {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

// missing counts, of what the bytes of an accepted bitmap call for, how much is not in b: each number n stands for the fan
// numbers from n*fan on.
func (b bitmap) missing(accepted []byte, fan int64) (missing int64) {
	for i := int64(0); i+8 <= int64(len(accepted)); i += 8 {
		for word := binary.LittleEndian.Uint64(accepted[i:]); word != 0; word &= word - 1 {
			n := i*8 + int64(bits.TrailingZeros64(word))
			for slot := range fan {
				if !b.has(n*fan + slot) {
					missing++
				}
			}
		}
	}
	return missing
}
