package confine_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	system "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"mirrorgw/cmd/mirrorgw/confine"
)

// asConfinedWorker makes the test binary confine itself as a worker, try its limits, and write what it could do.
const asConfinedWorker = "MIRRORGW_TEST_CONFINED_WORKER"

// confinedWorker tries what a worker must not do, and what it must.
func confinedWorker() error {
	if _, err := confine.Worker(); err != nil {
		return err
	}
	could := func(what string, err error) {
		if err == nil {
			fmt.Println(what)
		}
	}
	_, err := os.ReadFile("/etc/passwd")
	could("read a file", err)
	_, err = os.ReadFile(os.DevNull)
	could("open a device", err)
	could("start a process", exec.CommandContext(context.Background(), "/proc/self/exe").Run())
	for _, domain := range []int{unix.AF_UNIX, unix.AF_INET, unix.AF_NETLINK} {
		_, err = unix.Socket(domain, unix.SOCK_STREAM, 0)
		could("make a socket", err)
	}
	_, err = net.Dial("unix", "/run/nobody")
	could("connect", err)
	could("signal its parent", unix.Kill(os.Getppid(), 0))
	could("signal itself as others do", unix.Kill(os.Getpid(), 0))
	_, err = unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
	could("make code", err)
	m, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	could("have memory", err)
	if err == nil {
		could("make code of memory", unix.Mprotect(m, unix.PROT_READ|unix.PROT_EXEC))
	}
	could("trace", unix.PtraceAttach(os.Getppid()))
	could("become another", unix.Setuid(65534))
	could("raise a limit", unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1000, Max: 1000}))
	_, err = unix.MemfdCreate("x", 0)
	could("make a file in memory", err)
	// Threads and garbage collection go on.
	done := make(chan bool)
	for range 8 {
		go func() { // received below
			runtime.LockOSThread()
			done <- len(make([]byte, 1<<20)) > 0
		}()
	}
	for range 8 {
		<-done
	}
	runtime.GC()
	fmt.Println("compute")
	return nil
}

func TestWorkerCanComputeAndNothingElse(t *testing.T) {
	if !slices.Contains([]string{"amd64", "arm64", "riscv64", "loong64"}, runtime.GOARCH) {
		t.Skip("system calls are not filtered on this machine")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), asConfinedWorker+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "have memory\ncompute\n" {
		t.Errorf("%v; it could\n%s", err, out)
	}
}

// TestThread: what a confined thread starts has the files it was given and no others, and no capability; other threads have all.
func TestThread(t *testing.T) {
	if abi, err := system.LandlockGetABIVersion(); err != nil || abi < 1 {
		t.Skipf("needs Landlock: %d, %v", abi, err)
	}
	dir, beyond := t.TempDir(), t.TempDir()
	for _, path := range []string{dir + "/file", beyond + "/file"} {
		if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Skip("needs cat")
	}
	run := func(args ...string) error {
		out, err := exec.CommandContext(context.Background(), cat, args...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	var inside, outside, files error
	var capabilities string
	done := make(chan error, 1)
	go func() { // received below; its thread ends with it
		runtime.LockOSThread()
		if err := confine.Thread([]string{cat, dir, "/usr/lib", "/lib", "/lib64", "/not/there"}); err != nil {
			done <- err
			return
		}
		inside, outside = run(dir+"/file"), run(beyond+"/file")
		_, files = os.ReadFile(filepath.Join(beyond, "file"))
		var data [2]unix.CapUserData
		err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &data[0])
		capabilities = fmt.Sprint(data)
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if inside != nil {
		t.Errorf("a file that was named: %v", inside)
	}
	if outside == nil || !strings.Contains(outside.Error(), "Permission denied") {
		t.Errorf("a file that was not: %v", outside)
	}
	if !errors.Is(files, unix.EACCES) {
		t.Errorf("in the thread itself: %v", files)
	}
	if capabilities != fmt.Sprint([2]unix.CapUserData{}) {
		t.Errorf("capabilities %s", capabilities)
	}
	if err := run(beyond + "/file"); err != nil {
		t.Errorf("from another thread: %v", err)
	}
}
