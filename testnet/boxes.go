package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// boxes are the mailboxes of a server, each a maildir (https://cr.yp.to/proto/maildir.html).
type boxes struct {
	folder string // holds a folder for each user
	inbox  string // the maildir in it; empty: it is the maildir
	unix   bool   // lines end in LF on this server's disk
	owner  owner
}

// maildir is a user's.
func (b *boxes) maildir(user string) string { return filepath.Join(b.folder, user, b.inbox) }

// fill makes a user's maildir. Servers number new mails by file name.
func (b *boxes) fill(ctx context.Context, box Mailbox) error {
	maildir := b.maildir(box.User)
	for _, folder := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, folder), 0o700); err != nil {
			return err
		}
	}
	for i, mail := range box.Mails {
		data := mail.Data
		if b.unix {
			data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
		}
		name := fmt.Sprintf("%d.M%dP1.lab", 1_100_000_000+i, i)
		if err := os.WriteFile(filepath.Join(maildir, "new", name), data, 0o600); err != nil {
			return err
		}
	}
	_, err := output(exec.CommandContext(ctx, "chown", "-R", b.owner.name+":"+b.owner.group, filepath.Join(b.folder, box.User)), "mailbox of "+box.User)
	return err
}

// Count is the number of mails in a user's mailbox, as it lies on the server's disk.
func (b *boxes) Count(user string) (int, error) {
	count := 0
	for _, folder := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(b.maildir(user), folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
		count += len(entries)
	}
	return count, nil
}
