package evidence

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
)

// A bundle is a ZIP file in one canonical form: no extra fields, comments, data descriptors,
// folders or ZIP64, the date 1980-01-01 on every file, the files in an order of ours, deflated
// where that makes them smaller. Reading it makes it anew and compares, so that nothing can hide
// between the files. See APPNOTE.TXT sections 4.3.7, 4.3.12 and 4.3.16.

const (
	localHeaderSize   = 30
	centralHeaderSize = 46
	endSize           = 22
	localSignature    = 0x04034b50
	centralSignature  = 0x02014b50
	endSignature      = 0x06054b50
	zipVersion        = 20
	zipDate           = 1<<5 | 1 // 1980-01-01
	methodStored      = 0
	methodDeflated    = 8
)

// file is one file of a bundle.
type file struct {
	name   string
	data   []byte
	size   uint32 // of data
	sum    uint32 // CRC-32 of data
	method uint16
	packed []byte // data as it lies in the ZIP
}

// pack fills in all but name and data. The result depends on the version of compress/flate.
func (f *file) pack() {
	f.size, f.sum = uint32(len(f.data)), crc32.ChecksumIEEE(f.data)
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err == nil {
		_, err = w.Write(f.data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	f.method, f.packed = methodDeflated, b.Bytes()
	if len(f.packed) >= len(f.data) {
		f.method, f.packed = methodStored, f.data
	}
}

// writeZip puts packed files into a ZIP file, in this order.
func writeZip(files []file) []byte {
	var b, central []byte
	for i := range files {
		f := &files[i]
		offset := len(b)
		b = binary.LittleEndian.AppendUint32(b, localSignature)
		b = appendShared(b, f)
		b = append(b, f.name...)
		b = append(b, f.packed...)

		central = binary.LittleEndian.AppendUint32(central, centralSignature)
		central = binary.LittleEndian.AppendUint16(central, zipVersion)
		central = appendShared(central, f)
		// Comment, disk, attributes inside and outside.
		central = append(central, make([]byte, 2+2+2+4)...)
		central = binary.LittleEndian.AppendUint32(central, uint32(offset))
		central = append(central, f.name...)
	}
	end := binary.LittleEndian.AppendUint32(nil, endSignature)
	end = append(end, 0, 0, 0, 0) // one disk
	end = binary.LittleEndian.AppendUint16(end, uint16(len(files)))
	end = binary.LittleEndian.AppendUint16(end, uint16(len(files)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(central)))
	end = binary.LittleEndian.AppendUint32(end, uint32(len(b)))
	end = append(end, 0, 0) // no comment
	return append(append(b, central...), end...)
}

// appendShared is what the local and the central header have in common.
func appendShared(b []byte, f *file) []byte {
	b = binary.LittleEndian.AppendUint16(b, zipVersion)
	b = binary.LittleEndian.AppendUint16(b, 0) // flags
	b = binary.LittleEndian.AppendUint16(b, f.method)
	b = binary.LittleEndian.AppendUint16(b, 0) // time
	b = binary.LittleEndian.AppendUint16(b, zipDate)
	b = binary.LittleEndian.AppendUint32(b, f.sum)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(f.packed)))
	b = binary.LittleEndian.AppendUint32(b, f.size)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.name)))
	return binary.LittleEndian.AppendUint16(b, 0) // no extra field
}
