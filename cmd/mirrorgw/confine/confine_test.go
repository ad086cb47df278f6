package confine_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	system "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"mirrorgw/cmd/mirrorgw/confine"
)

// asPrisoner makes the test binary confine itself, as the Config in this variable says, and try its limits.
const asPrisoner = "MIRRORGW_TEST_CONFINE"

func TestMain(m *testing.M) {
	if order := os.Getenv(asPrisoner); order != "" {
		if err := prisoner(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if os.Getenv(asConfinedWorker) != "" {
		if err := confinedWorker(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// prison is what a prisoner knows of the folders around it.
type prison struct {
	Config          confine.Config
	R, W, S, Beyond string // to read, to write, to spool, out of reach
	Abstract        string // a unix socket of somebody else
	Free, Taken     int    // TCP ports: may be listened on, may not
}

// prisoner confines this process and writes what became of each attempt, as JSON, then waits for its input to end.
func prisoner(order string) error {
	var p prison
	if err := json.Unmarshal([]byte(order), &p); err != nil {
		return err
	}
	// Threads that are there before must be confined as well.
	asked, answered := make(chan func() error), make(chan error)
	ready := make(chan struct{})
	for range 4 {
		go func() { // ends with the process
			runtime.LockOSThread()
			ready <- struct{}{}
			for f := range asked {
				answered <- f()
			}
		}()
	}
	for range 4 {
		<-ready
	}
	report, err := confine.Apply(p.Config)
	if err != nil {
		return err
	}
	outcomes := map[string]string{"report": report.String()}
	for name, try := range p.attempts() {
		outcomes[name] = "ok"
		asked <- try
		if err := <-answered; err != nil {
			outcomes[name] = "other: " + err.Error()
			for _, errno := range []syscall.Errno{unix.EACCES, unix.EPERM} {
				if errors.Is(err, errno) {
					outcomes[name] = unix.ErrnoName(errno)
				}
			}
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(outcomes); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// attempts are what a prisoner tries, in any order, each on a thread that was there before.
func (p prison) attempts() map[string]func() error {
	read := func(path string) func() error {
		return func() error {
			_, err := os.ReadFile(path)
			return err
		}
	}
	create := func(path string) func() error {
		return func() error { return os.WriteFile(path, nil, 0o600) }
	}
	unnamed := func(dir string) func() error {
		return func() error {
			f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString("a mail")
			return err
		}
	}
	list := func(dir string) func() error {
		return func() error {
			_, err := os.ReadDir(dir)
			return err
		}
	}
	device := func(path string) func() error {
		return func() error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			return f.Close()
		}
	}
	socket := func(domain, kind, protocol int) func() error {
		return func() error {
			fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
			if err == nil {
				unix.Close(fd)
			}
			return err
		}
	}
	loopback := [4]byte{127, 0, 0, 1}
	tcp := func(use func(fd int) error) func() error {
		return func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			return use(fd)
		}
	}
	return map[string]func() error{
		"read":              read(p.R + "/file"),
		"list":              list(p.R),
		"create in read":    create(p.R + "/new"),
		"read beyond":       read(p.Beyond + "/file"),
		"read /etc/passwd":  read("/etc/passwd"),
		"list /":            list("/"),
		"link out of reach": read(p.R + "/link"),
		"create beyond":     create(p.Beyond + "/new"),
		"replace": func() error {
			return errors.Join(os.Mkdir(p.W+"/.new", 0o700), create(p.W+"/.new/mail")(), os.Rename(p.W+"/.new", p.W+"/item"),
				list(p.W)(), os.RemoveAll(p.W+"/item"))
		},
		"link in write": func() error { return os.Symlink("/etc/passwd", p.W+"/passwd") },
		"listen at a path": func() error {
			l, err := net.Listen("unix", p.W+"/socket")
			if err != nil {
				return err
			}
			return l.Close()
		},
		"unnamed in write": unnamed(p.W),
		"unnamed in spool": unnamed(p.S),
		"named in spool":   func() error { return errors.Join(create(p.S+"/x")(), os.Remove(p.S+"/x")) },
		"list spool":       list(p.S),
		"unnamed beyond":   unnamed(p.Beyond),
		"device":           device("/dev/null"),
		"other device":     device("/dev/zero"),
		"run a program":    func() error { return exec.Command("/bin/true").Run() },
		"unix":             socket(unix.AF_UNIX, unix.SOCK_STREAM, 0),
		"netlink":          socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE),
		"udp":              socket(unix.AF_INET, unix.SOCK_DGRAM, 0),
		"multipath tcp":    socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP),
		"multipath tcp, 6": socket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_MPTCP),
		"raw":              socket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6),
		"packet":           socket(unix.AF_PACKET, unix.SOCK_RAW, 0),
		"io_uring": func() error {
			var params [120]byte
			return ringError(params[:])
		},
		"other ABI": func() error { // amd64 has a second set of numbers for every call; elsewhere it is none at all
			fd, _, errno := unix.Syscall(0x40000000|unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 0)
			if errno != 0 {
				return errno
			}
			return unix.Close(int(fd))
		},
		"tcp socket":    socket(unix.AF_INET, unix.SOCK_STREAM, 0),
		"tcp 6 socket":  socket(unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP),
		"connect to 22": tcp(func(fd int) error { return unix.Connect(fd, &unix.SockaddrInet4{Port: 22, Addr: loopback}) }),
		"bind free":     tcp(func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{Port: p.Free, Addr: loopback}) }),
		"bind taken":    tcp(func(fd int) error { return unix.Bind(fd, &unix.SockaddrInet4{Port: p.Taken, Addr: loopback}) }),
		"abstract socket": func() error {
			c, err := net.Dial("unix", p.Abstract)
			if err != nil {
				return err
			}
			return c.Close()
		},
	}
}

// free returns a TCP port that nobody uses.
func free(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// build returns a prison with everything in it.
func build(t *testing.T) prison {
	t.Helper()
	abi, err := system.LandlockGetABIVersion()
	if err != nil || abi < 6 {
		t.Skipf("needs Landlock with ABI 6: %d, %v", abi, err)
	}
	var p prison
	top := t.TempDir()
	for name, dir := range map[string]*string{"r": &p.R, "w": &p.W, "s": &p.S, "beyond": &p.Beyond} {
		*dir = filepath.Join(top, name)
		if err := errors.Join(os.Mkdir(*dir, 0o777), os.Chmod(*dir, 0o777), os.WriteFile(*dir+"/file", []byte("text"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{top, filepath.Dir(top)} { // a prisoner of another user goes through them
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(p.Beyond+"/file", p.R+"/link"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", "@mirrorgw-test-confine-"+strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	p.Abstract, p.Free, p.Taken = l.Addr().String(), free(t), free(t)
	p.Config = confine.Config{
		Read: []string{p.R, top + "/not there"}, Write: []string{p.W}, Spool: p.S, Devices: []string{"/dev/null"},
	}
	return p
}

// lock starts a prisoner and returns what it achieved, and its process id while the test lasts.
func lock(t *testing.T, p prison, adjust func(*exec.Cmd)) (outcomes map[string]string, pid int) {
	t.Helper()
	order, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	// It ends with its input, after the test's own context.
	cmd := exec.CommandContext(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), asPrisoner+"="+string(order))
	cmd.Stderr = os.Stderr
	if adjust != nil {
		adjust(cmd)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&outcomes); err != nil {
		t.Fatal(err)
	}
	return outcomes, cmd.Process.Pid
}

// reach is what a prisoner without TCP ports must find.
func reach() map[string]string {
	return map[string]string{
		"read": "ok", "list": "ok", "create in read": "EACCES",
		"read beyond": "EACCES", "read /etc/passwd": "EACCES", "list /": "EACCES", "link out of reach": "EACCES",
		"create beyond": "EACCES", "unnamed beyond": "EACCES",
		"replace": "ok", "link in write": "EACCES", "listen at a path": "ok", "unnamed in write": "ok",
		"unnamed in spool": "ok", "named in spool": "ok", "list spool": "EACCES",
		"device": "ok", "other device": "EACCES", "run a program": "EACCES",
		"unix": "ok", "netlink": "ok", "udp": "EACCES", "multipath tcp": "EACCES", "multipath tcp, 6": "EACCES",
		"raw": "EACCES", "packet": "EACCES", "io_uring": "EACCES", "other ABI": "EACCES", "tcp socket": "EACCES", "tcp 6 socket": "EACCES",
		"connect to 22": "EACCES", "bind free": "EACCES", "bind taken": "EACCES", "abstract socket": "EPERM",
	}
}

// compare reports what came out otherwise.
func compare(t *testing.T, got, want map[string]string) {
	t.Helper()
	if report := got["report"]; !strings.HasPrefix(report, "confined: landlock ABI ") || !strings.HasSuffix(report, ", sockets filtered") {
		t.Errorf("reported %q", report)
	}
	delete(got, "report")
	for name := range got {
		if got[name] != want[name] {
			t.Errorf("%s: %s, want %s", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d attempts were made, %d are expected", len(got), len(want))
	}
}

func TestWhatIsOutOfReach(t *testing.T) {
	outcomes, pid := lock(t, build(t), nil)
	compare(t, outcomes, reach())
	for path, fields := range statuses(t, pid) {
		if fields["NoNewPrivs"] != "1" || fields["Seccomp"] != "2" {
			t.Errorf("%s: no_new_privs %s, seccomp %s", path, fields["NoNewPrivs"], fields["Seccomp"])
		}
		if os.Getuid() != 0 {
			continue
		}
		const kept = "000000000000100a" // net_admin, fowner, dac_override
		for _, set := range []string{"CapEff", "CapPrm", "CapBnd"} {
			if fields[set] != kept {
				t.Errorf("%s: %s %s, not %s", path, set, fields[set], kept)
			}
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(after(string(limits), "Max core file size")); len(f) < 2 || f[0] != "0" || f[1] != "0" {
		t.Errorf("core files may have %q", f)
	}
}

// TestPortsAndSockets: a port to listen on opens no other, and no other protocol.
func TestPortsAndSockets(t *testing.T) {
	p := build(t)
	p.Config.Listen = []uint16{uint16(p.Free)}
	p.Config.Sockets = []string{p.Abstract, "/not/there"}
	want := reach()
	maps.Copy(want, map[string]string{"tcp socket": "ok", "tcp 6 socket": "ok", "bind free": "ok", "abstract socket": "ok"})
	outcomes, _ := lock(t, p, nil)
	compare(t, outcomes, want)
}

// TestPortToConnectTo: a port to connect to is no port to listen on.
func TestPortToConnectTo(t *testing.T) {
	p := build(t)
	p.Config.Connect = []uint16{22}
	want := reach()
	maps.Copy(want, map[string]string{"tcp socket": "ok", "tcp 6 socket": "ok"})
	outcomes, _ := lock(t, p, nil)
	if got := outcomes["connect to 22"]; got != "ok" && got != "other: connection refused" {
		t.Errorf("connect: %s", got)
	}
	delete(outcomes, "connect to 22")
	delete(want, "connect to 22")
	compare(t, outcomes, want)
}

// TestWithoutPrivilege confines a process of a user that has nothing to give up.
func TestWithoutPrivilege(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	const nobody = 65534
	p := build(t)
	program := filepath.Dir(p.R) + "/program"
	binary, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	outcomes, pid := lock(t, p, func(cmd *exec.Cmd) {
		cmd.Path = program
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	})
	compare(t, outcomes, reach())
	for path, fields := range statuses(t, pid) {
		if fields["NoNewPrivs"] != "1" || strings.Trim(fields["CapEff"], "0") != "" {
			t.Errorf("%s: no_new_privs %s, CapEff %s", path, fields["NoNewPrivs"], fields["CapEff"])
		}
	}
	// What of a process that may not be dumped is in /proc belongs to root.
	info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		t.Errorf("its memory is open to user %d", owner)
	}
}

func TestMissingFolderIsNamed(t *testing.T) {
	order, err := json.Marshal(prison{Config: confine.Config{Write: []string{"/not/there"}}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asPrisoner+"="+string(order))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "confining the process: ") || !strings.Contains(string(out), "/not/there") {
		t.Errorf("%v, %s", err, out)
	}
}

func TestReport(t *testing.T) {
	for want, r := range map[string]confine.Report{
		"confined: landlock ABI 7, sockets filtered":     {Landlock: 7, Sockets: true},
		"confined: landlock ABI 3":                       {Landlock: 3},
		"not confined: the kernel has no Landlock":       {Missing: "the kernel has no Landlock"},
		"not confined: forbidden here, sockets filtered": {Missing: "forbidden here", Sockets: true},
	} {
		if got := r.String(); got != want || r.Confined() != strings.HasPrefix(want, "confined") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// statuses returns the fields of /proc/PID/status, for each thread of a process.
func statuses(t *testing.T, pid int) map[string]map[string]string {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d threads, %v", len(paths), err)
	}
	all := make(map[string]map[string]string)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // a thread that ended
		}
		all[path] = make(map[string]string)
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(line, ":")
			all[path][name] = strings.TrimSpace(value)
		}
	}
	return all
}

// after returns what stands behind prefix in its line.
func after(text, prefix string) string {
	_, rest, _ := strings.Cut(text, prefix)
	line, _, _ := strings.Cut(rest, "\n")
	return line
}
