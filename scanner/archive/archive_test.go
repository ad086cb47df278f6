package archive_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
	"github.com/ulikunitz/xz/lzma"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
)

// payload is what a client would get out of the containers of these tests.
const payload = "MZ\x00\xff the payload, which is long enough to be worth packing: packing, packing, packing \x01\x02"

// seeker is an engine that finds the payload, where it is a content and nothing else.
type seeker struct {
	mu       sync.Mutex
	parts    []string
	contents []string
}

func (*seeker) Name() string { return "seeker" }

func (s *seeker) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content, err := io.ReadAll(part.Reader())
	s.parts, s.contents = append(s.parts, part.Path+" "+part.Name), append(s.contents, string(content))
	if err != nil || string(content) != payload {
		return nil, err
	}
	return scanner.Findings{{Engine: "seeker", Rule: "payload", Part: part.Path}}, nil
}

// scan has a content judged that is the one attachment of a mail.
func scan(t testing.TB, limits scanner.Limits, content []byte) (scanner.Verdict, *seeker) {
	t.Helper()
	engine := &seeker{}
	s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{engine}, Openers: []scanner.Opener{archive.Opener{}}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	mail := scanner.Spool{}.NewBuffer()
	defer mail.Close()
	if _, err := io.WriteString(mail, "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n"+base64.StdEncoding.EncodeToString(content)); err != nil {
		t.Fatal(err)
	}
	return s.Scan(t.Context(), mail, true), engine
}

// finds has the payload found in content, at the part with this path, and nothing left undone.
func finds(t *testing.T, content []byte, at string) {
	t.Helper()
	v, engine := scan(t, scanner.Limits{}, content)
	if !slices.ContainsFunc(v.Findings, func(f scanner.Finding) bool { return f.Part == at }) || len(v.Also) > 0 {
		t.Errorf("verdict %+v; parts: %s", v, strings.Join(engine.parts, ", "))
	}
}

// causes has content judged for this cause, among others.
func causes(t *testing.T, content []byte, want scanner.Cause, detail string) {
	t.Helper()
	v, engine := scan(t, scanner.Limits{}, content)
	if v.Class == scanner.Clean || v.Cause != want && !slices.Contains(v.Also, want) || !strings.Contains(v.Detail, detail) {
		t.Errorf("verdict %+v; parts: %s", v, strings.Join(engine.parts, ", "))
	}
}

func gz(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = "inner"
	io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pipe has a program of the system pack content.
func pipe(t testing.TB, content string, command ...string) []byte {
	t.Helper()
	c := exec.CommandContext(t.Context(), command[0], command[1:]...)
	c.Stdin = strings.NewReader(content)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return out
}

func zipOf(t testing.TB, method uint16, members ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i+1 < len(members); i += 2 {
		m, err := w.CreateHeader(&zip.FileHeader{Name: members[i], Method: method})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(m, members[i+1])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func tarOf(t testing.TB, format tar.Format, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o600, Format: format}); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedFiles(t *testing.T) {
	half := len(payload) / 2
	var zs, x, lz bytes.Buffer
	zw, _ := zstd.NewWriter(&zs)
	io.WriteString(zw, payload)
	zw.Close()
	xw, _ := xz.NewWriter(&x)
	io.WriteString(xw, payload)
	xw.Close()
	lw, _ := lzma.NewWriter(&lz)
	io.WriteString(lw, payload)
	lw.Close()
	for name, content := range map[string][]byte{
		"gzip":                          gz(t, payload),
		"gzip in two":                   append(gz(t, payload[:half]), gz(t, payload[half:])...),
		"gzip and something behind":     append(gz(t, payload), "trailing \xff\xff\xff\xff"...),
		"gzip with another checksum":    slices.Replace(gz(t, payload), len(gz(t, payload))-8, len(gz(t, payload))-4, 1, 2, 3, 4),
		"bzip2":                         pipe(t, payload, "python3", "-c", "import bz2,sys;sys.stdout.buffer.write(bz2.compress(sys.stdin.buffer.read()))"),
		"xz":                            x.Bytes(),
		"xz by xz, a filter ahead":      pipe(t, payload, "xz", "-c", "--x86", "--lzma2=dict=1MiB"),
		"lzma":                          lz.Bytes(),
		"lzma by xz":                    pipe(t, payload, "xz", "-c", "--format=lzma"),
		"zstd":                          zs.Bytes(),
		"zstd, a skippable frame ahead": append([]byte("\x52\x2a\x4d\x18\x03\x00\x00\x00abc"), zs.Bytes()...),
	} {
		t.Run(name, func(t *testing.T) { finds(t, content, "1/1") })
	}
}

func TestCutFilesAreMalformed(t *testing.T) {
	whole := gz(t, payload)
	causes(t, whole[:len(whole)/2], scanner.CauseMalformed, "cannot be read to its end")
	causes(t, zipOf(t, zip.Deflate, "a", payload)[:80], scanner.CauseMalformed, "cannot be read to its end")
	tarred := tarOf(t, tar.FormatUSTAR, "a", payload)
	causes(t, tarred[:550], scanner.CauseMalformed, "cannot be read to its end")
}

func TestDictionariesAreBounded(t *testing.T) {
	head := append([]byte{0x5d, 0, 0, 0, 8}, bytes.Repeat([]byte{0xff}, 8)...) // 128 MiB
	causes(t, append(head, make([]byte, 100)...), scanner.CauseBudget, "dictionary")
	causes(t, pipe(t, payload, "xz", "-c", "--lzma2=dict=128MiB"), scanner.CauseBudget, "dictionary")
	causes(t, pipe(t, strings.Repeat(payload, 1000), "zstd", "-c", "--ultra", "-22", "--long=31"), scanner.CauseBudget, "dictionary")
}

func TestTar(t *testing.T) {
	for _, f := range []tar.Format{tar.FormatUSTAR, tar.FormatPAX, tar.FormatGNU} {
		finds(t, tarOf(t, f, "a/name.exe", payload), "1/1")
	}
	long := tarOf(t, tar.FormatGNU, strings.Repeat("long/", 50)+"name", payload)
	finds(t, long, "1/1")
	v7 := tarOf(t, tar.FormatUSTAR, "name", payload)
	clear(v7[257:265]) // the magic, which is counted in the sum
	v7[155], v7[154] = ' ', 0
	sum := 0
	for i, c := range v7[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int(c)
	}
	copy(v7[148:], fmt.Sprintf("%06o\x00", sum))
	finds(t, v7, "1/1")
	finds(t, gz(t, string(long)), "1/1/1")
}

func TestZip(t *testing.T) {
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		content := zipOf(t, method, "a.exe", payload)
		finds(t, content, "1/1")
		finds(t, append([]byte("#!/bin/sh\nsomething that is ahead of it\n"), content...), "1/1")
		finds(t, append(slices.Clone(content), "and behind"...), "1/1")
	}
	finds(t, zipOf(t, zip.Store, "b.zip", string(zipOf(t, zip.Deflate, "a.exe", payload))), "1/1/1")
	_, engine := scan(t, scanner.Limits{}, zipOf(t, zip.Deflate, "../../\x1b[2Jevil\u202e.exe", payload))
	if want := "1/1 ../../ [2Jevil .exe"; !slices.Contains(engine.parts, want) {
		t.Errorf("parts: %q", engine.parts)
	}
}

func TestZipMethods(t *testing.T) {
	for name, method := range map[string]string{"bzip2": "zipfile.ZIP_BZIP2", "lzma": "zipfile.ZIP_LZMA"} {
		t.Run(name, func(t *testing.T) {
			finds(t, pipe(t, payload, "python3", "-c", "import zipfile,sys,io;b=io.BytesIO();z=zipfile.ZipFile(b,'w',"+method+
				");z.writestr('a',sys.stdin.buffer.read());z.close();sys.stdout.buffer.write(b.getvalue())"), "1/1")
		})
	}
	odd := zipOf(t, zip.Deflate, "a.exe", payload)
	odd[8] = 97
	odd[bytes.Index(odd, []byte("PK\x01\x02"))+10] = 97
	causes(t, odd, scanner.CauseMalformed, "method 97")
}

// TestZipDisagreements: readers of zip archives go by the directory, by the headers ahead of members, or by what they find on the
// way. What any of them gets is judged.
func TestZipDisagreements(t *testing.T) {
	two := zipOf(t, zip.Store, "a", "an innocent text", "b", payload)
	directory := bytes.Index(two, []byte("PK\x01\x02"))
	second := bytes.LastIndex(two, []byte("PK\x03\x04"))

	t.Run("no directory", func(t *testing.T) { finds(t, two[:directory], "1/2") })
	t.Run("a member that no directory names", func(t *testing.T) {
		one := zipOf(t, zip.Store, "a", "an innocent text")
		content := slices.Concat(two[second:directory], one)
		v, _ := scan(t, scanner.Limits{}, content)
		if v.Class != scanner.Infected {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("a member between others that no directory names", func(t *testing.T) {
		three := zipOf(t, zip.Deflate, "a", "an innocent text", "b", payload, "c", "another one")
		entry := bytes.Index(three, []byte("PK\x01\x02\x14\x00\x14\x00\x08\x00\x08"))
		next := entry + 46 + 1
		content := append(slices.Clone(three[:next]), three[next+46+1:]...)
		if bytes.Count(content, []byte("PK\x01\x02")) != 2 {
			t.Fatal("not the archive that was meant")
		}
		v, engine := scan(t, scanner.Limits{}, content)
		if v.Class != scanner.Infected || len(v.Also) > 0 {
			t.Errorf("verdict %+v; parts %q", v, engine.parts)
		}
	})
	t.Run("two directories", func(t *testing.T) {
		v, _ := scan(t, scanner.Limits{}, slices.Concat(zipOf(t, zip.Deflate, "b", payload), zipOf(t, zip.Store, "a", "text")))
		if v.Class != scanner.Infected {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("only the directory knows the method", func(t *testing.T) {
		content := zipOf(t, zip.Deflate, "b", payload)
		content[8] = 0
		finds(t, content, "1/1")
	})
	t.Run("only the header knows the method", func(t *testing.T) {
		content := zipOf(t, zip.Deflate, "b", payload)
		content[bytes.Index(content, []byte("PK\x01\x02"))+10] = 0
		v, _ := scan(t, scanner.Limits{}, content)
		if v.Class != scanner.Infected {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("a stored member whose length is wrong in the header", func(t *testing.T) {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		m, _ := w.CreateRaw(&zip.FileHeader{Name: "b", Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(payload)), CompressedSize64: uint64(len(payload)), UncompressedSize64: uint64(len(payload))})
		io.WriteString(m, payload)
		w.Close()
		content := b.Bytes()
		binary.LittleEndian.PutUint32(content[18:], 5)
		binary.LittleEndian.PutUint32(content[22:], 5)
		v, _ := scan(t, scanner.Limits{}, content)
		if v.Class != scanner.Infected {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("said to be encrypted", func(t *testing.T) {
		content := zipOf(t, zip.Deflate, "b", payload)
		content[6] |= 1
		causes(t, content, scanner.CauseEncrypted, "")
		causes(t, content, scanner.CauseInfected, "")
	})
}

func TestZipEncrypted(t *testing.T) {
	dir := t.TempDir()
	c := exec.CommandContext(t.Context(), "zip", "-q", "-P", "infected", "-", "-")
	c.Dir, c.Stdin = dir, strings.NewReader(payload)
	content, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	causes(t, content, scanner.CauseEncrypted, `"-"`)
	aes := zipOf(t, zip.Store, "secret.doc", payload)
	aes[8] = 99
	aes[bytes.Index(aes, []byte("PK\x01\x02"))+10] = 99
	causes(t, aes, scanner.CauseEncrypted, "secret.doc")
}

// nest packs content n times.
func nest(t testing.TB, n int, content string) []byte {
	t.Helper()
	b := []byte(content)
	for range n {
		b = zipOf(t, zip.Deflate, "next.zip", string(b))
	}
	return b
}

// TestBombs: what cannot be judged within the limits is over the budget, and says so soon.
func TestBombs(t *testing.T) {
	for _, n := range []int{5, 14} {
		finds(t, nest(t, n, payload), "1"+strings.Repeat("/1", n))
	}
	zeros := flated(t, 500<<20)
	for name, content := range map[string][]byte{
		"nested 17 deep": nest(t, 17, payload),
		"nested 40 deep": nest(t, 40, payload),
		"1:1000":         rawZip(zeros, 500<<20, 1),
		"42 kB":          nested42(t, zeros),
		"overlapping":    rawZip(flated(t, 1<<20), 1<<20, 1000),
	} {
		t.Run(name, func(t *testing.T) {
			v, engine := scan(t, scanner.Limits{}, content)
			if v.Cause != scanner.CauseBudget || v.Took > time.Second {
				t.Errorf("verdict %+v", v)
			}
			if honest := name == "1:1000" || name == "overlapping"; honest && len(engine.parts) != 2 {
				t.Errorf("an archive that states what it holds was unpacked: %q", engine.parts)
			}
			t.Logf("%d octets: %v", len(content), v.Took)
		})
	}
}

// TestBombsThatLie: what does not state its length, or a wrong one, ends at the limit, and gives back what it took.
func TestBombsThatLie(t *testing.T) {
	zeros := flated(t, 500<<20)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for name, content := range map[string][]byte{
		"zip":  rawZip(zeros, 100, 1),
		"gzip": append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"), zeros...),
	} {
		if v, _ := scan(t, scanner.Limits{Expanded: 64 << 20}, content); v.Cause != scanner.CauseBudget {
			t.Errorf("%s: verdict %+v", name, v)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("%d octets are still held", grown)
	}
}

// TestFilesOnDisk: contents that are not in memory are looked into alike, wherever a chunk ends.
func TestFilesOnDisk(t *testing.T) {
	content := zipOf(t, zip.Deflate, "a.exe", payload)
	for _, n := range []int{300 << 10, 5*(64<<10-8) - 1, 5*(64<<10) - 3, 5 * (64<<10 - 8), 5*(64<<10-8) + 7} {
		for _, content := range [][]byte{content, rar5("a.exe", payload, false, false)} {
			v, engine := scan(t, scanner.Limits{}, append(bytes.Repeat([]byte("P"), n), content...))
			if v.Class != scanner.Infected || len(v.Also) > 0 || len(engine.parts) != 3 {
				t.Errorf("behind %d octets: verdict %+v; parts %q", n, v, engine.parts)
			}
		}
	}
}

// BenchmarkOpen shows what it costs that a content is nothing of what is opened here.
func BenchmarkOpen(b *testing.B) {
	content := scanner.Spool{Memory: 1 << 20}.NewBuffer()
	defer content.Close()
	if _, err := io.WriteString(content, strings.Repeat(base64.StdEncoding.EncodeToString([]byte(payload)), 9000)[:1<<20]); err != nil {
		b.Fatal(err)
	}
	part := scanner.NewPart("1", "", "", content)
	b.SetBytes(content.Size())
	b.ReportAllocs()
	for b.Loop() {
		if err := (archive.Opener{}).Open(b.Context(), part, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// flated returns n zeros, a multiple of a MiB, deflated.
func flated(t testing.TB, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 9)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 1<<20))
	w.Flush()
	return append(bytes.Repeat(b.Bytes(), int(n>>20)), 1, 0, 0, 0xff, 0xff)
}

// rawZip returns an archive of one deflated content, which stands in the directory n times, each time under another local header: each of
// these is part of an uncompressed block ahead of the content in those before.
func rawZip(content []byte, size uint32, n int) []byte {
	le := binary.LittleEndian
	var locals [][]byte
	header := func(i int) []byte {
		h := make([]byte, 30)
		copy(h, "PK\x03\x04")
		h[4], h[8] = 20, 8
		le.PutUint32(h[22:], size)
		name := fmt.Sprintf("f%04d", i)
		le.PutUint16(h[26:], uint16(len(name)))
		return append(h, name...)
	}
	for i := range n {
		h := header(i)
		if i+1 < n {
			next := len(header(i + 1))
			h = append(h, 0, byte(next), byte(next>>8), byte(^next), byte(^next>>8)) // a stored block that holds the next header
		}
		locals = append(locals, h)
	}
	b := slices.Concat(slices.Concat(locals...), content)
	at, directory := 0, len(b)
	for i, h := range locals {
		c := make([]byte, 46)
		copy(c, "PK\x01\x02")
		c[6], c[10] = 20, 8
		le.PutUint32(c[20:], uint32(directory-at))
		le.PutUint32(c[24:], size)
		name := fmt.Sprintf("f%04d", i)
		le.PutUint16(c[28:], uint16(len(name)))
		le.PutUint32(c[42:], uint32(at))
		b = append(append(b, c...), name...)
		at += len(h)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	le.PutUint16(end[8:], uint16(n))
	le.PutUint16(end[10:], uint16(n))
	le.PutUint32(end[12:], uint32(len(b)-directory))
	le.PutUint32(end[16:], uint32(directory))
	return append(b, end...)
}

// nested42 packs sixteen archives of sixteen archives, down to much that is zero.
func nested42(t testing.TB, zeros []byte) []byte {
	t.Helper()
	b := rawZip(zeros, 500<<20, 1)
	for level := range 4 {
		var members []string
		for i := range 16 {
			members = append(members, fmt.Sprintf("lib %d %d.zip", level, i), string(b))
		}
		b = zipOf(t, zip.Deflate, members...)
	}
	return b
}

// TestQuine: an archive that holds itself is over the budget of any depth.
func TestQuine(t *testing.T) { causes(t, quine(), scanner.CauseBudget, "without end") }

// quine returns a gzip file that unpacks to itself, but for its checksum: a program of two instructions, each five octets long, which
// print the k following units of five octets, or the last four units once more.
func quine() []byte {
	printNext := func(k byte) []byte { return []byte{0, 5 * k, 0, ^(5 * k), 0xff} }
	repeat := func(final byte) []byte { // a block of two matches: ten octets each, twenty octets back
		var bits uint64
		at := 0
		put := func(v, n int, highFirst bool) {
			for i := range n {
				bit := v >> i
				if highFirst {
					bit = v >> (n - 1 - i)
				}
				bits |= uint64(bit&1) << at
				at++
			}
		}
		put(int(final), 1, false)
		put(1, 2, false)
		for range 2 {
			put(264-256, 7, true)
			put(8, 5, true)
			put(20-17, 3, false)
		}
		return binary.LittleEndian.AppendUint64(nil, bits)[:5]
	}
	head := []byte("\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x00self\x00")
	tail := make([]byte, 15)
	l0, l1, l4, r4, end := printNext(0), printNext(1), printNext(4), repeat(0), repeat(1)
	return slices.Concat(
		head, l4, head, l4, r4,
		l1, r4, l1, l1,
		l4, r4, l1, l1, l4, r4,
		l4, r4, l4, r4, l4, r4,
		l4, r4, l0, l0, l4, r4,
		l0, l0, l4, end, tail, end, tail)
}
