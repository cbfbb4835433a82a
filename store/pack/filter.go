package pack

import (
	"encoding/binary"

	"github.com/6dcca832/headroom/store"
)

// A filter tells which recordings a chunk may hold, so that whether a recording was downloaded
// before can be asked without unpacking a tenant's whole history. It is a Bloom filter of 64-byte
// blocks: one block a hash, filterProbes bits in it. At filterBits bits a hash it says "perhaps"
// wrongly about once in 2,000 questions, which costs one chunk unpacked; it never says "no"
// wrongly.

const (
	filterBits   = 20
	filterProbes = 8
	blockBytes   = 64
)

// MakeFilter holds the entries' items. Where there are none it is empty.
func MakeFilter(entries []Entry) []byte {
	n := 0
	for i := range entries {
		if entries[i].Item != 0 {
			n++
		}
	}
	blocks := (n*filterBits + blockBytes*8 - 1) / (blockBytes * 8)
	f := make([]byte, blocks*blockBytes)
	for i := range entries {
		if h := entries[i].Item; h != 0 {
			block := filterBlock(f, h)
			for p := range filterProbes {
				bit := probe(h, p)
				block[bit/8] |= 1 << (bit % 8)
			}
		}
	}
	return f
}

// MayHold says whether the filter was made with the item, or perhaps was.
func MayHold(f []byte, item uint64) bool {
	if len(f) < blockBytes {
		return false
	}
	block := filterBlock(f, item)
	for p := range filterProbes {
		bit := probe(item, p)
		if block[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// filterBlock uses the high half of the hash, probe the low bits of a second mix of it.
func filterBlock(f []byte, h uint64) []byte {
	k := (h >> 32) * uint64(len(f)/blockBytes) >> 32
	return f[k*blockBytes:][:blockBytes]
}

func probe(h uint64, p int) uint {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], store.Mix(h^uint64(p/4+1)))
	return uint(binary.LittleEndian.Uint16(b[p%4*2:])) % (blockBytes * 8)
}
