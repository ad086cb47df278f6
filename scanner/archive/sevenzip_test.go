package archive_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// archived has a program of the system put files into an archive, in a folder of their own.
func archived(t testing.TB, files map[string]string, archive string, command ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	var names []string
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	c := exec.CommandContext(t.Context(), command[0], append(append(command[1:], archive), names...)...)
	c.Dir = dir
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	content, err := os.ReadFile(filepath.Join(dir, archive))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// program returns octets with many calls and jumps, as filters for programs expect.
func program() string {
	r := rand.New(rand.NewPCG(1, 2))
	b := []byte(payload)
	for range 3000 {
		switch r.IntN(4) {
		case 0:
			b = append(b, 0xe8, byte(r.IntN(256)), byte(r.IntN(4)), 0, 0)
		case 1:
			b = append(b, 0xe9, byte(r.IntN(256)), 0xff, 0xff, 0xff)
		case 2:
			b = append(b, 0x0f, 0x84, byte(r.IntN(256)), 0, 0, 0)
		default:
			b = append(b, "some code "[:r.IntN(10)]...)
		}
	}
	return string(b)
}

func Test7z(t *testing.T) {
	files := map[string]string{"a.txt": "an innocent text", "b.exe": payload, "empty": "", "z.dll": program()}
	want := []string{"a.txt", "b.exe", "z.dll"}
	for name, flags := range map[string]string{
		"as usual":          "",
		"not solid":         "-ms=off",
		"stored":            "-m0=copy",
		"LZMA":              "-m0=lzma:d=1m",
		"LZMA2":             "-m0=lzma2:d=1m",
		"PPMd":              "-m0=ppmd",
		"bzip2":             "-m0=bzip2",
		"deflate":           "-m0=deflate",
		"deflate64":         "-m0=deflate64",
		"branch filter":     "-m0=bcj -m1=lzma2",
		"branch filter, 2":  "-m0=bcj2 -m1=lzma:d=1m -m2=lzma:d=16k -m3=lzma:d=16k -mb0:1 -mb0s1:2 -mb0s2:3",
		"ARM":               "-m0=arm -m1=lzma2",
		"delta":             "-m0=delta:4 -m1=lzma2",
		"header not packed": "-mhc=off",
	} {
		t.Run(name, func(t *testing.T) {
			content := archived(t, files, "x.7z", append([]string{"7zz", "a", "-bd", "-y"}, strings.Fields(flags)...)...)
			for _, content := range [][]byte{content, slices.Concat([]byte("MZ and a program that unpacks what follows"), content)} {
				v, engine := scan(t, scanner.Limits{}, content)
				if v.Class != scanner.Infected || len(v.Also) > 0 {
					t.Errorf("verdict %+v; parts: %s", v, strings.Join(engine.parts, ", "))
				}
				for _, name := range want {
					if !slices.ContainsFunc(engine.parts, func(p string) bool { return strings.HasSuffix(p, " "+name) }) {
						t.Errorf("%s is not among %q", name, engine.parts)
					}
				}
				if !slices.Contains(engine.contents, program()) {
					t.Error("the program has not come out as it was")
				}
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		content := archived(t, files, "x.7z", "7zz", "a", "-bd", "-y")
		causes(t, content[:len(content)-5], scanner.CauseMalformed, "header")
	})
	t.Run("encrypted", func(t *testing.T) {
		files := map[string]string{"b.exe": payload}
		causes(t, archived(t, files, "x.7z", "7zz", "a", "-bd", "-y", "-pinfected"), scanner.CauseEncrypted, `"b.exe"`)
		causes(t, archived(t, files, "x.7z", "7zz", "a", "-bd", "-y", "-pinfected", "-mhe=on"), scanner.CauseEncrypted, "list of files")
		causes(t, archived(t, files, "x.zip", "7zz", "a", "-bd", "-y", "-pinfected", "-mem=AES256"), scanner.CauseEncrypted, `"b.exe"`)
	})
	t.Run("a large dictionary for little", func(t *testing.T) {
		for flag, property := range map[string]string{"lzma2": "\x21\x21\x01", "lzma": "\x03\x01\x01\x05\x5d"} {
			content := archived(t, map[string]string{"a": payload}, "x.7z", "7zz", "a", "-bd", "-y", "-mhc=off", "-m0="+flag)
			at := bytes.LastIndex(content, []byte(property)) + len(property)
			copy(content[at:], map[string]string{"lzma2": "\x28", "lzma": "\x00\x00\x00\xc0"}[flag]) // 3 GiB and more
			finds(t, content, "1/1")
		}
	})
}

// TestZipOf7Zip: the methods that its zip archives may have.
func TestZipOf7Zip(t *testing.T) {
	for _, method := range []string{"Copy", "Deflate", "Deflate64", "BZip2", "LZMA"} {
		t.Run(method, func(t *testing.T) {
			finds(t, archived(t, map[string]string{"a": payload}, "x.zip", "7zz", "a", "-bd", "-y", "-mx=9", "-mm="+method), "1/1")
			long := strings.Repeat(program(), 40) // with repetitions that are long, and far from each other
			_, engine := scan(t, scanner.Limits{}, archived(t, map[string]string{"a": long}, "x.zip", "7zz", "a", "-bd", "-y", "-mx=9", "-mm="+method))
			if !slices.Contains(engine.contents, long) {
				t.Error("not what was packed")
			}
		})
	}
}
