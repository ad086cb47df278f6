package quarantine

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// newIndex returns an Index that believes a folder left alone for a moment.
func newIndex(f Folder) *Index {
	const moment = 50 * time.Millisecond // some ticks of the file system's clock
	x := NewIndex(f)
	x.now = func() time.Time { return time.Now().Add(settled - moment) }
	return x
}

// believes says whether the folder of marks is believed to be as it was read.
func (x *Index) believes() bool {
	x.nothingFor("")
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.seen != marksTimes{}
}

// settle waits until the folder of marks is believed.
func settle(t testing.TB, x *Index) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !x.believes(); {
		if time.Now().After(deadline) {
			t.Fatal("the folder of marks is never believed")
		}
		runtime.Gosched()
	}
}

// What is released, consumed, deleted or put there by hand the next login finds, and in between nobody reads the folder.
func TestIndex(t *testing.T) {
	s := openStore(t, t.TempDir())
	x, other, box := newIndex(s.Folder), At(s.dir), testMailbox()
	id := keep(t, s, testMail)
	expect := func(want string, after string) {
		t.Helper()
		if got := waitingIn(t, x, box); got != want {
			t.Errorf("%s: got %q, want %q", after, got, want)
		}
	}
	expect("", "nothing released")
	if _, err := other.Release(id); err != nil {
		t.Fatal(err)
	}
	if NewIndex(s.Folder).believes() {
		t.Error("believed at once: a second release within the clock's tick would be missed")
	}
	expect(id, "released")
	if err := other.Consume(box, id); err != nil {
		t.Fatal(err)
	}
	expect("", "consumed")
	settle(t, x)
	if !x.nothingFor(box) {
		t.Error("not believed although nothing has changed")
	}
	if _, err := other.Release(id); err != nil {
		t.Fatal(err)
	}
	expect(id, "released after a pause")
	settle(t, x)
	expect(id, "still waiting after a pause")
	if !x.nothingFor("another") {
		t.Error("somebody else is sent to the disk")
	}
	if err := other.Delete(id); err != nil {
		t.Fatal(err)
	}
	expect("", "deleted")
	settle(t, x)
	second := keep(t, s, "other")
	if err := os.WriteFile(filepath.Join(s.dir, waitingDir, box+"."+second), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(second, "a mark made by hand")
	settle(t, x)
	// Another folder in its place.
	if err := os.Rename(filepath.Join(s.dir, waitingDir), filepath.Join(s.dir, "aside")); err != nil {
		t.Fatal(err)
	}
	expect("", "the folder is gone")
	if err := os.Rename(filepath.Join(s.dir, "aside"), filepath.Join(s.dir, waitingDir)); err != nil {
		t.Fatal(err)
	}
	expect(second, "the folder is back")
}

// BenchmarkLogin is what a login costs to which nothing was released.
func BenchmarkLogin(b *testing.B) {
	s := openStore(b, b.TempDir())
	x, box := newIndex(s.Folder), testMailbox()
	settle(b, x)
	for name, f := range map[string]interface {
		WaitingFor(string, int) ([]Item, error)
	}{"Folder": s.Folder, "Index": x} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if items, err := f.WaitingFor(box, 100); len(items) > 0 || err != nil {
					b.Fatal(items, err)
				}
			}
		})
	}
}
