package pull

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// scratchBlock is how much of a scratch is written or read at a time, in bytes.
const scratchBlock = 64 << 10

// scratch holds what is long of listed recordings outside of memory: the key and what is to lie
// beside. A place names each, which is a number of 8 bytes. Its first error stays, in err, and what
// is read after it is empty.
type scratch struct {
	file    *os.File // nil for one in memory
	pending []byte   // what is not in the file yet; with no file, all of it
	written int64    // bytes in the file
	block   []byte   // what was read of the file last, from at on
	at      int64
	err     error
}

// add keeps two texts, and gives their place.
func (s *scratch) add(key, beside string) (place int64) {
	place = s.written + int64(len(s.pending))
	for _, text := range []string{key, beside} {
		s.pending = binary.AppendUvarint(s.pending, uint64(len(text)))
		s.pending = append(s.pending, text...)
	}
	if len(s.pending) >= scratchBlock {
		s.flush()
	}
	return place
}

// get gives the two texts of a place.
func (s *scratch) get(place int64) (key, beside string) {
	key, next := s.text(place)
	beside, _ = s.text(next)
	return key, beside
}

// key gives the first of them.
func (s *scratch) key(place int64) string {
	key, _ := s.text(place)
	return key
}

func (s *scratch) text(place int64) (text string, next int64) {
	head := s.read(place, binary.MaxVarintLen64)
	n, width := binary.Uvarint(head)
	if width <= 0 {
		s.fail(io.ErrUnexpectedEOF)
		return "", place
	}
	begin := place + int64(width)
	data := s.read(begin, int(n))
	if len(data) < int(n) {
		s.fail(io.ErrUnexpectedEOF)
		return "", place
	}
	return string(data[:n]), begin + int64(n)
}

// read gives bytes from a place on: at least as many as are asked for, or those up to the end. They
// hold until the next call.
func (s *scratch) read(place int64, least int) []byte {
	if s.file == nil {
		return s.pending[min(place, int64(len(s.pending))):]
	}
	if from := place - s.at; from >= 0 && from+int64(least) <= int64(len(s.block)) {
		return s.block[from:]
	}
	s.flush()
	if s.err != nil {
		return nil
	}
	if need := max(least, scratchBlock); cap(s.block) < need {
		s.block = make([]byte, need)
	}
	n, err := s.file.ReadAt(s.block[:cap(s.block)], place)
	if err != nil && err != io.EOF {
		s.fail(err)
	}
	s.block, s.at = s.block[:n], place
	return s.block
}

func (s *scratch) flush() {
	if s.file == nil || s.err != nil || len(s.pending) == 0 {
		return
	}
	n, err := s.file.Write(s.pending)
	if s.written += int64(n); err != nil {
		s.fail(err)
	}
	s.pending = s.pending[:0]
}

func (s *scratch) fail(err error) {
	if s.err == nil {
		s.err = fmt.Errorf("keep the list: %w", diskError(err))
	}
}

// close removes the file, first of all: who opens it in between would lock a file that is gone. A
// file that stays is used by the next run.
func (s *scratch) close() {
	if s.file == nil {
		return
	}
	removed := os.Remove(s.file.Name())
	_ = s.file.Close()
	if removed != nil { // Windows removes no open file
		_ = os.Remove(s.file.Name())
	}
}
