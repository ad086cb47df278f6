package archive_test

import (
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"mirrorgw/scanner"
)

// vint writes an integer as RAR 5 does.
func vint(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

// rar5 returns an archive of RAR 5 with one stored file, or what comes of it when it is encrypted.
func rar5(name, content string, secretFile, secretNames bool) []byte {
	block := func(fields ...[]byte) []byte {
		body := slices.Concat(fields...)
		body = append(vint(len(body)), body...)
		return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)), body...)
	}
	b := []byte("Rar!\x1a\x07\x01\x00")
	if secretNames {
		return append(b, block(vint(4), vint(0), vint(0), vint(0), vint(15), make([]byte, 16))...)
	}
	b = append(b, block(vint(1), vint(0), vint(0))...)
	extra := []byte(nil)
	flags := 2
	if secretFile {
		record := slices.Concat(vint(1), vint(0), vint(0), []byte{15}, make([]byte, 32))
		extra = append(vint(len(record)), record...)
		flags |= 1
	}
	fields := [][]byte{vint(2), vint(flags)}
	if secretFile {
		fields = append(fields, vint(len(extra)))
	}
	fields = append(fields, vint(len(content)), vint(0), vint(len(content)), vint(0o100644), vint(0), vint(1), vint(len(name)), []byte(name), extra)
	b = append(append(b, block(fields...)...), content...)
	return append(b, block(vint(5), vint(0), vint(0))...)
}

// rar4 returns an archive of RAR 4 with one stored file, which is said to be encrypted or not.
func rar4(name, content string, secretFile, secretNames bool) []byte {
	le := binary.LittleEndian
	block := func(kind byte, flags uint16, rest []byte) []byte {
		h := []byte{kind}
		h = le.AppendUint16(h, flags)
		h = le.AppendUint16(h, uint16(7+len(rest)))
		h = append(h, rest...)
		return append(le.AppendUint16(nil, uint16(crc32.ChecksumIEEE(h))), h...)
	}
	b := []byte("Rar!\x1a\x07\x00")
	mainFlags := uint16(0)
	if secretNames {
		mainFlags = 0x80
	}
	b = append(b, block(0x73, mainFlags, make([]byte, 6))...)
	if secretNames {
		return append(b, make([]byte, 64)...)
	}
	var h []byte
	h = le.AppendUint32(h, uint32(len(content)))
	h = le.AppendUint32(h, uint32(len(content)))
	h = append(h, 3)
	h = le.AppendUint32(h, crc32.ChecksumIEEE([]byte(content)))
	h = le.AppendUint32(h, 0)
	h = append(h, 20, 0x30)
	h = le.AppendUint16(h, uint16(len(name)))
	h = le.AppendUint32(h, 0)
	h = append(h, name...)
	flags := uint16(0x8000)
	if secretFile {
		flags |= 4
	}
	b = append(append(b, block(0x74, flags, h)...), content...)
	return append(b, block(0x7b, 0x4000, nil)...)
}

func TestRAR(t *testing.T) {
	for name, archive := range map[string]func(string, string, bool, bool) []byte{"4": rar4, "5": rar5} {
		t.Run(name, func(t *testing.T) {
			content := archive("a.exe", payload, false, false)
			finds(t, content, "1/1")
			finds(t, slices.Concat([]byte("MZ and more, a program that unpacks itself"), content), "1/1")
			causes(t, archive("a.exe", payload, true, false), scanner.CauseEncrypted, `"a.exe"`)
			causes(t, archive("a.exe", payload, false, true), scanner.CauseEncrypted, "list of files")
			causes(t, content[:len(content)-40], scanner.CauseMalformed, "")
		})
	}
}
