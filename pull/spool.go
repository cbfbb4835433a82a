package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"sync"
)

const (
	// spoolBuffers buffers of spoolBuffer bytes each are what a spool works with. They stay in the
	// processor's cache, where hash and system find what was just read.
	spoolBuffers = 8
	spoolBuffer  = 64 << 10
	// roomEvery is after how many bytes of a body the disk is looked at again.
	roomEvery = 16 << 20
)

// spool writes and hashes what downloads receive, in a goroutine of its own, while the next bytes
// come in: a hash costs as much of a processor as everything else about a body together. A body's
// last bytes are still with the spool when the next recording is asked for.
type spool struct {
	full chan piece
	free chan []byte
}

// piece is what came of a download, or its end where data is nil.
type piece struct {
	to   *download
	data []byte
	end  func(error) // called at the end, with what the file could not be written for
}

// newSpool starts a spool. It must be closed.
func newSpool() *spool {
	s := &spool{full: make(chan piece, spoolBuffers+1), free: make(chan []byte, spoolBuffers)}
	for range spoolBuffers {
		s.free <- make([]byte, spoolBuffer)
	}
	go func() {
		for p := range s.full {
			if p.data != nil {
				p.to.write(p.data)
				s.free <- p.data[:cap(p.data)]
				continue
			}
			p.end(p.to.failure())
		}
	}()
	return s
}

func (s *spool) close() { close(s.full) }

// settle waits until everything is written. Then download and spool are the caller's alone.
func (s *spool) settle() {
	var all [spoolBuffers][]byte
	for i := range all {
		all[i] = <-s.free
	}
	for _, b := range all {
		s.free <- b
	}
}

// finish has end called, in the spool's goroutine, once all of a download is written. The caller
// may no longer use the download.
func (s *spool) finish(d *download, end func(error)) { s.full <- piece{to: d, end: end} }

// download is the file that a recording is written to. While a spool writes it, only size, ending
// and failure may be used.
type download struct {
	name   string
	file   *os.File // nil until something is written
	hash   hash.Hash
	size   int64 // what came
	ending string

	mu     sync.Mutex
	failed error // what the file could not be written for: after it, nothing is
}

// newDownload is a download into a file, which is made when the first bytes come.
func newDownload(name string) *download { return &download{name: name, hash: sha256.New()} }

// failure is what the file could not be written for, nil as long as it can.
func (d *download) failure() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed
}

// sum is the SHA-256 of what was written, in hex.
func (d *download) sum() string { return hex.EncodeToString(d.hash.Sum(nil)) }

// close closes the file, once.
func (d *download) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}

// discard closes and removes the file.
func (d *download) discard() error {
	if d.file == nil {
		return nil
	}
	return errors.Join(d.close(), os.Remove(d.name))
}

// readFrom has what comes written into the file and the hash, a buffer at a time: TLS hands over
// 16 KiB, and each write to a file costs as much as some of its bytes. first is a buffer of the
// spool, whose first n bytes came already. broken is what in ended with before its end, err what
// the file could not be written for, as far as that is known yet. room is asked now and then
// whether there is room for more: a body need not end where the list says.
func (d *download) readFrom(
	in io.Reader, s *spool, first []byte, n int, room func(more int64) error,
) (broken, err error) {
	checked := d.size
	for b := first; ; b, n = <-s.free, 0 {
		err := d.failure()
		if err == nil && d.size-checked >= roomEvery {
			err, checked = room(0), d.size
		}
		if err != nil {
			s.free <- b
			return nil, err
		}
		k := 0
		k, broken = fill(in, b[n:])
		d.size += int64(n + k)
		s.full <- piece{to: d, data: b[:n+k]}
		if broken == io.EOF {
			return nil, nil
		}
		if broken != nil {
			return broken, nil
		}
	}
}

// fill reads until the buffer is full or nothing more comes.
func fill(in io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var k int
		k, err = in.Read(buffer[n:])
		n += k
	}
	return n, err
}

// write hashes and writes a piece.
func (d *download) write(data []byte) {
	if d.failure() != nil {
		return
	}
	var err error
	if d.file == nil {
		d.file, err = os.OpenFile(d.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	if err == nil {
		d.hash.Write(data) // never fails
		_, err = d.file.Write(data)
	}
	if err != nil {
		d.mu.Lock()
		d.failed = err
		d.mu.Unlock()
	}
}

// restart empties the file.
func (d *download) restart() error {
	d.size = 0
	d.hash.Reset()
	if d.file == nil {
		return nil
	}
	_, err := d.file.Seek(0, io.SeekStart)
	return errors.Join(err, d.file.Truncate(0))
}
