package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// bundled runs `quarantine export --bundle` with a stub's rooms.
func (k kept) bundled(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return call(t, explaining(&stubMatcher{}), append([]string{"quarantine", "export", "-c", k.config, "--bundle"}, args...)...)
}

// untar returns the files of an archive by name, and fails where one is not for its owner alone.
func untar(t *testing.T, archive io.Reader) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for r := tar.NewReader(archive); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o600 || h.Typeflag != tar.TypeReg {
			t.Errorf("%+v", h)
		}
		files[h.Name] = string(text)
	}
}

func TestQuarantineBundle(t *testing.T) {
	k := keep(t, eicarMail)
	code, stdout, stderr := k.bundled(t, k.ids[0])
	if code != exitDone || stderr != "" {
		t.Fatalf("exit %d, %q", code, stderr)
	}
	files := untar(t, strings.NewReader(stdout))
	folder := "mirrorgw-" + k.ids[0] + "/"
	if len(files) != 6 || files[folder+"mail.eml"] != eicarMail {
		t.Errorf("got %q", files)
	}
	if got := files[folder+"session.txt"]; got != "0.100s C: RETR 1\n0.200s S: +OK\n" {
		t.Errorf("session %q", got)
	}
	var item quarantine.Item
	if err := json.Unmarshal([]byte(files[folder+"item.json"]), &item); err != nil || item.ID != k.ids[0] || item.User != "alice" || len(item.Findings) != 1 {
		t.Errorf("%v, item %+v", err, item)
	}
	var told scanner.Explanation
	if err := json.Unmarshal([]byte(files[folder+"parts.json"]), &told); err != nil || len(told.Parts) < 3 {
		t.Errorf("%v, parts %+v", err, told)
	}
	if tree := squeezeLines(files[folder+"parts.txt"]); !strings.Contains(tree, "verdict infected\n") || !strings.Contains(tree, "EICAR $a at 7, 68 octets: ") {
		t.Errorf("parts\n%s", tree)
	}
	if about := files[folder+"about.txt"]; !strings.Contains(about, k.ids[0]) || !strings.Contains(about, "no frames were kept") || strings.Contains(about, "%!") {
		t.Errorf("about\n%s", about)
	}
}

func TestQuarantineBundleIsEncrypted(t *testing.T) {
	k := keep(t, eicarMail)
	alice, bob, carol := mustKey(t, age.GenerateX25519Identity), mustKey(t, age.GenerateX25519Identity), mustKey(t, age.GenerateHybridIdentity)
	path := filepath.Join(t.TempDir(), "b.tar.age")
	to := func(recipients ...string) (code int, stderr string) {
		var args []string
		for _, r := range recipients {
			args = append(args, "--age", r)
		}
		code, stdout, stderr := k.bundled(t, append(args, "-o", path, k.ids[0])...)
		if stdout != "" {
			t.Errorf("got %q", stdout)
		}
		return code, stderr
	}
	for _, c := range []struct {
		recipients []string
		readers    []age.Identity
	}{
		{[]string{alice.Recipient().String(), bob.Recipient().String()}, []age.Identity{alice, bob}},
		{[]string{carol.Recipient().String()}, []age.Identity{carol}}, // for the days of quantum computers
	} {
		if code, stderr := to(c.recipients...); code != exitDone || stderr != "" {
			t.Fatalf("exit %d, %q", code, stderr)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 {
			t.Fatalf("%v, %v", info, err)
		}
		sealed, err := os.ReadFile(path)
		if err != nil || bytes.Contains(sealed, []byte("EICAR")) || bytes.Contains(sealed, []byte(k.ids[0])) {
			t.Errorf("%v, or anybody can read it", err)
		}
		for _, reader := range c.readers {
			open, err := age.Decrypt(bytes.NewReader(sealed), reader)
			if err != nil {
				t.Fatal(err)
			}
			if files := untar(t, open); files["mirrorgw-"+k.ids[0]+"/mail.eml"] != eicarMail {
				t.Errorf("got %q", files)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	// age takes no key of either kind together with one of the other. It says so when the file is there already.
	if code, stderr := to(alice.Recipient().String(), carol.Recipient().String()); code != exitNo || !strings.Contains(stderr, "exporting "+k.ids[0]+": ") || !missing(path) {
		t.Errorf("exit %d, %q, or half a file", code, stderr)
	}
}

func mustKey[T any](t *testing.T, generate func() (T, error)) T {
	t.Helper()
	key, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestQuarantineBundleThatCannotBe(t *testing.T) {
	k := keep(t, eicarMail, cleanMail)
	path := filepath.Join(t.TempDir(), "bundle")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--age", "AGE-SECRET-KEY-1", k.ids[0]}, exitUsage, "mirrorgw: quarantine export: --age AGE-SECRET-KEY-1 is no public key of age: write one such as age1…, as age-keygen prints it\n"},
		{[]string{"--age", "", k.ids[0]}, exitUsage, `mirrorgw: quarantine export: --age "" is no public key of age: write one such as age1…, as age-keygen prints it` + "\n"},
		{[]string{"000000000000"}, exitNo, "mirrorgw: no such item in quarantine: \"000000000000\": mirrorgw quarantine list shows what there is\n"},
		{nil, exitUsage, "mirrorgw: quarantine export: ID is missing\n"},
	} {
		code, stdout, stderr := k.bundled(t, append([]string{"-o", path}, c.args...)...)
		if code != c.code || stdout != "" || stderr != c.want || !missing(path) {
			t.Errorf("%q: exit %d, %q\ngot  %q\nwant %q", c.args, code, stdout, stderr, c.want)
		}
	}
	if code, _, stderr := k.call(t, "export", "--age", "age1", k.ids[0]); code != exitUsage || stderr != "mirrorgw: quarantine export: --age encrypts a bundle: add --bundle\n" {
		t.Errorf("exit %d, %q", code, stderr)
	}
	r := explaining(&stubMatcher{})
	r.openMatcher = func([]string) (matcher, error) { return nil, errors.New("a.yar:1: syntax error") }
	if code, _, stderr := call(t, r, "quarantine", "export", "-c", k.config, "--bundle", "-o", path, k.ids[0]); code != exitNo || stderr != "mirrorgw: a.yar:1: syntax error\n" || !missing(path) {
		t.Errorf("exit %d, %q", code, stderr)
	}

	mail := filepath.Join(k.dir, k.ids[0], "mail.eml")
	if err := os.Truncate(mail, 100); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := k.bundled(t, k.ids[0])
	if code != exitNo || stderr != "mirrorgw: "+k.ids[0]+" is exported, but it is not what was kept: the SHA-256 differs\n" || untar(t, strings.NewReader(stdout))["mirrorgw-"+k.ids[0]+"/mail.eml"] != eicarMail[:100] {
		t.Errorf("exit %d, %q", code, stderr)
	}
	if err := os.Remove(mail); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := k.bundled(t, "-o", path, k.ids[0]); code != exitNo || !missing(path) {
		t.Errorf("exit %d, or a bundle without a mail", code)
	}
}
