package confine

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Offsets into seccomp_data (linux/seccomp.h) on little-endian machines, where the lower half of an argument comes first.
const (
	dataNumber   = 0
	dataArch     = 4
	dataArgument = 16
)

// x32 marks the system calls of amd64's second ABI, which has all of them once more.
const x32 = 0x40000000

// architectures are the audit numbers of the machines the filter knows.
var architectures = map[string]uint32{
	"amd64":   unix.AUDIT_ARCH_X86_64,
	"arm64":   unix.AUDIT_ARCH_AARCH64,
	"riscv64": unix.AUDIT_ARCH_RISCV64,
	"loong64": unix.AUDIT_ARCH_LOONGARCH64,
}

// filterSockets lets the process make no socket (EACCES) but unix and netlink ones and, with tcp, plain TCP ones. It reports
// false where the machine or the kernel knows no such filter. Needs no_new_privs.
func filterSockets(tcp bool) (bool, error) {
	arch, ok := architectures[runtime.GOARCH]
	if !ok {
		return false, nil
	}
	return install(socketFilter(arch, tcp))
}

// socketFilter returns the filter as a BPF program.
func socketFilter(arch uint32, tcp bool) []unix.SockFilter {
	var p program
	p.load(dataArch)
	p.unless(arch, deny) // the same numbers mean other calls there
	p.load(dataNumber)
	p.from(x32, deny)
	p.when(unix.SYS_IO_URING_SETUP, deny) // its rings make sockets past this filter
	p.unless(unix.SYS_SOCKET, allow)
	p.load(dataArgument)
	p.when(unix.AF_UNIX, allow)
	p.when(unix.AF_NETLINK, allow)
	if tcp {
		p.when(unix.AF_INET, next)
		p.unless(unix.AF_INET6, deny)
		p.load(dataArgument + 8)
		p.and(0xf) // without SOCK_NONBLOCK and SOCK_CLOEXEC
		p.unless(unix.SOCK_STREAM, deny)
		p.load(dataArgument + 16)
		p.when(0, allow)
		p.when(unix.IPPROTO_TCP, allow)
	}
	return p.end()
}
