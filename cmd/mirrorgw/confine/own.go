package confine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const selfLink = "/proc/self/exe"

// OwnFiles returns what this program was loaded from, as it is needed to start it anew as a worker: its own file, and the folders of its
// loader and libraries, which an upgrade replaces while it runs. Its own file goes by the link of /proc: what has taken its place since
// is another program. A process that is confined already cannot find it out.
func OwnFiles() []string {
	var paths []string
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil // no worker can be started then, which will be told
	}
	self, err := os.Readlink(selfLink)
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line) // addresses, rights, offset, device, inode, and the file if there is one
		if len(fields) != 6 || !strings.Contains(fields[1], "x") || !filepath.IsAbs(fields[5]) {
			continue
		}
		path := filepath.Dir(fields[5])
		if err == nil && fields[5] == self {
			path = selfLink
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
