package testnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Password is every mailbox's.
const Password = "correct horse"

// readyLimit is how long a server may take to answer.
const readyLimit = 15 * time.Second

// Mailbox is one user's mail, in the order POP3 lists it.
type Mailbox struct {
	User  string
	Mails []Mail
}

// MailServer is dovecot with POP3 on port 110 of 198.51.100.10 and 2001:db8:100::10 in the internet.
type MailServer struct {
	*Process
	boxes
	config string // the folder of what dovecot is told
}

// owner is the account that mailboxes belong to.
type owner struct{ name, group, uid, gid string }

// mailServerConfig fills in the configuration of either dovecot.
type mailServerConfig struct {
	Folder, Users, Maildirs string
	Owner, Group            string
	Listen                  string
}

// dovecot23 and dovecot24 say the same in the two languages that dovecot's versions read (Debian 12 and 13): no limits on sessions from one
// address, since behind a gateway all are; login processes that serve many; no chroot, so that no file of the system is needed.
const dovecot23 = `
base_dir = {{.Folder}}/run
state_dir = {{.Folder}}/state
log_path = /dev/stderr
protocols = pop3
listen = {{.Listen}}
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
passdb {
  driver = passwd-file
  args = username_format=%u {{.Users}}
}
userdb {
  driver = static
  args = uid={{.Owner}} gid={{.Group}} home={{.Maildirs}}/%u
}
mail_location = maildir:{{.Maildirs}}/%u
mail_fsync = never
first_valid_uid = 1
mail_max_userip_connections = 0
protocol pop3 {
  mail_max_userip_connections = 0
}
default_process_limit = 500
default_client_limit = 4000
service pop3-login {
  chroot =
  service_count = 0
  inet_listener pop3s {
    port = 0
  }
}
service pop3 {
  service_count = 1000
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`

const dovecot24 = `
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = {{.Folder}}/run
state_dir = {{.Folder}}/state
log_path = /dev/stderr
protocols = pop3
listen = {{.Listen}}
ssl = no
auth_allow_cleartext = yes
auth_mechanisms = plain login
passdb passwd-file {
  passwd_file_path = {{.Users}}
}
userdb static {
  fields {
    uid = {{.Owner}}
    gid = {{.Group}}
    home = {{.Maildirs}}/%{user}
  }
}
mail_driver = maildir
mail_path = {{.Maildirs}}/%{user}
mail_fsync = never
first_valid_uid = 1
mail_max_userip_connections = 0
default_process_limit = 500
default_client_limit = 4000
service pop3-login {
  chroot =
  restart_request_count = unlimited
  inet_listener pop3s {
    port = 0
  }
}
service pop3 {
  restart_request_count = 1000
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`

// StartMailServer runs dovecot with the given mailboxes and waits until it answers. There is one at a time.
//
// Errors: ErrUnable when dovecot is not installed; the end of its log when it does not start.
func (l *Lab) StartMailServer(ctx context.Context, list ...Mailbox) (*MailServer, error) {
	s, err := l.startMailServer(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	return s, nil
}

func (l *Lab) startMailServer(ctx context.Context, list []Mailbox) (*MailServer, error) {
	if err := needTools("dovecot"); err != nil {
		return nil, err
	}
	folder := filepath.Join(l.folder, "mail")
	s := &MailServer{boxes: boxes{folder: filepath.Join(folder, "boxes")}, config: folder}
	var err error
	if s.owner, err = mailOwner(); err != nil {
		return nil, err
	}
	for _, folder := range []string{s.config, s.boxes.folder} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			return nil, err
		}
	}
	var users strings.Builder
	for _, box := range list {
		fmt.Fprintf(&users, "%s:{PLAIN}%s\n", box.User, Password)
		if err := s.fill(ctx, box); err != nil {
			return nil, err
		}
	}
	usersPath := filepath.Join(s.config, "users")
	if err := os.WriteFile(usersPath, []byte(users.String()), 0o644); err != nil {
		return nil, err
	}
	configPath := filepath.Join(s.config, "dovecot.conf")
	if err := s.writeConfig(ctx, configPath, usersPath); err != nil {
		return nil, err
	}
	if s.Process, err = l.Internet.Start("dovecot", "dovecot", "-F", "-c", configPath); err != nil {
		return nil, err
	}
	for _, address := range []netip.Addr{MailIPv4, MailIPv6} {
		err := s.waitReady(ctx, readyLimit, func() bool { return l.Internet.answers(ctx, netip.AddrPortFrom(address, 110)) })
		if err != nil {
			return nil, errors.Join(err, s.Kill())
		}
	}
	return s, nil
}

// writeConfig writes the configuration that the installed dovecot reads.
func (s *MailServer) writeConfig(ctx context.Context, path, users string) error {
	version, err := output(exec.CommandContext(ctx, "dovecot", "--version"), "dovecot --version")
	if err != nil {
		return err
	}
	text := dovecot24
	if strings.HasPrefix(string(version), "2.2.") || strings.HasPrefix(string(version), "2.3.") {
		text = dovecot23
	}
	var config strings.Builder
	err = template.Must(template.New("dovecot.conf").Parse(text)).Execute(&config, mailServerConfig{
		Folder: s.config, Users: users, Maildirs: s.boxes.folder,
		Owner: s.owner.name, Group: s.owner.group,
		Listen: MailIPv4.String() + ", " + MailIPv6.String(),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(config.String()), 0o644)
}

// mailOwner finds an account without privileges: dovecot serves no mail as root.
func mailOwner() (owner, error) {
	for _, name := range []string{"nobody", "mail"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		g, err := user.LookupGroupId(u.Gid)
		if err != nil {
			continue
		}
		return owner{name: u.Username, group: g.Name, uid: u.Uid, gid: u.Gid}, nil
	}
	return owner{}, fmt.Errorf("%w: neither nobody nor mail is an account here", ErrUnable)
}

// Login is one session in the server's log.
type Login struct {
	User   string
	Client netip.Addr // who the server saw
	Server netip.Addr // the server's address
}

// Logins returns the sessions that logged in so far, in order.
func (s *MailServer) Logins() ([]Login, error) {
	log, err := s.Log()
	if err != nil {
		return nil, err
	}
	var logins []Login
	for line := range strings.Lines(log) {
		_, fields, found := strings.Cut(line, ": Login: ")
		if !found { // as dovecot 2.4 has it
			_, fields, found = strings.Cut(line, ": Logged in: ")
		}
		if !found {
			continue
		}
		var login Login
		for field := range strings.SplitSeq(strings.TrimSpace(fields), ", ") {
			key, value, _ := strings.Cut(field, "=")
			switch key {
			case "user":
				login.User = strings.Trim(value, "<>")
			case "rip":
				login.Client, err = netip.ParseAddr(value)
			case "lip":
				login.Server, err = netip.ParseAddr(value)
			}
			if err != nil {
				return nil, fmt.Errorf("dovecot log line %s: %w", strconv.Quote(line), err)
			}
		}
		logins = append(logins, login)
	}
	return logins, nil
}

// answers tells whether something accepts connections at an address, seen from the host itself.
func (h *Host) answers(ctx context.Context, at netip.AddrPort) bool {
	c, err := h.Dial(ctx, "tcp", at)
	if err != nil {
		return false
	}
	c.Close()
	return true
}
