package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mirrorgw/testnet"
)

// realClient is a mail client as users run it.
type realClient struct {
	name    string
	program string
	ipv6    bool
	byTOP   bool // where it leaves mail on the server it asks for TOP of more lines than a mail has, not for RETR
	fetch   func(ctx context.Context, s session) error
	chance  *regexp.Regexp // what it writes differs there from run to run, past the mirror too; nil for nothing
}

func realClients() []realClient {
	return []realClient{
		{
			name: "fetchmail", program: "fetchmail", byTOP: true, fetch: runFetchmail,
			chance: regexp.MustCompile(`(?s)\x00.\n`), // where it cuts a line, after 8 KB, an octet of what was in its memory
		},
		{name: "mpop", program: "mpop", ipv6: true, fetch: runMpop},
		{name: "getmail", program: "getmail", fetch: runGetmail},
		{name: "curl", program: "curl", ipv6: true, fetch: runCurl},
		{name: "mutt", program: "mutt", fetch: runMutt},
		{name: "poplib", program: "python3", ipv6: true, fetch: runPoplib},
	}
}

// run runs a command line on the client's host, at home in its folder. ok are exit codes beside 0 that are no failure.
func (s session) run(ctx context.Context, ok []int, argv ...string) ([]byte, error) {
	// No name server is in reach: clients that ask one for their own name would wait for it.
	nameless := []string{"sh", "-c", `mount --bind /dev/null /etc/resolv.conf && exec "$@"`, argv[0]}
	cmd := s.host.Command(ctx, append(nameless, argv...)...)
	cmd.Env = append(os.Environ(), "HOME="+s.home, "FETCHMAILHOME="+s.home, "TERM=xterm", "LC_ALL=C.UTF-8")
	cmd.Dir = s.home
	out, err := cmd.CombinedOutput()
	if exit, is := errors.AsType[*exec.ExitError](err); is && slices.Contains(ok, exit.ExitCode()) {
		return out, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%.2000s", argv[0], err, out)
	}
	return out, nil
}

func runFetchmail(ctx context.Context, s session) error {
	keep := "nokeep"
	if s.keep {
		keep = "keep"
	}
	path, err := s.write("fetchmailrc", fmt.Sprintf(`set invisible
poll %s protocol pop3 timeout 150 uidl no dns
  user %q password %q is root here sslproto '' no rewrite pass8bits %s
  mda "sh -c 'cat >$(mktemp %s/mail/new/XXXXXXXX)'"
`, s.at.Addr(), s.login, testnet.Password, keep, s.home))
	if err != nil {
		return err
	}
	const noNewMail = 1
	_, err = s.run(ctx, []int{noNewMail}, "fetchmail", "--fetchmailrc", path, "--nosyslog", "--silent", "--pidfile", filepath.Join(s.home, "pid"))
	return err
}

// runMpop pipelines.
func runMpop(ctx context.Context, s session) error {
	keep := "off"
	if s.keep {
		keep = "on"
	}
	path, err := s.write("mpoprc", fmt.Sprintf("account default\nhost %s\nport %d\nuser %s\npassword %q\nauth user\ntls off\nkeep %s\n"+
		"delivery maildir mail\nuidls_file %s\nreceived_header off\n",
		s.at.Addr(), s.at.Port(), s.login, testnet.Password, keep, filepath.Join(s.home, "uidls")))
	if err != nil {
		return err
	}
	_, err = s.run(ctx, nil, "mpop", "--file="+path, "--quiet")
	return err
}

// runGetmail has getmail deliver over LMTP: where it delivers by itself it waits a minute for each helper that ends too fast.
func runGetmail(ctx context.Context, s session) error {
	path, err := s.write("getmailrc", fmt.Sprintf("[retriever]\ntype = SimplePOP3Retriever\ntimeout = 150\nserver = %s\nport = %d\nusername = %s\npassword = %s\n"+
		"[destination]\ntype = MDA_lmtp\nhost = %s/lmtp\noverride = alice@lab\n[options]\ndelete = %t\nread_all = false\nreceived = false\ndelivered_to = false\n",
		s.at.Addr(), s.at.Port(), s.login, testnet.Password, s.home, !s.keep))
	if err != nil {
		return err
	}
	sink, err := newLMTPSink(filepath.Join(s.home, "lmtp"), filepath.Join(s.home, "mail/new"))
	if err != nil {
		return err
	}
	_, err = s.run(ctx, nil, "getmail", "--getmaildir="+s.home, "--rcfile="+path, "--quiet")
	return errors.Join(err, sink.close())
}

// runCurl has what curl lacks in a shell script's place: a list of the mails it has seen.
func runCurl(ctx context.Context, s session) error {
	curl := []string{"curl", "-sS", "--globoff", "--max-time", "150", "--user", s.login + ":" + testnet.Password}
	url := "pop3://" + s.at.String() + "/"
	listing, err := s.run(ctx, nil, append(curl, "--request", "UIDL", url)...)
	if err != nil {
		return err
	}
	fetch := curl
	var remove []string
	for line := range strings.Lines(strings.TrimLeft(string(listing), "\r\n")) { // curl ends even an empty listing's last line
		number, uidl, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, err := strconv.Atoi(number); err != nil {
			return fmt.Errorf("curl: UIDL: %q", line)
		}
		remove = append(remove, url+number)
		to := filepath.Join(s.home, "mail/new", strings.ReplaceAll(uidl, "/", "_"))
		if _, err := os.Stat(to); err != nil {
			fetch = append(fetch, "--output", to, url+number)
		}
	}
	if len(fetch) > len(curl) {
		if _, err := s.run(ctx, nil, fetch...); err != nil {
			return err
		}
	}
	if !s.keep && len(remove) > 0 {
		_, err = s.run(ctx, nil, append(append(curl, "--head", "--request", "DELE"), remove...)...)
	}
	return err
}

// runMutt fetches as the key G does, into a maildir, in a terminal that script(1) makes.
func runMutt(ctx context.Context, s session) error {
	remove := "no"
	if !s.keep {
		remove = "yes"
	}
	// The mails of the run before are not mutt's concern: it would fetch them again.
	old, err := filepath.Glob(filepath.Join(s.home, "mail/*/*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	path, err := s.write("muttrc", fmt.Sprintf(`set pop_host="pop://%s" pop_user="%s" pop_pass="%s" pop_authenticators="user" pop_delete=%s pop_last=no
set ssl_starttls=no ssl_force_tls=no mbox_type=maildir spoolfile="%[5]s/mail" folder="%[5]s" beep=no quit=yes move=no wait_key=no sleep_time=0
push "<fetch-mail><quit>"
`, s.at, s.login, testnet.Password, remove, s.home))
	if err != nil {
		return err
	}
	_, err = s.run(ctx, nil, "script", "--quiet", "--return", "--command", "mutt -n -F '"+path+"'", "/dev/null")
	return err
}

// poplibProgram takes host, port, user, password, whether to keep, and the home folder. A first session asks for every mail to be
// deleted and leaves without QUIT, which deletes none (RFC 1939 section 6).
const poplibProgram = `
import os, poplib, sys, time
poplib._MAXLINE = 1 << 20
host, port, user, password, keep, home = sys.argv[1:]
def login():
    s = poplib.POP3(host, int(port), timeout=150)
    s.user(user)
    s.pass_(password)
    return s
s = login()
count = s.stat()[0]
for n in range(1, count + 1):
    s.dele(n)
s.close()
for wait in range(1000):
    try:
        s = login()
        if s.stat()[0] == count:
            break
        s.quit() # the server's process of the first session has let go of the lock and still renames files
    except poplib.error_proto as e: # the mailbox may still be locked
        if b"IN-USE" not in e.args[0]:
            raise
    time.sleep(0.05)
else:
    sys.exit("the mailbox has not the mails it had before a session that did not end with QUIT")
for line in s.uidl()[1]:
    n, uidl = line.decode().split()
    path = os.path.join(home, "mail/new", uidl.replace("/", "_"))
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(b"\r\n".join(s.retr(int(n))[1]))
    if keep == "no":
        s.dele(int(n))
s.quit()
`

func runPoplib(ctx context.Context, s session) error {
	path, err := s.write("fetch.py", poplibProgram)
	if err != nil {
		return err
	}
	keep := "no"
	if s.keep {
		keep = "yes"
	}
	_, err = s.run(ctx, nil, "python3", path, s.at.Addr().String(), strconv.Itoa(int(s.at.Port())), s.login, testnet.Password, keep, s.home)
	return err
}
