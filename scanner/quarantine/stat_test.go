package quarantine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An item is looked at once, whoever deletes others meanwhile; and while somebody looks, nobody else waits.
func TestStatLooksOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	s := openStore(t, dir)
	first, second := keep(t, s, "one"), keep(t, s, "three")
	check := func(when string, wantCount int, wantOctets int64) {
		t.Helper()
		if count, octets, err := s.Stat(); count != wantCount || octets != wantOctets || err != nil {
			t.Errorf("%s: %d items of %d octets, %v; want %d of %d", when, count, octets, err, wantCount, wantOctets)
		}
	}
	check("at first", 2, 8)
	if err := os.WriteFile(filepath.Join(dir, second, mailName), []byte(strings.Repeat("x", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	check("an item that is known", 2, 8)
	if err := At(dir).Delete(first); err != nil {
		t.Fatal(err)
	}
	check("one deleted by another process", 1, 5)
	keep(t, s, "fourteen")
	s.tally.mu.Lock()
	check("while another looks", 1, 5)
	s.tally.mu.Unlock()
	check("afterwards", 2, 13)
}

// A folder that was taken away is a fault, whether or not there is another in its place.
func TestFault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "quarantine")
	s := openStore(t, dir)
	check := func(when string, want bool) {
		t.Helper()
		if err := s.Fault(); (err != nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	check("at first", false)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	check("taken away", true)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	check("another in its place", true)
	if err := errors.Join(os.Remove(dir), os.Rename(dir+".away", dir)); err != nil {
		t.Fatal(err)
	}
	check("put back", false)
}
