package store

// How requests are told apart without their text. The hashes are 64 bits wide, the same in every
// run and every file, and computed from what the row holds anyway, so they reveal nothing more. Two
// of a tenant's n recordings share a hash with a chance of about n²/2⁶⁵: one in 3·10⁷ for a
// million.

// Identify fills ItemHash, ItemAt and ParamsHash from Route, Key, Query and Params. Requests that
// come out of a store have them; it is for requests made by hand.
func (r *Request) Identify() {
	r.ItemHash, r.ItemAt, r.ParamsHash = 0, 0, 0
	if r.Key != "" {
		r.ItemHash, r.ItemAt = hashText(hashSeed, r.Key), keyTime(r.Key)
	}
	switch {
	case r.Params != "":
		r.ParamsHash = hashText(hashSeed, r.Params)
	case r.Query != "":
		r.ParamsHash = hashText(PlainParams(r.Route.Hash(), r.ItemHash), r.Query)
	default:
		r.ParamsHash = PlainParams(r.Route.Hash(), r.ItemHash)
	}
}

// MaxItemSeconds is the latest Request.ItemAt, in seconds since 1970.
const MaxItemSeconds = 9_999_999_999

// keyTime reads the time at the end of a key, see Request.ItemAt: the one place that does. It has
// no policy to ask, since rows are packed without one; who uses ItemAt asks whether the policy's
// keys tell a time so, see limits.KeyTimeUnixMS.
func keyTime(key string) int64 {
	const digits = 13 // milliseconds from 2001 to 2286
	i := len(key) - digits
	if i < 1 || key[i-1] != '-' {
		return 0
	}
	var ms int64
	for _, c := range []byte(key[i:]) {
		if c < '0' || c > '9' {
			return 0
		}
		ms = ms*10 + int64(c-'0')
	}
	return ms / 1000 * 1e6
}

// PlainParams is the ParamsHash of a request whose route and item say it all.
func PlainParams(route, item uint64) uint64 { return Mix(route ^ Mix(item+hashSeed)) }

// Hash identifies method, origin and template.
func (r *Route) Hash() uint64 {
	if r == nil {
		return 0
	}
	return hashText(hashText(hashText(hashSeed, r.Method), r.Origin), r.Template)
}

const hashSeed = 14695981039346656037 // FNV-1a's offset basis

// hashText is FNV-1a, eight bytes at a time, with a final mix, since FNV alone leaves the last
// bytes in the low bits.
func hashText(h uint64, s string) uint64 {
	const prime = 1099511628211
	h ^= uint64(len(s))
	for len(s) >= 8 {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = Mix((h ^ w) * prime)
		s = s[8:]
	}
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return Mix(h)
}

// Mix is the finalizer of SplitMix64: a bijection that spreads every bit.
func Mix(h uint64) uint64 {
	h ^= h >> 30
	h *= 0xbf58476d1ce4e5b9
	h ^= h >> 27
	h *= 0x94d049bb133111eb
	return h ^ h>>31
}
