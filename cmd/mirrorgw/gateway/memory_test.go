package gateway

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"
)

// under writes files below a root of their own.
func under(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMemoryGauge(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	pages := func(n int64) string {
		return "9999 " + decimal((n+10<<20)/int64(os.Getpagesize())) + " " + decimal(10<<20/int64(os.Getpagesize()))
	}
	for _, c := range []struct {
		name       string
		files      map[string]string
		configured int64
		share      float64
		detail     string
	}{
		{"nothing known", nil, 0, 0, ""},
		{
			"cgroup v2, the limit above it is tighter",
			map[string]string{
				"proc/self/cgroup": "0::/system.slice/mirrorgw.service\n",
				"sys/fs/cgroup/system.slice/mirrorgw.service/memory.max": "max\n",
				"sys/fs/cgroup/system.slice/memory.max":                  "104857600\n",
				"sys/fs/cgroup/system.slice/memory.current":              "73400320\n",
				"sys/fs/cgroup/system.slice/memory.stat":                 "anon 1\nactive_file 10485760\ninactive_file 10485760\nshmem 5\n",
			},
			0, 0.5, "50 MiB of 100 MiB (cgroup)",
		},
		{
			"cgroup v1",
			map[string]string{
				"proc/self/cgroup": "9:cpu:/x\n8:memory:/mail\n0::/mail\n",
				"sys/fs/cgroup/memory/mail/memory.limit_in_bytes": "104857600\n",
				"sys/fs/cgroup/memory/mail/memory.usage_in_bytes": "94371840\n",
				"sys/fs/cgroup/memory/mail/memory.stat":           "inactive_file 7\ntotal_active_file 0\ntotal_inactive_file 0\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes":      "9223372036854771712\n",
			},
			0, 0.9, "90 MiB of 100 MiB (cgroup)",
		},
		{
			"no limit in it", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, 0, 0, "",
		},
		{
			"configured", map[string]string{"proc/self/statm": pages(48 << 20)}, 64 << 20, 0.75, "48 MiB of 64 MiB (limits.memory)",
		},
		{
			"the nearer of two counts",
			map[string]string{
				"proc/self/cgroup": "0::/\n", "proc/self/statm": pages(48 << 20),
				"sys/fs/cgroup/memory.max": "104857600\n", "sys/fs/cgroup/memory.current": "10485760\n", "sys/fs/cgroup/memory.stat": "",
			},
			64 << 20, 0.75, "48 MiB of 64 MiB (limits.memory)",
		},
	} {
		share, detail := openMemoryGauge(under(t, c.files), c.configured).pressure()
		if math.Abs(share-c.share) > 0.001 || detail != c.detail {
			t.Errorf("%s: %v, %q; want %v, %q", c.name, share, detail, c.share, c.detail)
		}
	}
}

// The files say another thing each time they are read, and the process's own are there.
func TestMemoryGaugeOfThisProcess(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	g := openMemoryGauge("/", 1<<40)
	before, detail := g.pressure()
	if before == 0 {
		t.Fatalf("nothing is known of this process: %q", detail)
	}
	for i := range g.sources {
		g.sources[i].limit = 1 << 30
	}
	debug.FreeOSMemory() // else what other tests have left may go, or serve as the ballast
	before, _ = g.pressure()
	ballast := make([]byte, 64<<20)
	for i := range ballast {
		ballast[i] = 1
	}
	if after, _ := g.pressure(); after < before+0.05 {
		t.Errorf("64 MiB more make %v of %v", after, before)
	}
	ballast[0] = 2
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
