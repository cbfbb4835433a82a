package pack

import (
	"encoding/binary"
	"hash/crc32"
)

// What the cache holds is sealed: a CRC-32C stands behind it, over the bytes and over the numbers
// that say where it belongs, so that neither a flipped bit nor a row that took another's place
// gives a wrong answer without a word. SQLite itself has no checksums. The seal is against
// accidents, not against somebody who means to deceive.

const sealBytes = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // in hardware: 20 ms for ten million requests

// Seal appends the checksum to data.
func Seal(data []byte, place ...int64) []byte {
	return binary.LittleEndian.AppendUint32(data, checksum(data, place))
}

// Unseal gives what was sealed. It is not ok where the bytes, or the place, are not those that Seal
// got.
func Unseal(sealed []byte, place ...int64) (data []byte, ok bool) {
	n := len(sealed) - sealBytes
	if n < 0 {
		return nil, false
	}
	return sealed[:n], binary.LittleEndian.Uint32(sealed[n:]) == checksum(sealed[:n], place)
}

func checksum(data []byte, place []int64) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	var b [8]byte
	for _, v := range place {
		binary.LittleEndian.PutUint64(b[:], uint64(v))
		sum = crc32.Update(sum, castagnoli, b[:])
	}
	return sum
}
