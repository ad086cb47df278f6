//go:build amd64 || arm64 || riscv64 || loong64

package confine

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// filterCalls leaves the process the system calls of a program that computes. It reports false as filterSockets does.
func filterCalls() (bool, error) {
	arch, ok := architectures[runtime.GOARCH]
	if !ok {
		return false, nil
	}
	return install(callFilter(arch, uint32(unix.Getpid())))
}

// harmless are the calls of Go's runtime, of the C library's memory and threads, and of a worker with its descriptors.
func harmless() []uint32 {
	return []uint32{
		unix.SYS_READ, unix.SYS_WRITE, unix.SYS_PREAD64, unix.SYS_LSEEK, unix.SYS_CLOSE, unix.SYS_RECVMSG, unix.SYS_GETSOCKOPT,
		unix.SYS_FSTAT, unix.SYS_NEWFSTATAT, unix.SYS_STATX, unix.SYS_FCNTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2,
		unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_BRK,
		unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY,
		unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGACTION, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
		unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY, unix.SYS_GETRANDOM,
		unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
	}
}

// callFilter returns the filter as a BPF program. What it does not know is refused, and not the end of the process: a library of
// another version may try what it can do without.
func callFilter(arch, pid uint32) []unix.SockFilter {
	var p program
	p.load(dataArch)
	p.unless(arch, deny)
	p.load(dataNumber)
	for _, number := range harmless() {
		p.when(number, allow)
	}
	p.when(unix.SYS_CLONE3, missing) // its flags are out of a filter's sight; the C library then takes clone
	p.only(unix.SYS_CLONE, 0, func() { p.has(unix.CLONE_THREAD, allow) })
	p.only(unix.SYS_MMAP, 2, func() { p.lacks(unix.PROT_EXEC, allow) })
	p.only(unix.SYS_MPROTECT, 2, func() { p.lacks(unix.PROT_EXEC, allow) })
	p.only(unix.SYS_TGKILL, 0, func() { p.when(pid, allow) }) // the runtime interrupts its threads
	return p.end()
}
