package archive

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/zstd"
	xz "github.com/mikelolasagasti/xz"
	"github.com/ulikunitz/xz/lzma"
)

// openGzip opens RFC 1952 members, which follow each other as one content. Their checksums are not looked at: the octets are those
// that a client gets, whether it minds or not.
func openGzip(o *opening, at int64) error {
	g := &gunzip{r: bufio.NewReader(o.section(at, o.size))}
	name, err := g.header()
	if err != nil {
		return malformed("its header is cut")
	}
	if tail, err := o.bytes(o.size-4, 4); err == nil && len(tail) == 4 {
		stated := int64(binary.LittleEndian.Uint32(tail))
		if stated > maxDeflated*o.size {
			stated = 0 // no length, but something that follows the archive
		}
		if err := o.out.Expect(stated); err != nil {
			return err
		}
	}
	g.stream = flate.NewReader(g.r)
	return o.member(name, g)
}

// maxDeflated is how much longer what was deflated can be than what it was deflated to.
const maxDeflated = 1032

// gunzip reads the members of a gzip file one after the other.
type gunzip struct {
	r      *bufio.Reader
	stream io.Reader
	ended  bool
}

func (g *gunzip) Read(p []byte) (int, error) {
	for !g.ended {
		n, err := g.stream.Read(p)
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return n, err
		}
		_, err = g.r.Discard(8) // checksum and length
		if err == nil {
			_, err = g.header()
		}
		if err != nil {
			g.ended = true // what follows is padding, or somebody else's
		} else if err = g.stream.(flate.Resetter).Reset(g.r, nil); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// header reads the header of a member, and the name in it.
func (g *gunzip) header() (string, error) {
	var b [10]byte
	if _, err := io.ReadFull(g.r, b[:]); err != nil {
		return "", err
	}
	if b[0] != 0x1f || b[1] != 0x8b || b[2] != 8 {
		return "", errors.New("no header")
	}
	const checksum, extra, name, comment = 1 << 1, 1 << 2, 1 << 3, 1 << 4
	if b[3]&extra != 0 {
		var n [2]byte
		if _, err := io.ReadFull(g.r, n[:]); err != nil {
			return "", err
		}
		if _, err := g.r.Discard(int(binary.LittleEndian.Uint16(n[:]))); err != nil {
			return "", err
		}
	}
	var texts [2]strings.Builder
	for i, flag := range []byte{name, comment} {
		for b[3]&flag != 0 {
			c, err := g.r.ReadByte()
			if err != nil {
				return "", err
			}
			if c == 0 {
				break
			}
			if texts[i].Len() < maxName {
				texts[i].WriteByte(c)
			}
		}
	}
	if b[3]&checksum != 0 {
		if _, err := g.r.Discard(2); err != nil {
			return "", err
		}
	}
	return texts[0].String(), nil
}

func openBzip2(o *opening, at int64) error {
	head, err := o.bytes(at, 10)
	if err != nil {
		return err
	}
	if len(head) < 10 || head[3] < '1' || head[3] > '9' || string(head[4:]) != "1AY&SY" {
		return nil
	}
	return o.member("", bzip2.NewReader(o.section(at, o.size)))
}

func openXZ(o *opening, at int64) error {
	content, err := newXZ(o.section(at, o.size))
	switch {
	case errors.Is(err, errWindow):
		return budget("%v", err)
	case err != nil:
		return malformed("%v", err)
	}
	return o.member("", content)
}

// newXZ returns a reader of an xz file.
func newXZ(packed io.Reader) (io.Reader, error) {
	content, err := xz.NewReader(packed, maxWindow)
	if err != nil {
		return nil, windowError(err)
	}
	return windowReader{content}, nil
}

// windowReader has the libraries' errors over their windows say errWindow.
type windowReader struct{ r io.Reader }

func (w windowReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	return n, windowError(err)
}

func windowError(err error) error {
	if errors.Is(err, xz.ErrMemlimit) || errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		return fmt.Errorf("%w: %w", errWindow, err)
	}
	return err
}

// openLZMA opens a file of the format before xz. It has no magic to speak of: what does not decode is none.
func openLZMA(o *opening, at int64) error {
	head, err := o.bytes(at, lzma.HeaderLen)
	if err != nil {
		return err
	}
	if !lzma.ValidHeader(head) {
		return nil
	}
	content, err := newLZMA(head, o.section(at+lzma.HeaderLen, o.size))
	if err != nil {
		return budget("%v", err)
	}
	fault, err := o.attempt("", content)
	if fault != nil && o.size > lzma.HeaderLen+16 {
		o.note("", fault)
	}
	return err
}

// maxMembers bounds the members of a file of lzip's; beyond, the file is read from its beginning as far as that goes.
const maxMembers = 1000

// openLzip opens lzip's files: members that end with their lengths, of one content together.
func openLzip(o *opening, at int64) error {
	const headLen, tailLen = 6, 20
	var starts []int64 // the last one first
	for end := o.size; end > at; {
		tail, err := o.bytes(end-8, 8)
		if err != nil {
			return err
		}
		begin := int64(-1)
		if len(tail) == 8 {
			begin = end - int64(binary.LittleEndian.Uint64(tail))
		}
		if begin < at || begin > end-headLen-tailLen || len(starts) == maxMembers { // something follows, or it is cut
			starts = []int64{at}
			break
		}
		starts, end = append(starts, begin), begin
	}
	return o.member("", &lzipMembers{opening: o, starts: starts})
}

// lzipMembers reads one member after the other.
type lzipMembers struct {
	*opening
	starts  []int64
	current io.Reader
}

func (l *lzipMembers) Read(p []byte) (int, error) {
	for {
		if l.current == nil {
			last := len(l.starts) - 1
			if last < 0 {
				return 0, io.EOF
			}
			var err error
			if l.current, err = l.open(l.starts[last]); err != nil {
				return 0, err
			}
			l.starts = l.starts[:last]
		}
		n, err := l.current.Read(p)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			l.current, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// open returns a reader of the member that begins at an offset: six octets ahead of a stream whose end is marked.
func (l *lzipMembers) open(at int64) (io.Reader, error) {
	const headLen, minDictionary = 6, 4 << 10
	head, err := l.bytes(at, headLen)
	if err != nil {
		return nil, err
	}
	if len(head) < headLen || string(head[:4]) != "LZIP" {
		return nil, errPacked
	}
	dictionary := uint32(1) << (head[5] & 0x1f)
	dictionary = max(dictionary-dictionary/16*uint32(head[5]>>5), minDictionary)
	header := append([]byte{0x5d}, binary.LittleEndian.AppendUint32(nil, dictionary)...)
	return newLZMA(append(header, bytes.Repeat([]byte{0xff}, 8)...), l.section(at+headLen, l.size))
}

// newLZMA returns a reader of what packed holds, according to a header of the file format: properties, dictionary, length.
func newLZMA(head []byte, packed io.Reader) (io.Reader, error) {
	content, err := lzma.ReaderConfig{DictCap: maxWindow}.NewReader(io.MultiReader(bytes.NewReader(head), bufio.NewReader(packed)))
	if _, ok := errors.AsType[*lzma.ErrDictSize](err); ok {
		return nil, fmt.Errorf("%w: %w", errWindow, err)
	}
	return content, err
}

func openZstd(o *opening, at int64) error {
	content, err := newZstd(o.section(at, o.size))
	if err != nil {
		return malformed("%v", err)
	}
	defer content.Close()
	return o.member("", windowReader{content})
}

// newZstd returns a reader that is to be closed, and starts nothing.
func newZstd(packed io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(1<<40), zstd.IgnoreChecksum(true))
}
