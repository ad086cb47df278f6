package quarantine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// keeperEnv turns the test program into a gateway that keeps mails until it is killed.
const keeperEnv = "MIRRORGW_TEST_KEEP_IN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(keeperEnv); dir != "" {
		fmt.Fprintln(os.Stderr, keepForEver(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashMail returns the nth mail of keepForEver, large enough to be killed in.
func crashMail(n int) string {
	return strings.Repeat(fmt.Sprintf("line of mail %d\r\n", n), 1000+n*997%50_000)
}

// keepForEver keeps one mail after the other, and prints an ID as soon as Keep has returned it.
func keepForEver(dir string) error {
	s, err := Open(dir, Config{})
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		mail := crashMail(n)
		id, err := s.Keep(context.Background(), tracedItem(mail, trace(mail[:1000])), strings.NewReader(mail))
		if err != nil {
			return err
		}
		fmt.Println(id)
	}
}

// C14: kill -9 at any moment. What was acknowledged is there, what is listed is whole, and the next start clears the rest.
func TestKill(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	acknowledged := make(map[string]bool)
	for round := range 25 {
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), keeperEnv+"="+dir)
		var complaint strings.Builder
		cmd.Stderr = &complaint
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acknowledged[lines.Text()] = true
			if n == round%4 { // and now somewhere in the next
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if complaint.Len() > 0 {
			t.Fatal(complaint.String())
		}
		items, err := At(dir).List()
		if err != nil {
			t.Fatal(err)
		}
		listed := make(map[string]bool)
		for _, item := range items {
			listed[item.ID] = true
			mail := export(t, At(dir), item.ID)
			if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(mail))); int64(len(mail)) != item.Size || sum != item.SHA256 {
				t.Fatalf("item %s is listed with %d of %d octets", item.ID, len(mail), item.Size)
			}
			if flow, err := At(dir).Flow(item.ID); err != nil || string(flow) != mail[:1000] {
				t.Fatalf("item %s is listed with %d octets of its flow, %v", item.ID, len(flow), err)
			}
		}
		for id := range acknowledged {
			if !listed[id] {
				t.Fatalf("item %s was acknowledged and is lost", id)
			}
		}
	}
	s := openStore(t, dir)
	for _, name := range names(t, dir) {
		if !isID(name) && name != lockName && name != waitingDir && name != allowedDir {
			t.Errorf("%s is left", name)
		}
	}
	if count, _, err := s.Stat(); err != nil || count < len(acknowledged) {
		t.Errorf("%d items of %d, %v", count, len(acknowledged), err)
	}
}

// C7: on a full disk Keep fails, lists nothing, leaves nothing, and works again once there is room.
func TestFullDisk(t *testing.T) {
	inSmallDisk(t, "1m", func(dir string) { fillDisk(t, dir) })
}

func fillDisk(t *testing.T, dir string) {
	s, err := Open(dir, Config{})
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	small, large := strings.Repeat("x", 300<<10), strings.Repeat("y", 900<<10)
	first, err := s.Keep(context.Background(), newItem(small), strings.NewReader(small))
	if err != nil {
		t.Error(err)
		return
	}
	if id, err := s.Keep(context.Background(), newItem(large), strings.NewReader(large)); !errors.Is(err, ErrFull) {
		t.Errorf("id %q, error %v", id, err)
	}
	// The disk fills up while a mail is being written.
	if id, err := s.Keep(context.Background(), newItem(small), io.MultiReader(strings.NewReader(small), strings.NewReader(large))); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("id %q, error %v", id, err)
	}
	if got := names(t, dir); len(got) != 4 || got[3] != first {
		t.Errorf("the folder holds %q", got)
	}
	if err := s.Delete(first); err != nil {
		t.Error(err)
	}
	if _, err := s.Keep(context.Background(), newItem(large), strings.NewReader(large)); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}
