package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// MailutilsServer is GNU Mailutils' pop3d on port 110 of 198.51.100.80 and 2001:db8:100::80 in the internet, with boxes of its own
// beside dovecot's: a server with other habits. It knows APOP and no AUTH, tells no sizes in its replies to RETR, numbers
// its mails by a header field that it adds in a mailbox's first session, answers TOP with an empty line more than RETR, and lets one session at a time into a mailbox.
type MailutilsServer struct {
	*Process
	boxes
}

// mailutilsDomain is the part after the @ of each user's login.
const mailutilsDomain = "lab"

// passwordHash is Password as crypt(3) has it.
const passwordHash = "$6$mirrorgwlab$zICPSgu/.Bpgwv15MeLSBU/U4uM1aujjgNlEU7GfthabIwUiLOJCVXi.lC4zjMVyYAivJvyDIH9swox/Djw7I/"

// mailutilsConfig has users in a file, so that none of the machine's accounts is needed, and a lock for
// each mailbox, which one session at a time may have (RFC 1939 section 4).
const mailutilsConfig = `mode daemon;
foreground yes;
max-children 200;
timeout 600;
pidfile {{.Folder}}/pid;
apop-database-file {{.Folder}}/apop.db;
apop-database-owner root;
logging { syslog no; }
tcp-wrappers { enable no; }
locking { type null; }
mandatory-locking { enable yes; lock-directory {{.Folder}}/locks; }
virtdomain { passwd-dir {{.Folder}}/domains; }
auth { authentication clear; authentication generic; authorization clear; authorization virtdomain; }
mailbox { mailbox-type maildir; }
{{range .Listen}}server "{{.}}" { backlog 128; }
{{end}}`

// StartMailutils runs pop3d with the given mailboxes and waits until it answers. There is one at a time.
//
// Errors: ErrUnable when it is not installed; the end of its log when it does not start.
func (l *Lab) StartMailutils(ctx context.Context, list ...Mailbox) (*MailutilsServer, error) {
	s, err := l.startMailutils(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	return s, nil
}

func (l *Lab) startMailutils(ctx context.Context, list []Mailbox) (*MailutilsServer, error) {
	if err := needTools("pop3d"); err != nil {
		return nil, err
	}
	folder := filepath.Join(l.folder, "mailutils")
	s := &MailutilsServer{boxes: boxes{folder: filepath.Join(folder, "boxes"), inbox: "INBOX", unix: true}}
	var err error
	if s.owner, err = mailOwner(); err != nil {
		return nil, err
	}
	for _, f := range []string{folder, s.boxes.folder, filepath.Join(folder, "domains"), filepath.Join(folder, "locks")} {
		if err := os.Mkdir(f, 0o755); err != nil {
			return nil, err
		}
	}
	if _, err := output(exec.CommandContext(ctx, "chown", s.owner.name, filepath.Join(folder, "locks")), "folder for locks"); err != nil {
		return nil, err
	}
	var users strings.Builder
	for _, box := range list {
		fmt.Fprintf(&users, "%s:%s:%s:%s::%s:/bin/false\n", box.User, passwordHash, s.owner.uid, s.owner.gid, filepath.Join(s.boxes.folder, box.User))
		if err := s.fill(ctx, box); err != nil {
			return nil, err
		}
		apop := exec.CommandContext(ctx, "popauth", "--add", "--file="+filepath.Join(folder, "apop.db"), "--user="+s.Login(box.User), "--password="+Password)
		if _, err := output(apop, "popauth"); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "domains", mailutilsDomain), []byte(users.String()), 0o644); err != nil {
		return nil, err
	}
	addresses := []netip.AddrPort{netip.AddrPortFrom(WebIPv4, 110), netip.AddrPortFrom(WebIPv6, 110)}
	var config bytes.Buffer
	if err := template.Must(template.New("pop3d.conf").Parse(mailutilsConfig)).Execute(&config, map[string]any{"Folder": folder, "Listen": addresses}); err != nil {
		return nil, err
	}
	path := filepath.Join(folder, "pop3d.conf")
	if err := os.WriteFile(path, config.Bytes(), 0o644); err != nil {
		return nil, err
	}
	if s.Process, err = l.Internet.Start("pop3d", "pop3d", "--no-config", "--config-file="+path); err != nil {
		return nil, err
	}
	for _, at := range addresses {
		if err := s.waitReady(ctx, readyLimit, func() bool { return l.Internet.answers(ctx, at) }); err != nil {
			return nil, errors.Join(err, s.Kill())
		}
	}
	return s, nil
}

// Login is the name by which the user of a mailbox logs in.
func (s *MailutilsServer) Login(user string) string { return user + "@" + mailutilsDomain }
