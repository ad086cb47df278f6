package archive_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

func TestISO(t *testing.T) {
	files := map[string]string{"a long name.txt": strings.Repeat("text ", 1000), "payload.exe": payload}
	for _, options := range []string{"-quiet", "-J", "-r", "-udf"} {
		image := archived(t, files, "x.iso", "genisoimage", "-quiet", options, "-o")
		finds(t, image, "1/2")
	}
	image := archived(t, files, "x.iso", "genisoimage", "-quiet", "-J", "-o")
	_, engine := scan(t, scanner.Limits{}, image)
	if !slices.ContainsFunc(engine.parts, func(s string) bool { return strings.HasSuffix(s, " a long name.txt") }) || len(engine.parts) != 4 {
		t.Errorf("parts %q", engine.parts)
	}
	// Records of one place and other lengths are files each; a folder may hold itself.
	image = archived(t, files, "x.iso", "genisoimage", "-quiet", "-o")
	folder := bytes.Index(image, []byte("PAYLOAD.EXE;1"))
	if folder < 0 {
		t.Fatal("no record of the payload")
	}
	record := folder - 33
	doubled := slices.Clone(image)
	copy(doubled[record+int(image[record]):], image[record:][:image[record]])
	binary.LittleEndian.PutUint32(doubled[record+10:], 1)
	finds(t, doubled, "1/3")
	loop := slices.Clone(image)
	loop[record+25] |= 2
	copy(loop[record+2:record+14], loop[16*2048+156+2:])
	if v, engine := scan(t, scanner.Limits{}, loop); v.Class != scanner.Clean || len(engine.parts) != 3 {
		t.Errorf("verdict %+v; parts %q", v, engine.parts)
	}
	causes(t, image[:bytes.Index(image, []byte(payload))+20], scanner.CauseMalformed, "PAYLOAD")
}

func TestLzip(t *testing.T) {
	packed := func(content string) []byte {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return archived(t, map[string]string{"a": content}, "a.lz", "sh", "-c", `lzip -k "$2"`, "sh")
	}
	whole, first, second := packed(payload), packed(payload[:20]), packed(payload[20:])
	finds(t, whole, "1/1")
	finds(t, slices.Concat(first, second), "1/1")
	finds(t, slices.Concat(whole, []byte("what follows")), "1/1")
	causes(t, whole[:len(whole)/2], scanner.CauseMalformed, "")
	large := slices.Clone(whole)
	large[5] = 29
	causes(t, large, scanner.CauseBudget, "dictionary")
}

// vbaSample is what [MS-OVBA] section 3.2.2 packs, and how.
const (
	vbaSample = "#aaabcdefaaaaghijaaaaaklaaamnopqaaaaaaaaaaaarstuvwxyzaaa"
	vbaPacked = "2fb00023616161626364658266007061676869" + "6a013808616b6c00306d6e6f7006710270041072737475761077" + "78797a003c"
)

// unpackable returns content as chunks that repeat nothing.
func unpackable(content string) string {
	out := ""
	for chunk := range slices.Chunk([]byte(content), 3000) {
		packed := ""
		for eight := range slices.Chunk(chunk, 8) {
			packed += "\x00" + string(eight)
		}
		out += string(binary.LittleEndian.AppendUint16(nil, 0xb000|uint16(len(packed)-1))) + packed
	}
	return out
}

func TestMacros(t *testing.T) {
	sample, err := hex.DecodeString(vbaPacked)
	if err != nil {
		t.Fatal(err)
	}
	const source = "Attribute VB_Name = \"Module1\"\r\n"
	for _, ahead := range []string{"", "compiled", "\x00Attribut", "\x01\x00Attribut"} {
		module := ahead + "\x01" + unpackable(source) + string(sample) + "what follows"
		_, engine := scan(t, scanner.Limits{}, compoundFile("_VBA_PROJECT", "\xcc\x61", "Module1", module))
		if !slices.Contains(engine.contents, source+vbaSample) {
			t.Errorf("%q: parts %q", ahead, engine.contents)
		}
	}
	if _, engine := scan(t, scanner.Limits{}, compoundFile("Module1", "\x01"+unpackable(source))); len(engine.parts) != 3 {
		t.Errorf("a document without macros: parts %q", engine.parts)
	}
	damaged := strings.Replace(unpackable(strings.Repeat(source, 200)), "\x00\r\nAttrib", "\x01\xff\xffAttrib", 1)
	v, engine := scan(t, scanner.Limits{}, compoundFile("_VBA_PROJECT", "\xcc\x61", "Module1", "\x01"+damaged[:400]))
	if v.Class != scanner.Clean {
		t.Errorf("verdict %+v; parts %q", v, engine.contents)
	}
}

func TestActiveMime(t *testing.T) {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(payload))
	w.Close()
	for _, n := range []int{0, 40, 200} {
		finds(t, []byte("ActiveMime\x00\x00\xf0\x01"+strings.Repeat("\x00", n)+b.String()), "1/1")
	}
	causes(t, []byte("ActiveMime"+strings.Repeat("\x00", 1000)+b.String()), scanner.CauseMalformed, "")
}
