package postgres

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// hexMark begins a text that PostgreSQL could not hold as it is; its bytes follow in hex.
const hexMark = "\x01"

// encodeText makes any string one that a text column takes. Those that it takes already stay.
func encodeText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 && !strings.HasPrefix(s, hexMark) {
		return s
	}
	return hexMark + hex.EncodeToString([]byte(s))
}

// decodeText undoes encodeText. What was never encoded stays.
func decodeText(s string) string {
	if !strings.HasPrefix(s, hexMark) {
		return s
	}
	b, err := hex.DecodeString(s[len(hexMark):])
	if err != nil {
		return s
	}
	return string(b)
}
