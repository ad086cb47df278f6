package archive

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"mirrorgw/scanner"
)

// fuzzParser has contents read by one parser from their first octet on, whether they begin as its format does or not. Whatever they are,
// it ends without an error but a fault of the content's or the one that stopped it, hands nothing out behind that, reads no more than it
// may, and does the same when it reads them again.
func fuzzParser(f *testing.F, open func(o *opening, at int64) error, pattern, magic string) {
	files, err := filepath.Glob("/usr/share/clamav-testfiles/" + pattern)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(magic))
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(content) < 128<<10 {
			f.Add(content)
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) > 128<<10 {
			return
		}
		held := scanner.Spool{}.NewBuffer()
		defer held.Close()
		if _, err := held.Write(content); err != nil {
			t.Fatal(err)
		}
		part := scanner.NewPart("1", "", "", held)
		found, err := look(part)
		if err != nil {
			t.Fatal(err)
		}
		var first []byte
		for again := range 2 {
			out := &Taker{T: t, Part: part}
			work := &meter{r: part.Reader(), left: maxWork*part.Size() + freeWork}
			o := &opening{ctx: t.Context(), content: work, size: part.Size(), found: found, out: out}
			err := open(o, 0)
			var fault *faultError
			if err != nil && !errors.As(err, &fault) && work.left >= 0 && !out.Ended {
				t.Errorf("error %v, and nothing had been stopped", err)
			}
			if work.left < -chunk {
				t.Errorf("%d octets more were read than may be", -work.left)
			}
			if again == 0 {
				first = out.Told.Bytes()
			} else if !bytes.Equal(first, out.Told.Bytes()) {
				t.Errorf("%.1000q and then %.1000q", first, out.Told.Bytes())
			}
		}
	})
}

func FuzzZip(f *testing.F)     { fuzzParser(f, openZip, "*.zip", "PK\x03\x04") }
func Fuzz7z(f *testing.F)      { fuzzParser(f, open7z, "*.7z", "7z\xbc\xaf\x27\x1c") }
func FuzzRAR(f *testing.F)     { fuzzParser(f, openRAR, "*.rar", "Rar!\x1a\x07\x01\x00") }
func FuzzCabinet(f *testing.F) { fuzzParser(f, openCAB, "*.cab", "MSCF\x00\x00\x00\x00") }
func FuzzCHM(f *testing.F)     { fuzzParser(f, openCHM, "*.chm", "ITSF") }
func FuzzARJ(f *testing.F)     { fuzzParser(f, openARJ, "*.arj", "\x60\xea") }
func FuzzSZDD(f *testing.F)    { fuzzParser(f, openSZDD, "*.szdd", "SZDD\x88\xf0\x27\x33") }
func FuzzCpio(f *testing.F)    { fuzzParser(f, openCpio, "*.cpio", "070701") }
func FuzzAr(f *testing.F) {
	fuzzParser(f, openAr, "*.ar", "!<arch>\nname/           0           0     0     100644  4         `\ntext")
}
func FuzzTar(f *testing.F) { fuzzParser(f, openTar, "*.tar", "name\x00") }
func FuzzCompound(f *testing.F) {
	fuzzParser(f, openCompound, "*.[dp][op][ct]", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

func FuzzPDF(f *testing.F) {
	fuzzParser(f, openPDF, "*.pdf", "%PDF-1.7\n1 0 obj<</Filter[/A85/AHx/Fl]>>stream\nabc~>endstream\n")
}

func FuzzRTF(f *testing.F) {
	fuzzParser(f, openRTF, "*.rtf", `{\rtf1{\object{\*\objdata 0105000002000000080000005061636b61676500}}}`)
}

func FuzzISO(f *testing.F) {
	image := make([]byte, (isoFirst+3)*isoSector)
	descriptor, folder := image[isoFirst*isoSector:], image[(isoFirst+1)*isoSector:]
	copy(descriptor, "\x01CD001\x01")
	copy(descriptor[isoRoot:], "\x22\x00\x11\x00\x00\x00\x00\x00\x00\x00\x00\x08")
	descriptor[isoRoot+25] = 2
	copy(folder, "\x22\x00\x12\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00")
	copy(folder[isoRecord-1:], "\x01a")
	copy(folder[isoSector:], "text")
	fuzzParser(f, openISO, "*.iso", string(image))
}

func FuzzLzip(f *testing.F) { fuzzParser(f, openLzip, "*.lz", "LZIP\x01\x0c\x00\x33\x1b\xe3") }

func FuzzActiveMime(f *testing.F) {
	fuzzParser(f, openActiveMime, "*.mso", "ActiveMime\x78\x9c\x4b\x04\x00\x00\x62\x00\x62")
}

func FuzzMacros(f *testing.F) {
	fuzzParser(f, func(o *opening, at int64) error { return o.macros("", o.section(at, o.size)) }, "*.ole.doc", "\x01\x0b\xb0\x00Attribut\x02ab\x00\x00")
}

// FuzzDecoders: what the decompressors of our own make of packed octets does not depend on how those are read, has an end, and what is
// not packed further comes out as it went in.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte("\x4b\x4c\x4a\x06\x00"), byte(0))
	f.Add([]byte("\x0b\x28\x37\x00"), byte(1))
	f.Add(bytes.Repeat([]byte{0x30, 0, 0, 0x55}, 50), byte(2))
	f.Add(bytes.Repeat([]byte{0xe8, 1, 2, 3, 4, 0xe9}, 50), byte(3))
	const most = 1 << 20
	open := func(packed io.Reader, kind byte) (io.Reader, error) {
		switch kind % 4 {
		case 0:
			return newInflate64(packed), nil
		case 1:
			return newExplode(packed, uint16(kind))
		case 2:
			return newLZX(packed, 15+int(kind/4)%7, most, int(kind/32))
		default:
			all, err := io.ReadAll(packed)
			if err != nil {
				return nil, err
			}
			n := len(all)
			return newBCJ2([]io.Reader{
				bytes.NewReader(all[:n/2]), bytes.NewReader(all[n/2 : n*5/8]), bytes.NewReader(all[n*5/8 : n*6/8]), bytes.NewReader(all[n*6/8:]),
			})
		}
	}
	f.Fuzz(func(t *testing.T, packed []byte, kind byte) {
		var texts [2][]byte
		var failed [2]bool
		for i, packed := range []io.Reader{bytes.NewReader(packed), oneByOne{bytes.NewReader(packed)}} {
			content, err := open(packed, kind)
			if err == nil {
				if i == 1 {
					content = oneByOne{content}
				}
				texts[i], err = io.ReadAll(io.LimitReader(content, most))
			}
			failed[i] = err != nil
		}
		if !bytes.Equal(texts[0], texts[1]) || failed[0] != failed[1] {
			t.Errorf("%d octets, failed %v; one by one %d, %v", len(texts[0]), failed[0], len(texts[1]), failed[1])
		}
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.HuffmanOnly) // without repetitions it is the same method
		if err == nil {
			_, err = w.Write(packed)
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(newInflate64(&b)); err != nil || !bytes.Equal(got, packed) {
			t.Errorf("%d octets came out of %d, %v", len(got), len(packed), err)
		}
	})
}

// oneByOne reads one octet at a time.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(p []byte) (int, error) { return o.r.Read(p[:min(len(p), 1)]) }
