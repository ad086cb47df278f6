package quarantine

import (
	"crypto/sha256"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// waiting returns the IDs of what waits for a mailbox.
func waiting(t testing.TB, f Folder, mailbox string) string {
	t.Helper()
	return waitingIn(t, f, mailbox)
}

// waitingIn is waiting for a Folder or an Index.
func waitingIn(t testing.TB, f interface {
	WaitingFor(mailbox string, limit int) ([]Item, error)
}, mailbox string,
) string {
	t.Helper()
	items, err := f.WaitingFor(mailbox, 100)
	if err != nil {
		t.Error(err)
	}
	var ids []string
	for _, item := range items {
		ids = append(ids, item.ID)
	}
	return strings.Join(ids, " ")
}

func testMailbox() string {
	o := newItem("").Origin
	return Mailbox(o.Server, o.Login)
}

func TestRelease(t *testing.T) {
	s := openStore(t, t.TempDir())
	first, other := keep(t, s, testMail), keep(t, s, "other")
	f := At(s.dir) // as another process
	box := testMailbox()
	if got := waiting(t, s.Folder, box); got != "" || s.Allowed(sha256.Sum256([]byte(testMail))) {
		t.Errorf("before it is released: %q", got)
	}
	for range 2 { // the second time changes nothing
		if waits, err := f.Release(first); err != nil || !waits {
			t.Fatalf("waits %v, %v", waits, err)
		}
	}
	if got := waiting(t, s.Folder, box); got != first || !s.Allowed(sha256.Sum256([]byte(testMail))) || s.Allowed(sha256.Sum256([]byte("other"))) {
		t.Errorf("released: %q", got)
	}
	if item, err := f.Get(first); err != nil || item.Release != Waiting {
		t.Errorf("%+v, %v", item, err)
	}
	if item, err := f.Get(other); err != nil || item.Release != NotReleased {
		t.Errorf("%+v, %v", item, err)
	}
	for _, mailbox := range []string{"", "..", Mailbox(newItem("").Origin.Server, "bob"), strings.ToUpper(box), box[1:]} {
		if got := waiting(t, s.Folder, mailbox); got != "" {
			t.Errorf("mailbox %q gets %q", mailbox, got)
		}
	}
	if err := s.Consume(Mailbox(newItem("").Origin.Server, "bob"), first); err != nil || waiting(t, f, box) != first {
		t.Errorf("consumed by somebody else: %v", err)
	}
	for range 2 {
		if err := s.Consume(box, first, other); err != nil || waiting(t, f, box) != "" {
			t.Errorf("%v, waiting %q", err, waiting(t, f, box))
		}
	}
	if item, err := f.Get(first); err != nil || item.Release != Allowed || !s.Allowed(sha256.Sum256([]byte(testMail))) {
		t.Errorf("fetched: %+v, %v", item, err)
	}
	if err := f.Delete(first); err != nil || s.Allowed(sha256.Sum256([]byte(testMail))) {
		t.Errorf("deleted, and the content is still allowed, or %v", err)
	}
	for _, id := range []string{first, "", "../" + other, "000000000000"} {
		if _, err := f.Release(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// A mail that two clients have fetched is two items of one content: deleting the one leaves the other's release as it is.
func TestDeleteADuplicate(t *testing.T) {
	s := openStore(t, t.TempDir())
	first, second := keep(t, s, testMail), keep(t, s, testMail)
	keep(t, s, "other")
	allowed := func() bool { return s.Allowed(sha256.Sum256([]byte(testMail))) }
	if waits, err := s.Release(first); err != nil || !waits {
		t.Fatalf("waits %v, %v", waits, err)
	}
	if err := s.Delete(second); err != nil || !allowed() || waiting(t, s.Folder, testMailbox()) != first {
		t.Errorf("the duplicate is deleted: allowed %t, waiting %q, %v", allowed(), waiting(t, s.Folder, testMailbox()), err)
	}
	if err := s.Consume(testMailbox(), first); err != nil {
		t.Fatal(err)
	}
	if waits, err := s.Release(first); err != nil || !waits || waiting(t, s.Folder, testMailbox()) != first {
		t.Errorf("released again after it was fetched: waits %v, %v", waits, err)
	}
	if err := s.Delete(first); err != nil || allowed() || waiting(t, s.Folder, testMailbox()) != "" {
		t.Errorf("the last one is deleted: allowed %t, %v", allowed(), err)
	}
}

func TestReleaseSeveral(t *testing.T) {
	s := openStore(t, t.TempDir())
	now := newItem("").Time
	var ids []string
	for i, mail := range []string{"b", "a", "c"} {
		item := newItem(mail)
		item.Time = now.Add(time.Duration(i) * time.Second)
		id, err := s.Keep(t.Context(), item, strings.NewReader(mail))
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for _, i := range []int{2, 0, 1} {
		if _, err := s.Release(ids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got := waiting(t, s.Folder, testMailbox()); got != strings.Join(ids, " ") {
		t.Errorf("got %q, want %q", got, ids)
	}
	if items, err := s.WaitingFor(testMailbox(), 2); len(items) != 2 || items[1].ID != ids[1] || err != nil {
		t.Errorf("%v, %v", items, err)
	}
	// One that is damaged does not keep the others away.
	if err := os.Truncate(filepath.Join(s.dir, ids[0], itemName), 3); err != nil {
		t.Fatal(err)
	}
	if items, err := s.WaitingFor(testMailbox(), 9); len(items) != 2 || items[0].ID != ids[1] || err == nil {
		t.Errorf("%v, %v", items, err)
	}
}

// Users that a login does not name cannot be told apart: what is theirs waits for nobody.
func TestReleaseWithoutMailbox(t *testing.T) {
	s := openStore(t, t.TempDir())
	item := newItem(testMail)
	item.Origin.Login = ""
	id, err := s.Keep(t.Context(), item, strings.NewReader(testMail))
	if err != nil {
		t.Fatal(err)
	}
	if waits, err := s.Release(id); waits || err != nil || !s.Allowed(sha256.Sum256([]byte(testMail))) || waiting(t, s.Folder, "") != "" {
		t.Errorf("waits %v, %v", waits, err)
	}
	if item, err := s.Get(id); err != nil || item.Release != Allowed {
		t.Errorf("%+v, %v", item, err)
	}
}

func TestMailbox(t *testing.T) {
	server := netip.MustParseAddrPort("198.51.100.25:110")
	seen := make(map[string]string)
	for _, user := range []string{"alice", "Alice", "alice ", "alice\x00", "alic\xe9", "ali", strings.Repeat("a", 300)} {
		for _, at := range []netip.AddrPort{server, netip.MustParseAddrPort("198.51.100.26:110"), netip.MustParseAddrPort("198.51.100.25:1110"), netip.MustParseAddrPort("[2001:db8::1]:110")} {
			box := Mailbox(at, user)
			if !isHex(box, mailboxLength) || seen[box] != "" || box != Mailbox(at, user) {
				t.Errorf("mailbox %q of %q, and of %s", box, user, seen[box])
			}
			seen[box] = user
		}
	}
	if Mailbox(server, "") != "" || Mailbox(netip.AddrPort{}, "alice") != "" {
		t.Error("a mailbox of nobody has a name")
	}
}

// Marks do not outlive what they are for.
func TestPruneMarks(t *testing.T) {
	s := openStore(t, t.TempDir())
	gone, kept := keep(t, s, "gone"), keep(t, s, "kept")
	for _, id := range []string{gone, kept} {
		if _, err := s.Release(id); err != nil {
			t.Fatal(err)
		}
	}
	if err := remove(s.root, gone); err != nil { // as by age
		t.Fatal(err)
	}
	if got := waiting(t, s.Folder, testMailbox()); got != kept {
		t.Errorf("waiting: %q", got)
	}
	if err := s.Prune(); err != nil {
		t.Fatal(err)
	}
	if marks := names(t, filepath.Join(s.dir, waitingDir)); len(marks) != 1 || !strings.HasSuffix(marks[0], kept) || !s.Allowed(sha256.Sum256([]byte("gone"))) {
		t.Errorf("marks %q", marks)
	}
	item, err := s.Get(kept)
	if err != nil {
		t.Fatal(err)
	}
	age(t, filepath.Join(s.dir, item.allowedMark()), 367*day)
	if err := s.Prune(); err != nil || s.Allowed(sha256.Sum256([]byte("kept"))) || !s.Allowed(sha256.Sum256([]byte("gone"))) {
		t.Errorf("a content is allowed for ever, or none is: %v", err)
	}
}
