package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// DatabaseID names a log in what is made of it: 16 hex digits that a copy of the log shares and no
// other log has. They are made of the log's own random key and do not tell it.
func DatabaseID(log Log) string {
	mac := hmac.New(sha256.New, log.HashKey())
	mac.Write([]byte("headroom database id"))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
