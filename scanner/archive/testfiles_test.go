package archive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
)

// TestTestFiles says which of the containers of Debian's clamav-testfiles are opened down to the program in them, octet for octet. Those
// that are not are named, so that this stays true in both directions: programs that unpack themselves in memory, installers, one that is
// nested too deep, and encodings that are other openers' matter.
func TestTestFiles(t *testing.T) {
	files, err := filepath.Glob("/usr/share/clamav-testfiles/*")
	if err != nil || len(files) == 0 {
		t.Skip("the package clamav-testfiles is not installed")
	}
	closed := strings.Fields(`clam-aspack.exe clam-fsg.exe clam-mew.exe clam-nsis.exe clam-pespin.exe clam-petite.exe clam-upack.exe
		clam-upx.exe clam-wwpack.exe clam-yc.exe clam.ea05.exe clam.ea06.exe clam_IScab_ext.exe clam_IScab_int.exe clam_ISmsi_ext.exe
		clam_ISmsi_int.exe clam_cache_emax.tgz
		clam.exe.binhex clam.exe.html clam.exe.mbox.base64 clam.exe.mbox.uu clam.mail clam.tnef clam.sis`)
	const program = "71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495"
	var opened []string
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v, engine := scan(t, scanner.Limits{}, content)
		found := slices.ContainsFunc(engine.contents, func(c string) bool {
			sum := sha256.Sum256([]byte(c))
			return hex.EncodeToString(sum[:]) == program
		})
		name := filepath.Base(path)
		if found == slices.Contains(closed, name) {
			t.Errorf("%s: found %v; verdict %+v; parts %q", name, found, v, engine.parts)
		}
		if found {
			opened = append(opened, name)
		}
	}
	t.Logf("%d of %d are opened: %s", len(opened), len(files), strings.Join(opened, " "))
}
