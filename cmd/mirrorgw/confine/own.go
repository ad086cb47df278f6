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
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil // no worker can be started then, which will be told
	}
	self, _ := os.Readlink(selfLink) // "": nothing is called so
	return loadedFrom(string(maps), self)
}

// loadedFrom returns what is executed of proc_pid_maps(5), the file self by its link.
func loadedFrom(maps, self string) (paths []string) {
	for line := range strings.Lines(maps) {
		about, file, found := strings.Cut(line, "/") // addresses, rights, offset, device and inode; a name may have blanks
		if fields := strings.Fields(about); !found || len(fields) != 5 || !strings.Contains(fields[1], "x") {
			continue
		}
		file = "/" + strings.TrimSuffix(file, "\n")
		path := filepath.Dir(file)
		if file == self {
			path = selfLink
		}
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}
