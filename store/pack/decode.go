package pack

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/6dcca832/headroom/store"
)

// ErrDamaged: the bytes are not what Encode gave.
var ErrDamaged = errors.New("packed requests do not decode")

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
func (d *decoder) header() (n int, kinds []Kind, err error) {
	if len(d.b) == 0 || d.b[0] != chunkVersion {
		return 0, nil, ErrDamaged
	}
	d.b = d.b[1:]
	rows, count := d.uvarint(), d.uvarint()
	if d.bad || rows > MaxRows || count > rows {
		return 0, nil, ErrDamaged
	}
	kinds = make([]Kind, count)
	for i := range kinds {
		k := &kinds[i]
		k.Route, k.Source, k.Client = uint32(d.uvarint()), uint32(d.uvarint()), uint32(d.uvarint())
		k.Status, k.flags = int16(d.uvarint()), uint16(d.uvarint())
	}
	return int(rows), kinds, nil
}

// Columns is an unpacked chunk. It is reused from one chunk to the next.
type Columns struct {
	// N is how many requests there are. Each column has as many values.
	N                   int
	Kinds               []Kind
	At, ID, Bytes       []int64
	Which               []int64 // index into Kinds
	Item, Params        []uint64
	Duration, FirstByte []int64
	RequestBytes        []int64
	RetryAfter, ItemAt  []int64
}

// Decode unpacks a chunk. routes gives the hash of a route, for requests whose parameters are not
// packed. Its error is ErrDamaged.
func (c *Columns) Decode(data []byte, routes func(id int64) uint64) (err error) {
	d := decoder{b: data}
	if c.N, c.Kinds, err = d.header(); err != nil {
		return err
	}
	c.At, c.ID, c.Bytes = resize(c.At, c.N), resize(c.ID, c.N), resize(c.Bytes, c.N)
	c.Which, c.Item, c.Params = resize(c.Which, c.N), resize(c.Item, c.N), resize(c.Params, c.N)
	c.Duration, c.FirstByte = resize(c.Duration, c.N), resize(c.FirstByte, c.N)
	c.RequestBytes = resize(c.RequestBytes, c.N)
	c.RetryAfter, c.ItemAt = resize(c.RetryAfter, c.N), resize(c.ItemAt, c.N)
	d.column(c.At)
	d.column(c.ID)
	d.column(c.Which)
	d.column(c.Bytes)
	var at, id int64
	for i := range c.At {
		at += c.At[i]
		c.At[i] = at
		id += c.ID[i]>>1&math.MaxInt64 ^ -(c.ID[i] & 1) // zigzag
		c.ID[i] = id
		if c.Which[i] < 0 || c.Which[i] >= int64(len(c.Kinds)) {
			return ErrDamaged
		}
	}
	c.optional(&d, routes)
	if d.bad || len(d.b) > 0 {
		return ErrDamaged
	}
	return nil
}

// optional reads the columns that not every row has.
func (c *Columns) optional(d *decoder, routes func(id int64) uint64) {
	for i, k := range c.Which {
		c.Item[i] = 0
		if c.Kinds[k].flags&hasItem != 0 {
			c.Item[i] = d.uint64()
		}
	}
	plain := make([]uint64, len(c.Kinds))
	for i, k := range c.Kinds {
		plain[i] = routes(int64(k.Route))
	}
	for i, k := range c.Which {
		if c.Kinds[k].flags&hasParams != 0 {
			c.Params[i] = d.uint64()
		} else {
			c.Params[i] = store.PlainParams(plain[k], c.Item[i])
		}
	}
	some, all := uint16(0), ^uint16(0)
	for _, k := range c.Kinds {
		some, all = some|k.flags, all&k.flags
	}
	for _, column := range [...]struct {
		values []int64
		flag   uint16
	}{
		{c.Duration, hasDuration}, {c.FirstByte, hasFirstByte}, {c.RequestBytes, hasRequestBytes},
		{c.RetryAfter, hasRetryAfter},
	} {
		switch {
		case some&column.flag == 0:
			clear(column.values)
		case all&column.flag != 0:
			d.column(column.values)
		default:
			c.sparse(d, column.values, column.flag)
		}
	}
	for i, k := range c.Which {
		c.ItemAt[i] = 0
		if c.Kinds[k].flags&hasItemAt != 0 {
			v := int64(d.uvarint())
			v = v>>1&math.MaxInt64 ^ -(v & 1) // zigzag
			item := floorSeconds(c.At[i]) - v
			d.bad = d.bad || item < 0 || item > store.MaxItemSeconds
			c.ItemAt[i] = item * 1e6
		}
	}
}

// sparse reads a number for each row whose kind has the flag.
func (c *Columns) sparse(d *decoder, dst []int64, flag uint16) {
	for i, k := range c.Which {
		dst[i] = 0
		if c.Kinds[k].flags&flag != 0 {
			dst[i] = int64(d.uvarint())
		}
	}
}

// Entry gives row i.
func (c *Columns) Entry(i int) Entry {
	return Entry{
		At: c.At[i], ID: c.ID[i], Bytes: c.Bytes[i], Item: c.Item[i], Params: c.Params[i],
		Duration: c.Duration[i], FirstByte: c.FirstByte[i], RequestBytes: c.RequestBytes[i],
		RetryAfter: c.RetryAfter[i], ItemAt: c.ItemAt[i],
		Kind: c.Kinds[c.Which[i]],
	}
}

func resize[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }
