package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryGauge tells how much of the memory it may use the gateway uses. Its files are opened before the process is confined,
// and read again and again.
type memoryGauge struct{ sources []memorySource }

// memorySource is one limit and what counts towards it.
type memorySource struct {
	name  string
	limit int64 // octets
	used  func() (int64, error)
}

// openMemoryGauge finds out what limits there are: that of the cgroup, limits.memory, and GOMEMLIMIT where that is nothing. root
// is the root of the file system. What cannot be read is no limit.
func openMemoryGauge(root string, configured int64) *memoryGauge {
	g := &memoryGauge{}
	if s, ok := cgroupSource(root); ok {
		g.sources = append(g.sources, s)
	}
	name := "limits.memory"
	if configured == 0 && os.Getenv("GOMEMLIMIT") != "" {
		name, configured = "GOMEMLIMIT", debug.SetMemoryLimit(-1)
	}
	if configured > 0 {
		if statm, err := os.Open(filepath.Join(root, "proc/self/statm")); err == nil {
			g.sources = append(g.sources, memorySource{name, configured, func() (int64, error) { return ownMemory(statm) }})
		}
	}
	return g
}

// pressure returns the share of the limit that is used, of the limit that is nearest, and a line about it for people. Without
// a limit it is 0.
func (g *memoryGauge) pressure() (share float64, detail string) {
	for _, s := range g.sources {
		used, err := s.used()
		if err != nil {
			continue // a cgroup that is being removed; the other limit still holds
		}
		if now := float64(used) / float64(s.limit); now > share {
			share, detail = now, fmt.Sprintf("%d MiB of %d MiB (%s)", used>>20, s.limit>>20, s.name)
		}
	}
	return share, detail
}

// ownMemory reads proc_pid_statm(5): what the process has for itself, files that it has mapped not counted.
func ownMemory(statm io.ReaderAt) (int64, error) {
	text, err := readWhole(statm)
	if err != nil {
		return 0, err
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(text), &size, &resident, &shared); err != nil {
		return 0, fmt.Errorf("reading statm: %w", err)
	}
	return (resident - shared) * int64(os.Getpagesize()), nil
}

// cgroupFiles are the names of a memory controller's files.
type cgroupFiles struct {
	mount, limit, current string
	cache                 [2]string // in memory.stat: what the kernel gives back when it has to
}

// cgroupSource looks for the tightest limit among the process's cgroup and those above it, cgroups(7).
func cgroupSource(root string) (memorySource, bool) {
	groups, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return memorySource{}, false
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		var files cgroupFiles
		switch {
		case parts[1] == "":
			files = cgroupFiles{"sys/fs/cgroup", "memory.max", "memory.current", [2]string{"active_file", "inactive_file"}}
		case strings.Contains(","+parts[1]+",", ",memory,"):
			files = cgroupFiles{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", [2]string{"total_active_file", "total_inactive_file"}}
		default:
			continue
		}
		if s, ok := files.tightest(root, parts[2]); ok {
			return s, true
		}
	}
	return memorySource{}, false
}

// tightest looks at group and those above it.
func (f cgroupFiles) tightest(root, group string) (memorySource, bool) {
	least, at := int64(0), ""
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		folder := filepath.Join(root, f.mount, group)
		text, err := os.ReadFile(filepath.Join(folder, f.limit))
		limit, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // "max" is none
		if err == nil && bad == nil && limit < noLimit && (least == 0 || limit < least) {
			least, at = limit, folder
		}
		if group == "/" {
			break
		}
	}
	if least <= 0 {
		return memorySource{}, false
	}
	current, err := os.Open(filepath.Join(at, f.current))
	if err != nil {
		return memorySource{}, false
	}
	stat, err := os.Open(filepath.Join(at, "memory.stat"))
	if err != nil {
		current.Close()
		return memorySource{}, false
	}
	return memorySource{"cgroup", least, func() (int64, error) { return f.used(current, stat) }}, true
}

// noLimit is what the older controller has in place of "max".
const noLimit = 1 << 60

// used returns what a cgroup uses and the kernel cannot simply take back.
func (f cgroupFiles) used(current, stat io.ReaderAt) (int64, error) {
	text, err := readWhole(current)
	if err != nil {
		return 0, err
	}
	used, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading a cgroup's memory: %w", err)
	}
	if text, err = readWhole(stat); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, figure, _ := strings.Cut(lines.Text(), " ")
		if name == f.cache[0] || name == f.cache[1] {
			n, err := strconv.ParseInt(figure, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("reading a cgroup's %s: %w", name, err)
			}
			used -= n
		}
	}
	return max(used, 0), nil
}

// maxProcFile bounds what is read of a file the kernel writes.
const maxProcFile = 64 << 10

// readWhole reads such a file from its beginning.
func readWhole(f io.ReaderAt) ([]byte, error) {
	return io.ReadAll(io.NewSectionReader(f, 0, maxProcFile))
}
