//go:build !noyara

package scanner_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/archive"
	"mirrorgw/scanner/carve"
	"mirrorgw/scanner/clamd"
	"mirrorgw/scanner/envelope"
	"mirrorgw/scanner/literal"
	"mirrorgw/scanner/recode"
	"mirrorgw/scanner/yara"
	"mirrorgw/testnet"
)

// TestTestFiles says in which containers of Debian's clamav-testfiles the program is found, each attached to a mail: with the built-in
// rules alone, and with a clamd beside them that knows the program by its hash, in all. What YARA alone does not find is a program that
// unpacks itself in memory (aspack, fsg, mew, pespin, petite, upack, upx, wwpack, yc), an installer or script compiler with a format of its
// own (nsis, ea05, ea06, IScab, ISmsi, sis), or, in one, it is nested deeper than the default limit, and over the budget.
func TestTestFiles(t *testing.T) {
	files, err := filepath.Glob("/usr/share/clamav-testfiles/*")
	if err != nil || len(files) == 0 {
		t.Skip("needs the Debian package clamav-testfiles")
	}
	if len(files) != 44 {
		t.Errorf("there are %d of them", len(files))
	}
	must := strings.Fields(`clam.7z clam.arj clam.bin-be.cpio clam.bin-le.cpio clam.bz2.zip clam.cab clam.chm clam.d64.zip clam.exe
		clam.exe.binhex clam.exe.bz2 clam.exe.html clam.exe.mbox.base64 clam.exe.mbox.uu clam.exe.rtf clam.exe.szdd clam.impl.zip clam.mail
		clam.newc.cpio clam.odc.cpio clam.ole.doc clam.pdf clam.ppt clam.tar.gz clam.tnef clam.zip`)
	alone, err := yara.New(yara.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	openers := []scanner.Opener{carve.Carver{}, envelope.Opener{}, literal.Opener{}, recode.Opener{}, archive.Opener{}}
	// find returns the containers in which something is found, and the others with what is said of them.
	find := func(t *testing.T, engines ...scanner.Engine) (found, others []string) {
		s, err := scanner.New(scanner.Config{Engines: engines, Openers: openers})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			name := filepath.Base(path)
			mail := scanner.Spool{}.NewBuffer()
			if _, err := mail.Write([]byte(attach(t, "base64", clamFile(t, name)))); err != nil {
				t.Fatal(err)
			}
			v := s.Scan(t.Context(), mail, true)
			mail.Close()
			if v.Class == scanner.Infected {
				found = append(found, name)
			} else {
				others = append(others, name+" ("+strings.TrimSpace(v.Class.String()+" "+string(v.Cause))+")")
			}
		}
		return found, others
	}
	t.Run("YARA alone", func(t *testing.T) {
		found, others := find(t, alone)
		for _, name := range must {
			if !slices.Contains(found, name) {
				t.Errorf("%s: not found", name)
			}
		}
		t.Logf("%d of %d: %s", len(found), len(files), strings.Join(found, " "))
		t.Logf("not found: %s", strings.Join(others, " "))
	})
	t.Run("YARA and clamd", func(t *testing.T) {
		daemon := testnet.StartClamd(t, t.TempDir(), "AlertExceedsMax yes\nAlertEncrypted yes\n", map[string]string{
			"test.hsb": "71e7b604d18aefd839e51a39c88df8383bb4c071dc31f87f00a2b5df580d4495:544:ClamAV-Test-File\n",
		})
		engine, err := clamd.New(clamd.Config{Addresses: []string{daemon.Address()}})
		if err != nil {
			t.Fatal(err)
		}
		found, others := find(t, alone, engine)
		if len(found) != len(files) {
			t.Errorf("not found: %s", strings.Join(others, " "))
		}
		t.Logf("%d of %d", len(found), len(files))
		byClamd, missed := find(t, engine)
		t.Logf("clamd alone: %d of %d; not found: %s", len(byClamd), len(files), strings.Join(missed, " "))
	})
}
