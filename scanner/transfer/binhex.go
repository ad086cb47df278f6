package transfer

import (
	"encoding/binary"
	"io"
	"sync"
)

// Fork is one of the two contents of a Macintosh file.
type Fork uint8

const (
	DataFork     Fork = iota // what other systems call the file. The zero value
	ResourceFork             // icons, code and the like
)

// NewBinHex returns a decoder of BinHex 4.0 (RFC 1741 appendix A) that writes one fork to w. It is given what follows the line that
// announces the encoding. Checksums are not looked at: clients open a file whose checksum is wrong.
func NewBinHex(w io.Writer, fork Fork) io.WriteCloser {
	return &binHexDecoder{out: flusher{w: w}, fork: fork, values: binHexValues(), state: binHexBefore}
}

// states of a binHexDecoder.
const (
	binHexBefore = iota // the colon that opens the text has not come
	binHexText
	binHexEnded
)

// A header is the length of a name, at most 63, the name, and 21 octets: version, type, creator, flags, two lengths and a checksum.
const (
	maxBinHexName = 63
	binHexFixed   = 22
)

const binHexRun = 0x90 // marks a run: the octet before it is there as often as the next octet says

type binHexDecoder struct {
	out    flusher
	fork   Fork
	values *[256]byte
	state  int

	quantum uint32
	digits  int

	last  byte
	inRun bool

	header []byte
	passed uint64 // octets behind the header
	from   uint64 // of the fork wanted, counted behind the header
	to     uint64
}

func (d *binHexDecoder) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case c == ':' && d.state == binHexBefore:
			d.state = binHexText
		case c == ':' && d.state == binHexText:
			d.state = binHexEnded
		case d.state == binHexText && d.values[c] < 64:
			d.digit(d.values[c])
		}
	}
	return len(p), d.out.err
}

func (d *binHexDecoder) digit(v byte) {
	d.quantum = d.quantum<<6 | uint32(v)
	if d.digits++; d.digits == 4 {
		d.compressed(byte(d.quantum >> 16))
		d.compressed(byte(d.quantum >> 8))
		d.compressed(byte(d.quantum))
		d.digits = 0
	}
}

// compressed takes one octet before runs are expanded.
func (d *binHexDecoder) compressed(c byte) {
	switch {
	case d.inRun && c == 0: // the mark itself
		d.inRun = false
		d.last = binHexRun
		d.octet(binHexRun)
	case d.inRun:
		d.inRun = false
		for range c - 1 {
			d.octet(d.last)
		}
	case c == binHexRun:
		d.inRun = true
	default:
		d.last = c
		d.octet(c)
	}
}

// octet takes one octet of header, forks and checksums.
func (d *binHexDecoder) octet(c byte) {
	if len(d.header) == 0 || len(d.header) < d.headerLength() {
		d.header = append(d.header, c)
		if len(d.header) == d.headerLength() {
			d.place()
		}
		return
	}
	if d.passed >= d.from && d.passed < d.to {
		d.out.put(c)
	}
	d.passed++
}

func (d *binHexDecoder) headerLength() int { return min(int(d.header[0]), maxBinHexName) + binHexFixed }

// place reads from the header where the fork lies: header checksum, data fork, checksum, resource fork.
func (d *binHexDecoder) place() {
	tail := d.header[len(d.header)-10:] // two lengths and the header's checksum
	data, resource := uint64(binary.BigEndian.Uint32(tail)), uint64(binary.BigEndian.Uint32(tail[4:]))
	d.from, d.to = 0, data
	if d.fork == ResourceFork {
		d.from, d.to = data+2, data+2+resource
	}
}

func (d *binHexDecoder) Close() error {
	switch d.digits { // whole octets of an unfinished quantum
	case 2:
		d.compressed(byte(d.quantum >> 4))
	case 3:
		d.compressed(byte(d.quantum >> 10))
		d.compressed(byte(d.quantum >> 2))
	}
	d.digits = 0
	return d.out.flush()
}

// binHexValues returns the value of each octet as a digit.
var binHexValues = sync.OnceValue(func() *[256]byte {
	return alphabet("!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr")
})
