package scanner

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// maxReserve bounds what spool and quarantine leave free of a file system, for others and for the log: this or a twentieth of it,
// whichever is less.
const maxReserve = 64 << 20

// Usable returns how many octets of a file system may be taken; below zero when its reserve has been begun.
func Usable(fs *unix.Statfs_t) int64 {
	block := int64(fs.Bsize) //nolint:unconvert // int32 on other machines
	return int64(fs.Bavail)*block - min(maxReserve, int64(fs.Blocks)*block/20)
}

// writeAt writes to a file of the spool, if that leaves its file system the reserve.
//
// Errors: ErrSpoolFull; the file's own.
func writeAt(file *os.File, p []byte, off int64) (int, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err != nil {
		return 0, fmt.Errorf("asking for free space: %w", err)
	}
	if Usable(&fs) < int64(len(p)) {
		return 0, fmt.Errorf("%w: what is left of its file system stays free", ErrSpoolFull)
	}
	return file.WriteAt(p, off)
}
