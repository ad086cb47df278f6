package quarantine

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"mirrorgw/scanner"
)

// A client that fetches one mail over and over fills nothing: it is kept once for each client, mailbox and reason.
func TestKeepAgain(t *testing.T) {
	s, err := Open(t.TempDir(), Config{Limits: Limits{Max: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	mail := strings.Repeat("x", 400)
	item := newItem(mail)
	keep := func() (string, error) { return s.Keep(t.Context(), item, strings.NewReader(mail)) }
	first, err := keep()
	if err != nil {
		t.Fatal(err)
	}
	s.age(t, first, 20*day)
	for range 10 {
		item.Time = item.Time.Add(time.Minute)
		item.Origin.Client = netip.AddrPortFrom(item.Origin.Client.Addr(), item.Origin.Client.Port()+1)
		if id, err := keep(); id != first || err != nil {
			t.Fatalf("%s, then %s, %v", first, id, err)
		}
	}
	if info, err := s.root.Lstat(first + "/" + mailName); err != nil || time.Since(info.ModTime()) > day {
		t.Errorf("it is as old as before: %v, %v", info.ModTime(), err)
	}
	if count, octets, err := s.Stat(); count != 1 || octets != 400 || err != nil || s.Counters().Again != 10 {
		t.Errorf("%d items of %d octets, %v, %+v", count, octets, err, s.Counters())
	}
	if err := s.Delete(first); err != nil {
		t.Fatal(err)
	}
	if id, err := keep(); err != nil || id == first || export(t, s.Folder, id) != mail {
		t.Errorf("after its deletion: %s, %v", id, err)
	}
}

// What differs in anything that a person would look at is kept for itself.
func TestKeepOthers(t *testing.T) {
	s := openStore(t, t.TempDir())
	ids := make(map[string]string)
	for name, change := range map[string]func(*scanner.Item){
		"nothing": func(*scanner.Item) {},
		"content": func(i *scanner.Item) { i.Verdict.SHA256[0]++ },
		"client":  func(i *scanner.Item) { i.Origin.Client = netip.MustParseAddrPort("192.168.1.21:50000") },
		"server":  func(i *scanner.Item) { i.Origin.Server = netip.MustParseAddrPort("[2001:db8::7]:111") },
		"login":   func(i *scanner.Item) { i.Origin.Login = "" },
		"user":    func(i *scanner.Item) { i.Origin.User = "b" },
		"cause":   func(i *scanner.Item) { i.Cause = scanner.CauseBudget },
		"detail":  func(i *scanner.Item) { i.Verdict.Detail = "more" },
		"findings": func(i *scanner.Item) {
			i.Verdict.Findings = append(i.Verdict.Findings, scanner.Finding{Engine: "clamd", Rule: "x"})
		},
	} {
		item := newItem(testMail)
		item.Origin.Client = netip.MustParseAddrPort("192.168.1.20:50000")
		change(&item)
		id, err := s.Keep(t.Context(), item, strings.NewReader(testMail))
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := ids[id]; ok {
			t.Errorf("another %s is the same item as another %s", name, before)
		}
		ids[id] = name
	}
}

// What is known again is bounded, and a mail that is not known any more is kept once more.
func TestKeepAgainIsBounded(t *testing.T) {
	var r recent
	for i := range 2 * maxRecent {
		of, err := fingerprintOf(newItem(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		r.put(of, fmt.Sprint(i))
		if id, ok := r.get(of); !ok || id != fmt.Sprint(i) {
			t.Fatalf("%s, %t", id, ok)
		}
	}
	if len(r.items) != maxRecent {
		t.Errorf("%d are known", len(r.items))
	}
}

// A mail that could not be kept is not known.
func TestKeepAgainAfterAnError(t *testing.T) {
	s := openStore(t, t.TempDir())
	item := newItem(testMail)
	broken := readFunc(func([]byte) (int, error) { return 0, errors.ErrUnsupported })
	if id, err := s.Keep(t.Context(), item, broken); !errors.Is(err, errors.ErrUnsupported) {
		t.Fatalf("%s, %v", id, err)
	}
	if id, err := s.Keep(t.Context(), item, strings.NewReader(testMail)); err != nil || export(t, s.Folder, id) != testMail {
		t.Errorf("%s, %v", id, err)
	}
}

// A mail that was kept again is as old as that, also where its item had been looked at before.
func TestAgainBeginsAnew(t *testing.T) {
	s := openStore(t, t.TempDir())
	begun, item := time.Now(), newItem("x")
	keep := func() string {
		id, err := s.Keep(t.Context(), item, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := keep()
	if count, _, err := s.Stat(); count != 1 || err != nil {
		t.Fatalf("%d items, %v", count, err)
	}
	s.now = func() time.Time { return begun.Add(DefaultKeep - day) }
	if again := keep(); again != id {
		t.Fatalf("kept as %s, not %s", again, id)
	}
	s.now = func() time.Time { return begun.Add(DefaultKeep + day) }
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	if got := listed(t, s.Folder, id); got != "0" {
		t.Error("it was removed by its first time")
	}
}
