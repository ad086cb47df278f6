package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vishvananda/netns"
)

// namespaceFolder is where iproute2 keeps the names of network namespaces.
const namespaceFolder = "/run/netns"

// Host is one machine of a lab: a network namespace. Its methods may be called from any goroutine.
type Host struct {
	// Name is client, mirror, router or internet.
	Name string

	// Namespace is its name for "ip netns exec".
	Namespace string

	folder string // for the logs of what Start starts
}

// Command returns a command to be run in the host's network. It is an ordinary command otherwise: it ends with ctx, and
// the caller sees to its input and output.
func (h *Host) Command(ctx context.Context, argv ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", h.Namespace}, argv...)...)
}

// Output runs a command to its end and returns what it wrote to standard output.
//
// Errors: *exec.ExitError with the host, the command and what it wrote to standard error; a missing tool names its package.
func (h *Host) Output(ctx context.Context, argv ...string) ([]byte, error) {
	if err := needTools(argv[0]); err != nil {
		return nil, err
	}
	return output(h.Command(ctx, argv...), h.Name+": "+strings.Join(argv, " "))
}

// output runs a command; what says in an error what was run.
func output(cmd *exec.Cmd, what string) ([]byte, error) {
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return out, fmt.Errorf("%s: %w: %s", what, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return out, fmt.Errorf("%s: %w", what, err)
}

// Do runs f in the host's network. Sockets that f opens stay there; goroutines that f starts are not there.
func (h *Host) Do(f func() error) (err error) {
	runtime.LockOSThread()
	defer func() {
		// A thread that did not come back stays locked, and ends with its goroutine.
		if !errors.Is(err, errAway) {
			runtime.UnlockOSThread()
		}
	}()
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer home.Close()
	there, err := netns.GetFromPath(filepath.Join(namespaceFolder, h.Namespace))
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", h.Namespace, err)
	}
	defer there.Close()
	if err := netns.Set(there); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", h.Namespace, err)
	}
	defer func() {
		if back := netns.Set(home); back != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", errAway, back))
		}
	}()
	return f()
}

// errAway reports a thread that is left in another network namespace.
var errAway = errors.New("leave network namespace")

// Dial connects from the host. The network is "tcp" or "udp".
func (h *Host) Dial(ctx context.Context, network string, to netip.AddrPort) (net.Conn, error) {
	var c net.Conn
	err := h.Do(func() (err error) {
		// An address that needs no resolver is dialled on the caller's thread.
		c, err = new(net.Dialer).DialContext(ctx, network, to.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return c, nil
}

// Listen accepts TCP connections at an address of the host.
func (h *Host) Listen(ctx context.Context, at netip.AddrPort) (net.Listener, error) {
	var l net.Listener
	err := h.Do(func() (err error) {
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", at.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", h.Name, err)
	}
	return l, nil
}

// Sysctl returns a kernel setting of the host's network, such as "net.ipv4.ip_forward".
func (h *Host) Sysctl(key string) (string, error) {
	var value string
	err := h.Do(func() error {
		// /proc/sys/net shows the network namespace of the thread that opens it.
		b, err := os.ReadFile(sysctlPath(key))
		value = strings.TrimSpace(string(b))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("%s: %w", h.Name, err)
	}
	return value, nil
}

// setSysctls writes kernel settings, each "key=value".
func (h *Host) setSysctls(settings ...string) error {
	err := h.Do(func() error {
		for _, setting := range settings {
			key, value, _ := strings.Cut(setting, "=")
			if err := os.WriteFile(sysctlPath(key), []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	return nil
}

func sysctlPath(key string) string {
	return filepath.Join("/proc/sys", strings.ReplaceAll(key, ".", "/"))
}
