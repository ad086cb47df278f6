package scanner

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestUsable(t *testing.T) {
	for _, tt := range []struct {
		blocks, free uint64
		want         int64
	}{
		{1000, 1000, 950 * 4096},
		{1000, 40, -10 * 4096},
		{1 << 30, 20000, 20000*4096 - 64<<20},
		{0, 0, 0},
	} {
		if got := Usable(&unix.Statfs_t{Bsize: 4096, Blocks: tt.blocks, Bavail: tt.free}); got != tt.want {
			t.Errorf("%d of %d blocks: %d octets, want %d", tt.free, tt.blocks, got, tt.want)
		}
	}
}

// C7: a spool that fills its disk stops before the reserve, and has all that it has taken.
func TestSpoolLeavesReserve(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	dir := t.TempDir()
	done := make(chan struct{})
	// The goroutine keeps its thread, which has a mount namespace of its own and dies with it: nothing can be left mounted.
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err := errors.Join(
			unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
			unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
			unix.Mount("tmpfs", dir, "tmpfs", 0, "size=8M"),
		); err != nil {
			t.Errorf("mounting: %v", err)
			return
		}
		fillSpool(t, dir)
	}()
	<-done
}

func fillSpool(t *testing.T, dir string) {
	b := Spool{Dir: dir, Memory: 1 << 10}.NewBuffer()
	defer b.Close()
	line := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	var taken int
	var err error
	for err == nil {
		var n int
		n, err = b.Write(line)
		taken += n
	}
	var fs unix.Statfs_t
	if serr := unix.Statfs(dir, &fs); serr != nil || !errors.Is(err, ErrSpoolFull) || Usable(&fs) < 0 || Usable(&fs) > 128<<10 {
		t.Errorf("%d octets taken, then %v; %d are usable, %v", taken, err, Usable(&fs), serr)
	}
	if b.Size() != int64(taken) {
		t.Errorf("%d of %d octets are there", b.Size(), taken)
	}
}
