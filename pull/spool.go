package pull

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"os"
)

const (
	// spoolBuffers buffers of spoolBuffer bytes each are what a spool works with. They stay in the
	// processor's cache, where hash and system find what was just read.
	spoolBuffers = 4
	spoolBuffer  = 64 << 10
)

// spool writes and hashes what downloads receive, in a goroutine of its own, while the next bytes
// come in: a hash costs as much of a processor as everything else about a body together.
type spool struct {
	full chan piece
	free chan spooled
}

// piece is what came of a download.
type piece struct {
	to   *download
	data []byte
}

// spooled is a buffer that can be used again. err is what its piece could not be written for.
type spooled struct {
	buffer []byte
	err    error
}

// newSpool starts a spool. It must be closed.
func newSpool() *spool {
	s := &spool{full: make(chan piece, spoolBuffers), free: make(chan spooled, spoolBuffers)}
	for range spoolBuffers {
		s.free <- spooled{buffer: make([]byte, spoolBuffer)}
	}
	go func() {
		for p := range s.full {
			err := p.to.write(p.data)
			s.free <- spooled{p.data[:cap(p.data)], err}
		}
	}()
	return s
}

func (s *spool) close() { close(s.full) }

// settle waits until everything is written. Then download and spool are the caller's alone.
func (s *spool) settle() (err error) {
	var all [spoolBuffers]spooled
	for i := range all {
		all[i] = <-s.free
		if err == nil { // the others are of the same file, which nothing more is written to
			err = all[i].err
		}
	}
	for _, b := range all {
		s.free <- spooled{buffer: b.buffer}
	}
	return err
}

// download is the file that a recording is written to. While a spool writes it, only size may be
// used.
type download struct {
	file   *os.File
	hash   hash.Hash
	failed error // what the file could not be written for: after it, nothing is
	size   int64 // what came
	ending string
}

func openDownload(name string) (*download, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	return &download{file: f, hash: sha256.New()}, nil
}

// close closes the file, once.
func (d *download) close() error {
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	return err
}

// readFrom writes what comes into the file and the hash, a buffer at a time: TLS hands over 16 KiB,
// and each write to a file costs as much as some of its bytes. broken is what in ended with before
// its end, err what the file could not be written for.
func (d *download) readFrom(in io.Reader, s *spool) (broken, err error) {
	for broken == nil {
		b := <-s.free
		if err := b.err; err != nil {
			s.free <- b
			return nil, s.settle()
		}
		n := 0
		n, broken = fill(in, b.buffer)
		d.size += int64(n)
		s.full <- piece{d, b.buffer[:n]}
	}
	if broken == io.EOF {
		broken = nil
	}
	return broken, s.settle()
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
func (d *download) write(data []byte) error {
	if d.failed == nil {
		d.hash.Write(data) // never fails
		_, d.failed = d.file.Write(data)
	}
	return d.failed
}

// restart empties the file.
func (d *download) restart() error {
	d.size = 0
	d.hash.Reset()
	_, err := d.file.Seek(0, io.SeekStart)
	return errors.Join(err, d.file.Truncate(0))
}

// errorReader fails with an error that was met before.
type errorReader struct{ err error }

func (e errorReader) Read([]byte) (int, error) { return 0, e.err }
