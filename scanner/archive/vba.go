package archive

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// vbaBegins is what the source of a macro begins with, packed: the attribute that names its module ([MS-OVBA] section 2.3.4.3). Its first
// eight octets repeat nothing, so that they stand as they are, behind an octet that says so.
const vbaBegins = "\x00Attribut"

// vbaHead is what stands ahead of that: the signature of the packed content, and the header of its first chunk.
const vbaHead = 3

// hasMacros says whether streams are those of a document with macros: each project has this one ([MS-OVBA] section 2.3.4.1).
func hasMacros(streams []stream) bool {
	for _, s := range streams {
		if s.name == "_VBA_PROJECT" {
			return true
		}
	}
	return false
}

// macros hands out the sources of macros in a stream. They stand behind what their compiler has made of them.
func (o *opening) macros(name string, content io.Reader) error {
	r := bufio.NewReader(content)
	for {
		b, err := r.Peek(r.Size())
		at := bytes.Index(b, []byte(vbaBegins))
		switch {
		case at < 0 && err != nil:
			return nil // its end; that it came too early has been noted
		case at < 0:
			at = len(b) - len(vbaBegins) - vbaHead
		case at < vbaHead || b[at-vbaHead] != 1:
			at++
		default:
			if _, err := r.Discard(at - vbaHead + 1); err != nil {
				return nil
			}
			if _, err := o.attempt(name, &vbaSource{r: r}); err != nil { // of a damaged one what comes out of it is all that is seen
				return err
			}
			continue
		}
		if _, err := r.Discard(at); err != nil {
			return nil
		}
	}
}

// vbaSource reads what was packed as [MS-OVBA] section 2.4.1 says, from its first chunk on. What is no chunk ends it.
type vbaSource struct {
	r    *bufio.Reader
	out  []byte // the current chunk
	read int
}

// vbaChunk is the length of a chunk that is not the last, unpacked.
const vbaChunk = 4096

func (v *vbaSource) Read(p []byte) (int, error) {
	for v.read == len(v.out) {
		head, err := v.r.Peek(2)
		if err != nil {
			return 0, io.EOF
		}
		const signature, packed = 0x3000, 0x8000
		h := binary.LittleEndian.Uint16(head)
		if h&0x7000 != signature {
			return 0, io.EOF
		}
		if _, err := v.r.Discard(len(head)); err != nil {
			return 0, err
		}
		chunk := make([]byte, int(h&0xfff)+3-len(head))
		if _, err := io.ReadFull(v.r, chunk); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, io.ErrUnexpectedEOF
		} else if err != nil {
			return 0, err
		}
		if v.out, v.read = v.out[:0], 0; h&packed == 0 {
			v.out = append(v.out, chunk...)
		} else if err := v.unpack(chunk); err != nil {
			return 0, err
		}
	}
	n := copy(p, v.out[v.read:])
	v.read += n
	return n, nil
}

// unpack unpacks one chunk: an octet whose bits say of the eight tokens behind it which are octets, and which repeat earlier ones.
func (v *vbaSource) unpack(chunk []byte) error {
	c := &cursor{b: chunk}
	for len(c.b) > 0 {
		flags := c.u8()
		for token := 0; token < 8 && len(c.b) > 0; token++ {
			if flags>>token&1 == 0 {
				v.out = append(v.out, c.u8())
				continue
			}
			pair := c.u16()
			width := max(4, bits.Len(uint(max(len(v.out), 1)-1)))
			back, n := int(pair>>(16-width))+1, int(pair&(0xffff>>width))+3
			if c.bad || back > len(v.out) || len(v.out)+n > vbaChunk {
				return errPacked
			}
			for range n {
				v.out = append(v.out, v.out[len(v.out)-back])
			}
		}
	}
	return nil
}
