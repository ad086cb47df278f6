package carve_test

import (
	"runtime"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/carve"
)

// TestMemoryDoesNotGrowWithTheMail: what a large mail takes is in files. All that was ever allocated counts here, given back or not.
func TestMemoryDoesNotGrowWithTheMail(t *testing.T) {
	const size = 16 << 20
	spool := scanner.Spool{Dir: t.TempDir()}
	b := spool.NewBuffer()
	defer b.Close()
	write := func(text string) {
		if _, err := b.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\n")
	for line := fold(b64(noise(57<<10)), 76) + "\n"; b.Size() < size; {
		write(line)
	}
	write("--b--\n" + strings.Repeat("text\n", 1000))
	s, err := scanner.New(scanner.Config{Engines: []scanner.Engine{nothing{}}, Openers: []scanner.Opener{carve.Carver{}}, Spool: spool})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	v := s.Scan(t.Context(), b, true)
	runtime.ReadMemStats(&after)
	if v.Class != scanner.Clean {
		t.Errorf("%v %v", v.Class, v.Detail)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 6<<20 {
		t.Errorf("%d octets for a mail of %d", took, b.Size())
	} else {
		t.Logf("%d octets for a mail of %d", took, b.Size())
	}
}
