package confine

import "golang.org/x/sys/unix"

// program is a classic BPF program in the making. It ends with the answer deny, which a program that jumps nowhere comes to, and
// behind it allow.
type program []unix.SockFilter

// target is where a jump leads. The two answers are put in place of the first two values when the program ends.
type target uint8

const (
	deny  target = 0xff
	allow target = 0xfe
	next  target = 1 // over one instruction
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

func (p *program) add(code uint16, k uint32, yes, no target) {
	*p = append(*p, unix.SockFilter{Code: code, Jt: uint8(yes), Jf: uint8(no), K: k})
}

// end adds the answers and leads the jumps to them.
func (p *program) end() []unix.SockFilter {
	body := len(*p)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(unix.EACCES), 0, 0)
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW, 0, 0)
	aim := func(i int, to uint8) uint8 {
		switch target(to) {
		case deny:
			return uint8(body - i - 1)
		case allow:
			return uint8(body - i)
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
