package confine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// program is a classic BPF program in the making. It ends with the answer deny, which a program that jumps nowhere comes to, and
// behind it allow and missing.
type program []unix.SockFilter

// target is where a jump leads. The answers are put in place of the first three values when the program ends.
type target uint8

const (
	deny    target = 0xff // EACCES
	allow   target = 0xfe
	missing target = 0xfd // ENOSYS, as from a kernel that has no such call
	next    target = 1    // over one instruction
)

func (p *program) load(offset uint32) { p.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0) }
func (p *program) and(mask uint32)    { p.add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, mask, 0, 0) }

// when, unless and from compare what was loaded: equal, not equal, not below.
func (p *program) when(value uint32, to target) {
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, value, to, 0)
}

func (p *program) unless(value uint32, to target) {
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, value, 0, to)
}

func (p *program) from(value uint32, to target) {
	p.add(unix.BPF_JMP|unix.BPF_JGE|unix.BPF_K, value, to, 0)
}

// has and lacks look for bits in what was loaded.
func (p *program) has(bits uint32, to target) {
	p.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, bits, to, 0)
}

func (p *program) lacks(bits uint32, to target) {
	p.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, bits, 0, to)
}

// only loads the lower half of an argument of the call with this number and has look decide by it; what look does not allow is
// denied. It passes over other calls, whose number stays loaded.
func (p *program) only(number uint32, argument uint32, look func()) {
	at := len(*p)
	p.unless(number, next)
	p.load(dataArgument + 8*argument)
	look()
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES), 0, 0)
	(*p)[at].Jf = uint8(len(*p) - at - 1)
}

func (p *program) add(code uint16, k uint32, yes, no target) {
	*p = append(*p, unix.SockFilter{Code: code, Jt: uint8(yes), Jf: uint8(no), K: k})
}

// end adds the answers and leads the jumps to them.
func (p *program) end() []unix.SockFilter {
	body := len(*p)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES), 0, 0)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW, 0, 0)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS), 0, 0)
	aim := func(i int, to uint8) uint8 {
		switch target(to) {
		case deny:
			return uint8(body - i - 1)
		case allow:
			return uint8(body - i)
		case missing:
			return uint8(body - i + 1)
		}
		return to
	}
	for i := range body {
		f := &(*p)[i]
		if f.Code&0x7 == unix.BPF_JMP {
			f.Jt, f.Jf = aim(i, f.Jt), aim(i, f.Jf)
		}
	}
	return *p
}

// install has a filter hold for every thread. It reports false where the kernel knows none. Needs no_new_privs.
func install(program []unix.SockFilter) (bool, error) {
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	switch {
	case errors.Is(errno, unix.ENOSYS), errors.Is(errno, unix.EINVAL), errors.Is(errno, unix.EPERM):
		return false, nil
	case errno != 0:
		return false, fmt.Errorf("filtering system calls: %w", errno)
	case thread != 0:
		return false, fmt.Errorf("filtering system calls: thread %d has a filter of its own", thread)
	}
	return true, nil
}
