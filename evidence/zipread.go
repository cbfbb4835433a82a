package evidence

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// maxUnpacked bounds what a bundle may unpack to, maxRatio how much more than its packed size that
	// may be: a small file must not fill a memory.
	maxUnpacked = 512 << 20
	maxRatio    = 100
	// ratioFree is what a file may unpack to whatever its packed size.
	ratioFree = 1 << 20
	// maxFiles is what a ZIP file may have without ZIP64: three or four a night, so nights of years.
	maxFiles = 1<<16 - 1
)

// MaxBundle is the largest file, in bytes, that is looked at as a bundle.
const MaxBundle = maxUnpacked

// ErrNoBundle is matched by errors about a file that is no bundle at all: empty, no ZIP, or too
// large to look at.
var ErrNoBundle = errors.New("no bundle of headroom's")

// readZip reads a ZIP file in the form that writeZip makes, and refuses any other. It unpacks
// nothing before all headers are as writeZip writes them. Its errors match ErrNoBundle where the
// file does not even begin as one.
func readZip(data []byte) ([]file, error) {
	files, err := readHeaders(data)
	if err != nil {
		return nil, err
	}
	if again := writeZip(files); !bytes.Equal(data, again) {
		return nil, fmt.Errorf(
			"ZIP: differs at byte %d from the one form of a bundle: its headers do not agree, "+
				"or it holds something between its files",
			firstDifference(data, again),
		)
	}
	inflate := flate.NewReader(nil) // one for all files: it is large
	for i := range files {
		if err := files[i].unpack(inflate); err != nil {
			return nil, fmt.Errorf("ZIP: the file %q %w", files[i].name, err)
		}
	}
	return files, nil
}

// readHeaders reads all files but for their content.
func readHeaders(data []byte) (files []file, err error) {
	if len(data) < endSize || binary.LittleEndian.Uint32(data) != localSignature {
		return nil, fmt.Errorf("%w: it does not begin as a ZIP file", ErrNoBundle)
	}
	names := map[string]bool{}
	room, at := maxUnpacked, 0
	for at+4 <= len(data) && binary.LittleEndian.Uint32(data[at:]) == localSignature {
		f, size, err := readLocal(data[at:], room)
		if err != nil {
			return nil, fmt.Errorf("ZIP, file at byte %d: %w", at, err)
		}
		if names[f.name] {
			return nil, fmt.Errorf("ZIP: the file %q is there twice", f.name)
		}
		if len(files) == maxFiles {
			return nil, errors.New("ZIP: has too many files")
		}
		names[f.name] = true
		files = append(files, f)
		room -= int(f.size)
		at += size
	}
	return files, nil
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// readLocal reads the header of the file at the beginning of data, which may unpack to room bytes.
func readLocal(data []byte, room int) (f file, size int, err error) {
	if len(data) < localHeaderSize {
		return f, 0, io.ErrUnexpectedEOF
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }
	packed, name := int(u32(18)), u16(26)
	f = file{method: uint16(u16(8)), sum: u32(14), size: u32(22)}
	size = localHeaderSize + name + packed
	switch unpacked := int(f.size); {
	case u16(6) != 0 || u16(28) != 0:
		return f, 0, errors.New("has flags or extra fields, which a bundle's files have not")
	case size > len(data):
		return f, 0, io.ErrUnexpectedEOF
	case unpacked > room || unpacked > ratioFree && unpacked/maxRatio > packed:
		return f, 0, errors.New("would unpack to more than a bundle may")
	}
	f.name = string(data[localHeaderSize : localHeaderSize+name])
	f.packed = data[localHeaderSize+name : size]
	return f, size, nil
}

// unpack fills in the content and checks it. inflate is a reader of package flate, whose state does
// not matter.
func (f *file) unpack(inflate io.Reader) error {
	switch f.method {
	case methodStored:
		if len(f.packed) != int(f.size) {
			return errors.New("has two sizes")
		}
		f.data = f.packed
	case methodDeflated:
		source := bytes.NewReader(f.packed) // an io.ByteReader, so that flate reads no byte too many
		f.data = make([]byte, f.size)
		if err := inflate.(flate.Resetter).Reset(source, nil); err != nil {
			return err
		}
		if _, err := io.ReadFull(inflate, f.data); err != nil {
			return fmt.Errorf("does not unpack: %w", err)
		}
		var more [1]byte
		if n, err := inflate.Read(more[:]); n != 0 || err != io.EOF {
			return errors.New("unpacks to more than it says")
		}
		if source.Len() > 0 {
			return errors.New("holds more than it unpacks to")
		}
	default:
		return fmt.Errorf("is packed by the method %d, which a bundle does not use", f.method)
	}
	if crc32.ChecksumIEEE(f.data) != f.sum {
		return errors.New("has another content than its checksum says")
	}
	return nil
}

// repacked names the first file that this version would pack otherwise; "" where none is.
func repacked(files []file) string {
	for i := range files {
		again := file{name: files[i].name, data: files[i].data}
		again.pack()
		if again.method != files[i].method || !bytes.Equal(again.packed, files[i].packed) {
			return files[i].name
		}
	}
	return ""
}
