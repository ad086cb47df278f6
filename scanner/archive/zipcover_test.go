package archive_test

import (
	"archive/zip"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// cover returns an archive's octets with the header of a stored member ahead, the content of which they are by its length. The offsets in
// the archive count from the beginning of the whole, and its one member is said to be stored by its own header.
func cover(t *testing.T, inner []byte) []byte {
	t.Helper()
	const name = "a.txt"
	decoy := make([]byte, 30, 30+len(name)+len(inner))
	copy(decoy, "PK\x03\x04\x14\x00")
	binary.LittleEndian.PutUint32(decoy[18:], uint32(len(inner)))
	binary.LittleEndian.PutUint32(decoy[22:], uint32(len(inner)))
	binary.LittleEndian.PutUint16(decoy[26:], uint16(len(name)))
	content := slices.Concat(decoy, []byte(name), inner)
	first := len(decoy) + len(name)
	binary.LittleEndian.PutUint16(content[first+8:], zip.Store)
	binary.LittleEndian.PutUint32(content[first+18:], 5)
	entry := strings.Index(string(content), "PK\x01\x02")
	binary.LittleEndian.PutUint32(content[entry+42:], uint32(first))
	return content
}

// TestZipStoredContentsHideNothing: a member that stands in the stored content of another is found by those who go by a directory.
func TestZipStoredContentsHideNothing(t *testing.T) {
	covered := cover(t, zipOf(t, zip.Deflate, "b.exe", payload))
	entry := strings.Index(string(covered), "PK\x01\x02")
	end := strings.Index(string(covered), "PK\x05\x06")
	le := binary.LittleEndian

	t.Run("the directory goes on behind it", func(t *testing.T) {
		content := slices.Clone(covered[:end])
		le.PutUint32(content[18:], uint32(end-35))
		le.PutUint32(content[22:], uint32(end-35))
		decoy := make([]byte, 46, 46+5) // the entry of what covers the other
		copy(decoy, "PK\x01\x02\x14\x00\x14\x00")
		le.PutUint32(decoy[20:], uint32(end-35))
		le.PutUint32(decoy[24:], uint32(end-35))
		le.PutUint16(decoy[28:], 5)
		decoy = append(decoy, "a.txt"...)
		last := slices.Clone(covered[end:])
		le.PutUint16(last[8:], 2)
		le.PutUint16(last[10:], 2)
		le.PutUint32(last[12:], uint32(end-entry+len(decoy)))
		le.PutUint32(last[16:], uint32(entry))
		content = slices.Concat(content, decoy, last)
		if v, engine := scan(t, scanner.Limits{}, content); v.Class != scanner.Infected {
			t.Errorf("verdict %+v; parts %q", v, engine.parts)
		}
	})
	t.Run("all of the directory is in it", func(t *testing.T) {
		content := slices.Clone(covered)
		le.PutUint32(content[end+16:], uint32(entry))
		if v, engine := scan(t, scanner.Limits{}, content); v.Class != scanner.Infected {
			t.Errorf("verdict %+v; parts %q", v, engine.parts)
		}
	})
	t.Run("an archive in it is opened once", func(t *testing.T) {
		_, engine := scan(t, scanner.Limits{}, zipOf(t, zip.Store, "b.zip", string(zipOf(t, zip.Deflate, "a", "one", "b", payload))))
		found := 0
		for _, c := range engine.contents {
			if c == payload {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the payload was found %d times: %q", found, engine.parts)
		}
	})
}
