package confine

import (
	"slices"
	"testing"
)

// A program is found in any folder, under a name with blanks too, and when it was deleted since.
func TestLoadedFrom(t *testing.T) {
	const libraries = `7f0000000000-7f0000001000 r--p 00000000 fd:01 12                        /usr/lib/libc.so.6
7f0000001000-7f0000002000 r-xp 00001000 fd:01 12                        /usr/lib/libc.so.6
7f0000002000-7f0000003000 rw-p 00000000 00:00 0                          [heap]
7ffc00000000-7ffc00001000 r-xp 00000000 00:00 0                          [vdso]
7f0000003000-7f0000004000 r-xp 00000000 00:00 0
`
	for _, self := range []string{"/usr/bin/mirrorgw", "/opt/my gateway/mirrorgw", "/usr/bin/mirrorgw (deleted)"} {
		maps := "400000-500000 r--p 00000000 fd:01 11 " + self + "\n" + "500000-600000 r-xp 00100000 fd:01 11 " + self + "\n" + libraries
		if got, want := loadedFrom(maps, self), []string{selfLink, "/usr/lib"}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", self, got, want)
		}
	}
}
