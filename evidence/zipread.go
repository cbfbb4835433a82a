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
	// maxFiles is far more than a bundle has.
	maxFiles = 4096
)

// MaxBundle is the largest file, in bytes, that is looked at as a bundle.
const MaxBundle = maxUnpacked

// ErrNoBundle is matched by errors about a file that is no bundle at all: empty, no ZIP, or too
// large to look at.
var ErrNoBundle = errors.New("no bundle of headroom's")

// readZip reads a ZIP file in the form that writeZip makes, and refuses any other. Its errors match
// ErrNoBundle where the file does not even begin as one.
func readZip(data []byte) ([]file, error) {
	if len(data) < endSize || binary.LittleEndian.Uint32(data) != localSignature {
		return nil, fmt.Errorf("%w: it does not begin as a ZIP file", ErrNoBundle)
	}
	var files []file
	names := map[string]bool{}
	unpacked, at := 0, 0
	for at+4 <= len(data) && binary.LittleEndian.Uint32(data[at:]) == localSignature {
		f, size, err := readLocal(data[at:], maxUnpacked-unpacked)
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
		unpacked += len(f.data)
		at += size
	}
	again := writeZip(files)
	if !bytes.Equal(data, again) {
		return nil, fmt.Errorf(
			"ZIP: differs at byte %d from the one form of a bundle: its headers do not agree, "+
				"or it holds something between its files",
			firstDifference(data, again),
		)
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

// readLocal reads the file at the beginning of data, which may unpack to room bytes.
func readLocal(data []byte, room int) (f file, size int, err error) {
	if len(data) < localHeaderSize {
		return f, 0, io.ErrUnexpectedEOF
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(data[at:])) }
	u32 := func(at int) int { return int(binary.LittleEndian.Uint32(data[at:])) }
	packed, unpacked, name := u32(18), u32(22), u16(26)
	size = localHeaderSize + name + packed
	switch {
	case u16(6) != 0 || u16(28) != 0:
		return f, 0, errors.New("has flags or extra fields, which a bundle's files have not")
	case size > len(data):
		return f, 0, io.ErrUnexpectedEOF
	case unpacked > room || unpacked > ratioFree && unpacked/maxRatio > packed:
		return f, 0, errors.New("would unpack to more than a bundle may")
	}
	f.name = string(data[localHeaderSize : localHeaderSize+name])
	f.packed = data[localHeaderSize+name : size]
	f.method = uint16(u16(8))
	if f.data, err = unpack(f.method, f.packed, unpacked); err != nil {
		return f, 0, fmt.Errorf("%q: %w", f.name, err)
	}
	if crc32.ChecksumIEEE(f.data) != binary.LittleEndian.Uint32(data[14:]) {
		return f, 0, fmt.Errorf("%q: its checksum is wrong", f.name)
	}
	return f, size, nil
}

func unpack(method uint16, packed []byte, size int) ([]byte, error) {
	switch method {
	case methodStored:
		if len(packed) != size {
			return nil, errors.New("has two sizes")
		}
		return packed, nil
	case methodDeflated:
		source := bytes.NewReader(packed) // an io.ByteReader, so that flate reads no byte too many
		data := make([]byte, size)
		r := flate.NewReader(source)
		if _, err := io.ReadFull(r, data); err != nil {
			return nil, fmt.Errorf("does not unpack: %w", err)
		}
		var more [1]byte
		if n, err := r.Read(more[:]); n != 0 || err != io.EOF {
			return nil, errors.New("unpacks to more than it says")
		}
		if source.Len() > 0 {
			return nil, errors.New("holds more than it unpacks to")
		}
		return data, nil
	}
	return nil, fmt.Errorf("is packed by the method %d, which a bundle does not use", method)
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
