package store

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A chunk packs up to chunkRows requests of one tenant, in order of (StartedAt, ID), column by column:
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
//	extras      duration and Retry-After for each row whose kind has hasExtra
//	item times  seconds from the item's time to the request, zigzag, for each row whose kind has hasItemAt
//
// Numbers are varints. Some 21 bytes a request with a recording key, of which the key's hash is 8. It is a cache: a chunk
// that does not decode is reported as damage, and emptying cache_chunk mends it.

const (
	chunkRows    = 4096
	chunkVersion = 1
)

const (
	flagCutShort = 1 << iota
	hasItem
	hasParams
	hasExtra
	hasItemAt
	errorShift = 5 // the flags above these bits are an index into errorClasses
)

// errorClasses are the values of Request.Error; a file of a newer program may hold others, which read as the last.
var errorClasses = []string{"", "dns", "connect", "tls", "timeout", "cancelled", "reset", "other"}

// kind is what many requests of a chunk have in common.
type kind struct {
	route, source, client uint32
	status                int16
	flags                 uint16
}

// entry is a packed request.
type entry struct {
	at, id, bytes int64
	item, params  uint64
	duration      int64 // only with hasExtra
	retryAfter    int64 // only with hasExtra
	itemAt        int64 // only with hasItemAt
	kind          kind
}

func compareEntries(a, b entry) int {
	if c := cmp.Compare(a.at, b.at); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

// pack makes an entry of a request whose names have become f.
func pack(r *Request, f ref) entry {
	if r.ParamsHash == 0 {
		r.Identify()
	}
	e := entry{at: r.StartedAt, id: r.ID, bytes: r.ResponseBytes, item: r.ItemHash, params: r.ParamsHash}
	e.kind = kind{route: uint32(f.route), source: uint32(f.source), client: uint32(f.client), status: int16(r.Status)}
	if r.CutShort {
		e.kind.flags |= flagCutShort
	}
	if r.ItemHash != 0 {
		e.kind.flags |= hasItem
	}
	if r.ItemAt != 0 {
		e.kind.flags |= hasItemAt
		e.itemAt = r.ItemAt
	}
	if r.Params != "" || r.Query != "" {
		e.kind.flags |= hasParams
	}
	if r.RetryAfter != 0 || r.Duration != 0 && (r.Status == 0 || r.Status >= 400) {
		e.kind.flags |= hasExtra
		e.duration, e.retryAfter = r.Duration, r.RetryAfter
	}
	e.kind.flags |= uint16(max(slices.Index(errorClasses, r.Error), 0)) << errorShift
	if r.Error != "" && e.kind.flags>>errorShift == 0 {
		e.kind.flags |= uint16(len(errorClasses)-1) << errorShift
	}
	return e
}

// encodeChunk packs entries, which are in order.
func encodeChunk(entries []entry) []byte {
	index := map[kind]uint64{}
	var kinds []kind
	for i := range entries {
		if _, ok := index[entries[i].kind]; !ok {
			index[entries[i].kind] = uint64(len(kinds))
			kinds = append(kinds, entries[i].kind)
		}
	}
	b := make([]byte, 0, 24*len(entries)+64)
	b = append(b, chunkVersion)
	b = binary.AppendUvarint(b, uint64(len(entries)))
	b = binary.AppendUvarint(b, uint64(len(kinds)))
	for _, k := range kinds {
		for _, v := range [...]uint32{k.route, k.source, k.client, uint32(k.status), uint32(k.flags)} {
			b = binary.AppendUvarint(b, uint64(v))
		}
	}
	var at, id int64
	for i := range entries {
		b = binary.AppendUvarint(b, uint64(entries[i].at-at))
		at = entries[i].at
	}
	for i := range entries {
		b = binary.AppendVarint(b, entries[i].id-id)
		id = entries[i].id
	}
	var last kind // most rows follow one of the same kind
	lastIndex := ^uint64(0)
	for i := range entries {
		if entries[i].kind != last || lastIndex == ^uint64(0) {
			last, lastIndex = entries[i].kind, index[entries[i].kind]
		}
		b = binary.AppendUvarint(b, lastIndex)
	}
	for i := range entries {
		b = binary.AppendUvarint(b, uint64(entries[i].bytes))
	}
	return appendHashes(b, entries)
}

func appendHashes(b []byte, entries []entry) []byte {
	for i := range entries {
		if entries[i].kind.flags&hasItem != 0 {
			b = binary.LittleEndian.AppendUint64(b, entries[i].item)
		}
	}
	for i := range entries {
		if entries[i].kind.flags&hasParams != 0 {
			b = binary.LittleEndian.AppendUint64(b, entries[i].params)
		}
	}
	for i := range entries {
		if entries[i].kind.flags&hasExtra != 0 {
			b = binary.AppendUvarint(b, uint64(entries[i].duration))
			b = binary.AppendUvarint(b, uint64(entries[i].retryAfter))
		}
	}
	for i := range entries {
		if entries[i].kind.flags&hasItemAt != 0 {
			b = binary.AppendVarint(b, floorSeconds(entries[i].at)-entries[i].itemAt/1e6)
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

// errChunk: the cache is not what was written. The disk may have lost more than that.
var errChunk = fmt.Errorf("the cache of packed requests %w: check the disk, then restore a copy, or have the cache made anew "+
	"from the rows with sqlite3 FILE \"DELETE FROM cache_chunk\"", ErrDamaged)

// decoder reads the numbers of a chunk; after the first fault bad is set and it reads zeros.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) uvarint() uint64 {
	if len(d.b) > 0 && d.b[0] < 0x80 {
		v := uint64(d.b[0])
		d.b = d.b[1:]
		return v
	}
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// column reads a number for each place of dst. It is the inner loop of every scan.
func (d *decoder) column(dst []int64) {
	b, p := d.b, 0
	for i := range dst {
		var v uint64
		for shift := uint(0); ; shift += 7 {
			if p == len(b) || shift > 63 {
				d.bad, d.b = true, nil
				clear(dst[i:])
				return
			}
			c := b[p]
			p++
			v |= uint64(c&0x7f) << shift
			if c < 0x80 {
				break
			}
		}
		dst[i] = int64(v)
	}
	d.b = b[p:]
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.bad = true
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// header reads up to the kinds and gives the number of rows.
func (d *decoder) header() (n int, kinds []kind, err error) {
	if len(d.b) == 0 || d.b[0] != chunkVersion {
		return 0, nil, errChunk
	}
	d.b = d.b[1:]
	rows, count := d.uvarint(), d.uvarint()
	if d.bad || rows > chunkRows || count > rows {
		return 0, nil, errChunk
	}
	kinds = make([]kind, count)
	for i := range kinds {
		k := &kinds[i]
		k.route, k.source, k.client = uint32(d.uvarint()), uint32(d.uvarint()), uint32(d.uvarint())
		k.status, k.flags = int16(d.uvarint()), uint16(d.uvarint())
	}
	return int(rows), kinds, nil
}

// columns is an unpacked chunk. It is reused from one chunk to the next.
type columns struct {
	n                    int
	kinds                []kind
	at, id, bytes        []int64
	which                []int64 // index into kinds
	item, params         []uint64
	duration, retryAfter []int64
	itemAt               []int64
}

// decode unpacks a chunk. routes gives the hash of a route, for requests whose parameters are not packed.
func (c *columns) decode(data []byte, routes func(id int64) uint64) (err error) {
	d := decoder{b: data}
	if c.n, c.kinds, err = d.header(); err != nil {
		return err
	}
	c.at, c.id, c.bytes = resize(c.at, c.n), resize(c.id, c.n), resize(c.bytes, c.n)
	c.which, c.item, c.params = resize(c.which, c.n), resize(c.item, c.n), resize(c.params, c.n)
	c.duration, c.retryAfter, c.itemAt = resize(c.duration, c.n), resize(c.retryAfter, c.n), resize(c.itemAt, c.n)
	d.column(c.at)
	d.column(c.id)
	d.column(c.which)
	d.column(c.bytes)
	var at, id int64
	for i := range c.at {
		at += c.at[i]
		c.at[i] = at
		id += c.id[i]>>1&math.MaxInt64 ^ -(c.id[i] & 1) // zigzag
		c.id[i] = id
		if c.which[i] < 0 || c.which[i] >= int64(len(c.kinds)) {
			return errChunk
		}
	}
	c.hashes(&d, routes)
	if d.bad || len(d.b) > 0 {
		return errChunk
	}
	return nil
}

// hashes reads the columns that not every row has.
func (c *columns) hashes(d *decoder, routes func(id int64) uint64) {
	for i, k := range c.which {
		c.item[i] = 0
		if c.kinds[k].flags&hasItem != 0 {
			c.item[i] = d.uint64()
		}
	}
	plain := make([]uint64, len(c.kinds))
	for i, k := range c.kinds {
		plain[i] = routes(int64(k.route))
	}
	for i, k := range c.which {
		if c.kinds[k].flags&hasParams != 0 {
			c.params[i] = d.uint64()
		} else {
			c.params[i] = plainParams(plain[k], c.item[i])
		}
	}
	for i, k := range c.which {
		c.duration[i], c.retryAfter[i] = 0, 0
		if c.kinds[k].flags&hasExtra != 0 {
			c.duration[i], c.retryAfter[i] = int64(d.uvarint()), int64(d.uvarint())
		}
	}
	for i, k := range c.which {
		c.itemAt[i] = 0
		if c.kinds[k].flags&hasItemAt != 0 {
			v := int64(d.uvarint())
			v = v>>1&math.MaxInt64 ^ -(v & 1) // zigzag
			item := floorSeconds(c.at[i]) - v
			d.bad = d.bad || item < 0 || item > maxItemSeconds
			c.itemAt[i] = item * 1e6
		}
	}
}

// entry gives row i.
func (c *columns) entry(i int) entry {
	return entry{
		at: c.at[i], id: c.id[i], bytes: c.bytes[i], item: c.item[i], params: c.params[i],
		duration: c.duration[i], retryAfter: c.retryAfter[i], itemAt: c.itemAt[i], kind: c.kinds[c.which[i]],
	}
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
