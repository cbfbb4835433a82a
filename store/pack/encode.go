package pack

import "encoding/binary"

// A chunk packs up to chunkRows requests of one tenant, in order of (StartedAt, ID), column by
// column:
//
//	version     one byte, chunkVersion
//	n           number of rows
//	kinds       their number, then each kind: route, source, client, status, flags
//	at          each row's time less the one before (the first: absolute)
//	id          each row's id less the one before, zigzag
//	kind        each row's index into kinds
//	bytes       each row's response bytes
//	items       8 bytes for each row whose kind has hasItem
//	params      8 bytes for each row whose kind has hasParams
//	duration, first byte, request bytes, Retry-After   for each row whose kind has them
//	item times  seconds from the item's time to the request, zigzag, for each row whose kind
//	            has hasItemAt
//
// Numbers are varints. A request with a recording key takes some 21 bytes, of which the key's hash
// is 8, and some 6 more where its durations are known. It is a cache: a chunk that does not decode
// is reported as damage.

const (
	// MaxRows is the most requests of a chunk.
	MaxRows      = 4096
	chunkVersion = 2
)

// Encode packs entries, which are in order.
func Encode(entries []Entry) []byte {
	index := map[Kind]uint64{}
	var kinds []Kind
	for i := range entries {
		if _, ok := index[entries[i].Kind]; !ok {
			index[entries[i].Kind] = uint64(len(kinds))
			kinds = append(kinds, entries[i].Kind)
		}
	}
	b := make([]byte, 0, 24*len(entries)+64)
	b = append(b, chunkVersion)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	b = binary.AppendUvarint(b, uint64(len(kinds)))
	for _, k := range kinds {
		for _, v := range [...]uint32{k.Route, k.Source, k.Client, uint32(k.Status), uint32(k.flags)} {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	var at, id int64
	for i := range entries {
		b = binary.AppendUvarint(b, uint64(entries[i].At-at))
		at = entries[i].At
	}
	for i := range entries {
		b = binary.AppendVarint(b, entries[i].ID-id)
		id = entries[i].ID
	}
	var last Kind // most rows follow one of the same kind
	lastIndex := ^uint64(0)
	for i := range entries {
		if entries[i].Kind != last || lastIndex == ^uint64(0) {
			last, lastIndex = entries[i].Kind, index[entries[i].Kind]
		}
		b = binary.AppendUvarint(b, lastIndex)
	}
	for i := range entries {
		b = binary.AppendUvarint(b, uint64(entries[i].Bytes))
	}
	return appendOptional(b, entries)
}

func appendOptional(b []byte, entries []Entry) []byte {
	for i := range entries {
		if entries[i].Kind.flags&hasItem != 0 {
			b = binary.LittleEndian.AppendUint64(b, entries[i].Item)
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasParams != 0 {
			b = binary.LittleEndian.AppendUint64(b, entries[i].Params)
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasDuration != 0 {
			b = binary.AppendUvarint(b, uint64(entries[i].Duration))
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasFirstByte != 0 {
			b = binary.AppendUvarint(b, uint64(entries[i].FirstByte))
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasRequestBytes != 0 {
			b = binary.AppendUvarint(b, uint64(entries[i].RequestBytes))
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasRetryAfter != 0 {
			b = binary.AppendUvarint(b, uint64(entries[i].RetryAfter))
		}
	}
	for i := range entries {
		if entries[i].Kind.flags&hasItemAt != 0 {
			b = binary.AppendVarint(b, floorSeconds(entries[i].At)-entries[i].ItemAt/1e6)
		}
	}
	return b
}

// floorSeconds turns microseconds into whole seconds, also before 1970.
func floorSeconds(us int64) int64 {
	s := us / 1e6
	if us < s*1e6 {
		s--
	}
	return s
}
