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
	"mirrorgw/scanner/yara"
)

// TestTestFiles says in which containers of Debian's clamav-testfiles the built-in rules alone find the program, each attached to a mail.
// In the others a program unpacks itself in memory, or an installer holds it in a format of its own, or, in one, it is nested more than
// the default limit deep, and over the budget. More may be found than is asked for here.
func TestTestFiles(t *testing.T) {
	files, err := filepath.Glob("/usr/share/clamav-testfiles/*")
	if err != nil || len(files) == 0 {
		t.Skip("needs the Debian package clamav-testfiles")
	}
	must := strings.Fields(`clam.7z clam.arj clam.bin-be.cpio clam.bin-le.cpio clam.bz2.zip clam.cab clam.chm clam.d64.zip clam.exe
		clam.exe.binhex clam.exe.bz2 clam.exe.mbox.base64 clam.exe.mbox.uu clam.exe.rtf clam.exe.szdd clam.impl.zip clam.mail
		clam.newc.cpio clam.odc.cpio clam.ole.doc clam.pdf clam.ppt clam.tar.gz clam.zip`)
	engine, err := yara.New(yara.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{engine}, Openers: []scanner.Opener{carve.Carver{}, archive.Opener{}}})
	if err != nil {
		t.Fatal(err)
	}
	var found, others []string
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
			if slices.Contains(must, name) {
				t.Errorf("%s: %+v", name, v)
			}
		}
	}
	t.Logf("YARA alone finds %d of %d: %s", len(found), len(files), strings.Join(found, " "))
	t.Logf("not found: %s", strings.Join(others, " "))
}
