package clamd

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
)

// tooDeep is more archives inside each other than clamd opens by default (MaxRecursion is 17).
const tooDeep = 20

// nestedZip returns an archive in which there is one in which there is one, and so on. Two thousand octets in all.
func nestedZip() []byte {
	inner := []byte("Nothing to find here.\r\n")
	for range tooDeep {
		inner = zipOf(&zip.FileHeader{Name: "inner.zip"}, inner)
	}
	return inner
}

// encryptedZip returns an archive with one member that claims to be encrypted. What stands for its octets was never anything
// else.
func encryptedZip() []byte {
	const encrypted = 1 // bit 0 of the general purpose flags, APPNOTE.TXT section 4.4.4
	return zipOf(&zip.FileHeader{Name: "secret.txt", Flags: encrypted}, []byte("There is no password for this."))
}

// zipOf returns an archive that holds content as it stands.
func zipOf(h *zip.FileHeader, content []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	h.CRC32 = crc32.ChecksumIEEE(content)
	h.CompressedSize64, h.UncompressedSize64 = uint64(len(content)), uint64(len(content))
	member, err := w.CreateRaw(h)
	if err == nil {
		_, err = member.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}
