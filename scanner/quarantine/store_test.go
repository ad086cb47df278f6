package quarantine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mirrorgw/scanner"
)

const testMail = "From: a@example.org\r\nSubject: x\r\n\r\n.stuffed?\r\n\x00\xff\r\n"

// newItem describes a mail as the judge does, each time for another client.
func newItem(mail string) scanner.Item {
	client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256))}), 50000)
	return scanner.Item{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
		Origin: scanner.Origin{
			Protocol: "pop3", Client: client, Server: netip.MustParseAddrPort("[2001:db8::7]:110"),
			User:  "../../etc/passwd\r\n\x1b[1m" + strings.Repeat("x", 1000),
			Login: "../../etc/passwd",
		},
		Cause: scanner.CauseInfected,
		Verdict: scanner.Verdict{
			Class: scanner.Infected, Cause: scanner.CauseInfected, Size: int64(len(mail)), SHA256: sha256.Sum256([]byte(mail)),
			Findings: []scanner.Finding{{Engine: "yara", Rule: "EICAR_Test_File", Part: "2"}},
		},
		Summary: scanner.Summary{From: "Jörg <a@example.org>", Subject: "<b>& ä"},
	}
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func keep(t testing.TB, s *Store, mail string) string {
	t.Helper()
	id, err := s.Keep(t.Context(), newItem(mail), strings.NewReader(mail))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// names returns what is in a folder.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func export(t testing.TB, f Folder, id string) string {
	t.Helper()
	r, err := f.Export(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestKeepAndDelete(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "quarantine")
	s := openStore(t, dir)
	first, second := keep(t, s, testMail), keep(t, s, "other")

	f := At(dir) // as another process sees it
	items, err := f.List()
	if err != nil || len(items) != 2 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	item, err := f.Get(first)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"` + first + `","time":"2026-01-02T02:04:05Z","protocol":"pop3","client":"` + item.Client + `","server":"[2001:db8::7]:110",` +
		`"user":"../../etc/passwd [1m` + strings.Repeat("x", 180) + `…","mailbox":"` + testMailbox() + `","from":"Jörg \u003ca@example.org\u003e","subject":"\u003cb\u003e\u0026 ä","size":` + fmt.Sprint(len(testMail)) +
		`,"sha256":"` + fmt.Sprintf("%x", sha256.Sum256([]byte(testMail))) + `","verdict":"infected","cause":"infected","findings":[{"engine":"yara","rule":"EICAR_Test_File","part":"2"}]}`
	if got, _ := json.Marshal(item); string(got) != want {
		t.Errorf("item\n got %s\nwant %s", got, want)
	}
	if got := export(t, f, first); got != testMail {
		t.Errorf("mail %q", got)
	}
	if count, octets, err := s.Stat(); count != 2 || octets != int64(len(testMail)+5) || err != nil {
		t.Errorf("Stat: %d items of %d octets, %v", count, octets, err)
	}
	r, err := f.Export(first)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := f.Delete(first); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || string(text) != testMail {
		t.Errorf("a mail being exported was deleted under the reader: %q, %v", text, err)
	}
	if got, want := names(t, dir), []string{".allowed", ".lock", ".waiting", second}; !slices.Equal(got, want) {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
	for _, err := range []error{f.Delete(first), func() error { _, err := f.Get(first); return err }(), func() error { _, err := f.Export(first); return err }()} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("error %v for a deleted item", err)
		}
	}
}

// E7: permissions hold from the first moment, whatever the umask.
func TestPermissions(t *testing.T) {
	for _, umask := range []int{0, 0o777} {
		t.Run(fmt.Sprintf("umask %#o", umask), func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "quarantine")
			if err := os.Mkdir(dir, 0o755); err != nil { // made by hand, too open
				t.Fatal(err)
			}
			old := syscall.Umask(umask)
			defer syscall.Umask(old)
			s := openStore(t, dir)
			var during []string // what there is while the mail is being written
			mail := readFunc(func(p []byte) (int, error) {
				during = append(during, modes(t, dir)...)
				return 0, io.EOF
			})
			if _, err := s.Keep(t.Context(), newItem(""), mail); err != nil {
				t.Fatal(err)
			}
			for _, m := range append(during, modes(t, dir)...) {
				if !strings.HasPrefix(m, "drwx------ ") && !strings.HasPrefix(m, "-rw------- ") && !strings.HasSuffix(m, "/.lock") {
					t.Error(m)
				}
			}
			if len(during) < 3 {
				t.Errorf("while writing: %q", during)
			}
		})
	}
}

type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// modes returns mode and path of everything below dir.
func modes(t testing.TB, dir string) []string {
	t.Helper()
	var modes []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		modes = append(modes, fmt.Sprintf("%v %s", info.Mode(), path))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return modes
}

// C7: what cannot be written whole is not listed and leaves nothing.
func TestKeepFails(t *testing.T) {
	errBroken := errors.New("spool broken")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		mail io.Reader
		want string
	}{
		{"reader fails", t.Context(), io.MultiReader(strings.NewReader("half"), readFunc(func([]byte) (int, error) { return 0, errBroken })), "spool broken"},
		{"too short", t.Context(), strings.NewReader(testMail[1:]), "octets, not"},
		{"too long", t.Context(), strings.NewReader(testMail + "x"), "octets, not"},
		{"canceled", canceled, strings.NewReader(testMail), "context canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openStore(t, dir)
			if id, err := s.Keep(tt.ctx, newItem(testMail), tt.mail); err == nil || id != "" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("id %q, error %v", id, err)
			}
			if got := names(t, dir); !slices.Equal(got, []string{".allowed", ".lock", ".waiting"}) {
				t.Errorf("the folder holds %q", got)
			}
		})
	}
	s := openStore(t, t.TempDir())
	s.Close()
	if _, err := s.Keep(t.Context(), newItem(testMail), strings.NewReader(testMail)); err == nil {
		t.Error("Keep after Close succeeded")
	}
}

// C14: what a crash leaves is never listed, and is gone after the next start.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	kept := func() string {
		s, err := Open(dir, Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		return keep(t, s, testMail)
	}()
	for _, name := range []string{".new-000000000001", ".new-000000000002/mail.eml", ".gone-000000000003/item.json", "stranger/mail.eml", "README"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if items, err := At(dir).List(); err != nil || len(items) != 1 || items[0].ID != kept {
		t.Errorf("listed %v, %v", items, err)
	}
	s := openStore(t, dir)
	want := []string{".allowed", ".lock", ".waiting", kept, "README", "stranger"}
	slices.Sort(want)
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("after a start the folder holds %q, want %q", got, want)
	}
	if got := export(t, s.Folder, kept); got != testMail {
		t.Errorf("mail %q", got)
	}
}

func TestOpenLocks(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	unfinished := filepath.Join(dir, newPrefix+"000000000001")
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(unfinished); err != nil {
		t.Errorf("a second start removed what the first is writing: %v", err)
	}
	s.Close()
	openStore(t, dir)
}

func TestNoQuarantineIsEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	f := At(dir)
	items, err := f.List()
	if len(items) != 0 || err != nil {
		t.Errorf("%v, %v", items, err)
	}
	if _, err := f.Get("0123456789ab"); !errors.Is(err, ErrNotFound) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was created: %v", err)
	}
}

// Neither an ID nor a link leads out of the folder.
func TestNoWayOut(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "mail.eml")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	openStore(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "aaaaaaaaaaaa")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bbbbbbbbbbbb"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "bbbbbbbbbbbb", mailName)); err != nil {
		t.Fatal(err)
	}
	f := At(dir)
	for _, id := range []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb", "", ".", "..", "../" + filepath.Base(outside), ".lock", "AAAAAAAAAAAA", "0123456789a/", "aaaaaaaaaaaa/.", strings.Repeat("a", 1<<20)} {
		if r, err := f.Export(id); err == nil {
			r.Close()
			t.Errorf("%q was exported", id)
		} else if len(err.Error()) > 200 {
			t.Errorf("an error of %d octets", len(err.Error()))
		}
	}
	if _, err := f.List(); err == nil {
		t.Error("damaged items are not reported")
	}
	for _, id := range []string{"aaaaaaaaaaaa", "bbbbbbbbbbbb"} {
		if err := f.Delete(id); err != nil {
			t.Errorf("Delete(%s): %v", id, err)
		}
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "secret" {
		t.Errorf("a file outside: %q, %v", text, err)
	}
}

func TestListNextToKeepAndDelete(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	const writers, each = 3, 15
	var writing, listing sync.WaitGroup
	done := make(chan struct{})
	listing.Go(func() {
		for {
			items, err := At(dir).List()
			if err != nil {
				t.Errorf("List: %v", err)
				return
			}
			for _, item := range items {
				if item.Size != int64(len(testMail)) {
					t.Errorf("item %+v", item)
				}
			}
			select {
			case <-done:
				return
			default:
			}
		}
	})
	for range writers {
		writing.Go(func() {
			for i := range each {
				id, err := s.Keep(t.Context(), newItem(testMail), strings.NewReader(testMail))
				if err != nil {
					t.Errorf("Keep: %v", err)
					return
				}
				if i%2 == 0 {
					if err := At(dir).Delete(id); err != nil {
						t.Errorf("Delete: %v", err)
					}
				}
			}
		})
	}
	writing.Wait()
	close(done)
	listing.Wait()
	if count, _, err := s.Stat(); count != writers*(each/2) || err != nil {
		t.Errorf("%d items, %v", count, err)
	}
}

// Law: whatever is stored as a description is read back the same or refused, and never panics.
func FuzzParse(f *testing.F) {
	text, err := json.Marshal(describe("0123456789ab", newItem(testMail), 7))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("{}"))
	f.Add([]byte(`{"id":"0123456789ab","findings":null,"size":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		item, err := parse("0123456789ab", text)
		if err != nil {
			return
		}
		again, err := json.Marshal(item)
		if err != nil {
			return // a year beyond 9999 parses in no form that marshals
		}
		back, err := parse("0123456789ab", again)
		if err != nil {
			t.Fatal(err)
		}
		if third, _ := json.Marshal(back); !bytes.Equal(again, third) {
			t.Errorf("%s became %s", again, third)
		}
	})
}
