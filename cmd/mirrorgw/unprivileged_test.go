package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// unprivileged calls do with the file access of nobody.
func unprivileged(t *testing.T, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		do() // already is
		return
	}
	const nobody = 65534
	runtime.LockOSThread() // the identity is the thread's
	defer runtime.UnlockOSThread()
	if _, err := unix.SetfsuidRetUid(nobody); err != nil {
		t.Fatal(err)
	}
	defer unix.SetfsuidRetUid(0)
	do()
}

func TestQuarantineOfSomebodyElse(t *testing.T) {
	k := keep(t, eicarMail)
	config := filepath.Join(worldReadable(t), "m.yaml")
	if err := os.WriteFile(config, []byte(valid(filepath.Dir(k.dir))), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(k.dir, 0); err != nil { // for who runs this test as somebody else than root
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(k.dir, 0o700) })
	k.config = config
	unprivileged(t, func() {
		for _, args := range [][]string{{"list"}, {"list", "--json"}, {"show", k.ids[0]}, {"export", k.ids[0]}, {"delete", k.ids[0]}} {
			code, stdout, stderr := k.call(t, args[0], args[1:]...)
			if code != exitNo || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, ": permission denied: only root and the gateway's own user may look into the quarantine\n") {
				t.Errorf("%q: exit %d, %q, %q", args, code, stdout, stderr)
			}
		}
	})
}

func TestScanOfWhatMayNotBeRead(t *testing.T) {
	dir := worldReadable(t)
	for path, mode := range map[string]os.FileMode{"a": 0o644, "b": 0, "c/d": 0o644} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(cleanMail), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "c"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(dir, "c"), 0o700) })
	// The files are opened by another goroutine, and so by another thread, than the one that asks for them.
	f := finder{paths: []string{dir, dir + "/b", dir + "/c"}}
	var read, denied []string
	unprivileged(t, func() {
		f.find(t.Context(), func(l letter) bool {
			if l.err != nil {
				denied = append(denied, strings.TrimPrefix(l.path, dir)+" "+reason(l.err))
			} else {
				read = append(read, strings.TrimPrefix(l.path, dir))
			}
			l.close()
			return true
		})
	})
	const no = " permission denied"
	if strings.Join(read, ",") != "/a" || strings.Join(denied, ",") != "/b"+no+",/c"+no+",/b"+no+",/c"+no {
		t.Errorf("read %q, denied %q", read, denied)
	}
}

// worldReadable returns a fresh folder into which everybody can look.
func worldReadable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
