package testnet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/mail"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// demoDownload is the size of the file fetched over HTTP, in octets.
const demoDownload = 20 << 20

// ErrDemo reports lines of the demonstration that do not hold.
var ErrDemo = errors.New("does not hold")

// DemoConfig says what to demonstrate, and to whom.
type DemoConfig struct {
	// Name is the lab's. Empty is "lab".
	Name string

	// Binary is the path of mirrorgw.
	Binary string

	// Out gets the table at the end.
	Out io.Writer

	// Progress gets a line as each step begins; nil for none.
	Progress io.Writer
}

// Demo tells the story of the product in a lab of its own: a client fetches mail through the mirror with real programs,
// clean mail arrives as a direct fetch has it, infected mail arrives as a notice, and everything else passes. It writes a
// table of what was expected and what was seen, and takes the lab down, also when ctx ends.
//
// Errors: ErrDemo when a line does not hold; what kept the lab from coming up or a step from running.
func Demo(ctx context.Context, cfg DemoConfig) (err error) {
	// The whole story's tools, before anything is built.
	if err := needTools("ip", "nft", "dovecot", "curl", "fetchmail", "ping", "traceroute"); err != nil {
		return err
	}
	if cfg.Progress == nil {
		cfg.Progress = io.Discard
	}
	d := &demo{cfg: cfg, begun: time.Now()}
	d.step("building client, LAN, router and internet")
	if d.lab, err = Up(ctx, Config{Name: cfg.Name}); err != nil {
		return err
	}
	defer func() {
		d.step("taking the lab down")
		err = errors.Join(err, d.lab.Down(context.WithoutCancel(ctx)))
	}()
	if err := d.tell(ctx); err != nil {
		return err
	}
	d.table.write(cfg.Out)
	if failed := d.table.failed(); failed > 0 {
		fmt.Fprintf(cfg.Out, "\nThe gateway's log ends:\n%s\n", d.gateway.tail())
		return fmt.Errorf("%d of %d lines: %w", failed, len(d.table), ErrDemo)
	}
	return nil
}

// demo is one run of the story.
type demo struct {
	cfg   DemoConfig
	begun time.Time
	table demoTable

	lab     *Lab
	mails   []Mail
	clean   int // the first so many mails are clean
	server  *MailServer
	web     *WebServer
	gateway *Gateway
}

// step says what happens next.
func (d *demo) step(format string, args ...any) {
	fmt.Fprintf(d.cfg.Progress, "%5.1f s  %s\n", time.Since(d.begun).Seconds(), fmt.Sprintf(format, args...))
}

func (d *demo) tell(ctx context.Context) error {
	if err := d.furnish(ctx); err != nil {
		return err
	}
	defer d.web.Close()
	for _, scene := range []func(context.Context) error{d.fetchMail, d.whoSawWhom, d.otherTraffic, d.kernelHadNoPart, d.end} {
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

// furnish starts the servers and the gateway.
func (d *demo) furnish(ctx context.Context) (err error) {
	d.mails = CleanMails(1)
	d.clean = len(d.mails)
	d.mails = append(d.mails, EICAR())
	switch m, err := ClamTestFile(); {
	case err == nil:
		d.mails = append(d.mails, m)
	case !errors.Is(err, ErrNoTestFile):
		return err
	default:
		d.step("%v; going on without it", err)
	}
	d.step("starting dovecot with %d mails, %d of them infected", len(d.mails), len(d.mails)-d.clean)
	if d.server, err = d.lab.StartMailServer(ctx, Mailbox{User: "alice", Mails: d.mails}); err != nil {
		return err
	}
	if d.web, err = d.lab.StartWebServer(ctx); err != nil {
		return err
	}
	d.step("starting mirrorgw on the LAN, with %s and %s", GatewayIPv4, GatewayIPv6)
	if d.gateway, err = d.lab.StartGateway(ctx, d.cfg.Binary, d.lab.GatewayConfig()); err != nil {
		return errors.Join(err, d.web.Close())
	}
	return nil
}

// fetchMail fetches the mailbox beside the mirror and through it, and compares.
func (d *demo) fetchMail(ctx context.Context) error {
	d.step("fetching from the router, beside the mirror")
	direct, err := d.curlMail(ctx, d.lab.Router, "direct", MailIPv4)
	if err != nil {
		return err
	}
	for _, server := range []netip.Addr{MailIPv4, MailIPv6} {
		d.step("fetching from the client with curl, over %s, through the mirror", family(server))
		through, err := d.curlMail(ctx, d.lab.Client, family(server), server)
		if err != nil {
			d.table.failedStep("mail over "+family(server), "fetched", err)
			continue
		}
		d.compare(family(server), direct, through)
		d.table.add("client sees the server, "+family(server), server.String(), through.server)
	}
	d.step("fetching with fetchmail")
	got, err := d.fetchmail(ctx)
	if err != nil {
		d.table.failedStep("fetchmail", "fetched", err)
		return ctx.Err()
	}
	d.table.add("fetchmail", fmt.Sprintf("%d mails", len(d.mails)), fmt.Sprintf("%d mails", got))
	return ctx.Err()
}

// compare adds the lines about the mails of one fetch.
func (d *demo) compare(how string, direct, through fetched) {
	identical, first := 0, ""
	for i := range d.clean {
		if bytes.Equal(direct.mails[i], through.mails[i]) {
			identical++
		} else if first == "" {
			first = fmt.Sprintf(", not %q", d.mails[i].Kind)
		}
	}
	d.table.add("clean mail over "+how, fmt.Sprintf("%d identical", d.clean), fmt.Sprintf("%d identical%s", identical, first))
	uidls := "unchanged"
	if direct.uidls != through.uidls {
		uidls = "changed"
	}
	d.table.add("UIDLs over "+how, "unchanged", uidls)
	for i := d.clean; i < len(d.mails); i++ {
		d.table.add(d.mails[i].Kind+" over "+how, "replaced by a notice", describeNotice(direct.mails[i], through.mails[i]))
	}
}

// describeNotice tells what became of an infected mail.
func describeNotice(original, got []byte) string {
	if bytes.Equal(original, got) {
		return "delivered"
	}
	m, err := mail.ReadMessage(bytes.NewReader(got))
	if err != nil {
		return "no mail: " + err.Error()
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	switch {
	case err != nil || !strings.HasPrefix(subject, "[mirrorgw]"):
		return fmt.Sprintf("subject %q", subject)
	case m.Header.Get("X-Mirrorgw-Verdict") == "":
		return "no X-Mirrorgw-Verdict"
	}
	for line := range bytes.Lines(original) {
		// A line of this length in an infected mail is part of its attachment.
		if len(line) > 60 && !bytes.Contains(line, []byte(" ")) && bytes.Contains(got, bytes.TrimSpace(line)) {
			return "a notice with the attachment"
		}
	}
	return "replaced by a notice"
}

// whoSawWhom looks at both sides of the mirror: the mail server met the gateway.
func (d *demo) whoSawWhom(ctx context.Context) error {
	sources, err := d.lab.SourcesAtRouter(ctx, 110)
	if err != nil {
		return err
	}
	sources = slices.DeleteFunc(sources, netip.Addr.Is6)
	d.table.add("mail server's peer, IPv4 before NAT", GatewayIPv4.String(), addresses(sources))
	logins, err := d.server.Logins()
	if err != nil {
		return err
	}
	var peers []netip.Addr
	for _, login := range logins {
		if login.Server == MailIPv6 && !slices.Contains(peers, login.Client) {
			peers = append(peers, login.Client)
		}
	}
	d.table.add("mail server's peer, IPv6 in its log", GatewayIPv6.String(), addresses(peers))
	return nil
}

// otherTraffic downloads, pings and traces.
func (d *demo) otherTraffic(ctx context.Context) error {
	want := sha256.New()
	if _, err := io.Copy(want, WebBody(demoDownload)); err != nil {
		return err
	}
	for _, server := range []netip.Addr{WebIPv4, WebIPv6} {
		how, base := family(server), "http://"+netip.AddrPortFrom(server, 80).String()
		d.step("downloading %d MB over %s, ping, traceroute", demoDownload>>20, how)
		body, err := d.lab.Client.Output(ctx, "curl", "-sSf", "--max-time", "20", fmt.Sprintf("%s/random/%d", base, demoDownload))
		seen := "identical"
		switch sum := sha256.Sum256(body); {
		case err != nil:
			seen = oneLine(err)
		case !bytes.Equal(sum[:], want.Sum(nil)):
			seen = fmt.Sprintf("%d octets, different", len(body))
		}
		d.table.add(fmt.Sprintf("%d MB over HTTP, %s", demoDownload>>20, how), "identical", seen)

		_, err = d.lab.Client.Output(ctx, "ping", "-c", "3", "-i", "0.2", "-W", "2", server.String())
		if err != nil {
			d.table.failedStep("ping, "+how, "answered", err)
		} else {
			d.table.add("ping, "+how, "answered", "answered")
		}
		gateway, router := GatewayIPv4, RouterIPv4
		if server.Is6() {
			gateway, router = GatewayIPv6, RouterIPv6
		}
		hops, err := d.lab.Trace(ctx, server.String())
		if err != nil {
			d.table.failedStep("traceroute, "+how, gateway.String(), err)
		} else {
			d.table.add("traceroute, "+how, addresses([]netip.Addr{gateway, router, server}), strings.Join(hops, " "))
		}
	}
	peer, err := d.lab.Client.Output(ctx, "curl", "-sSf", "--max-time", "5", "http://"+netip.AddrPortFrom(WebIPv6, 80).String())
	if err != nil {
		d.table.failedStep("web server's peer, IPv6", ClientIPv6.String(), err)
	} else {
		d.table.add("web server's peer, IPv6", ClientIPv6.String(), strings.TrimSpace(string(peer)))
	}
	return ctx.Err()
}

// kernelHadNoPart looks for netfilter rules and forwarding where the gateway runs.
func (d *demo) kernelHadNoPart(ctx context.Context) error {
	d.step("looking for netfilter and forwarding in the mirror's kernel")
	rules, err := d.lab.Mirror.Output(ctx, "nft", "list", "ruleset")
	if err != nil {
		return err
	}
	seen := "empty"
	if len(rules) > 0 {
		seen = fmt.Sprintf("%d lines", bytes.Count(rules, []byte("\n")))
	}
	d.table.add("mirror: nft list ruleset", "empty", seen)
	for _, key := range []string{"net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"} {
		value, err := d.lab.Mirror.Sysctl(key)
		if err != nil {
			return err
		}
		d.table.add("mirror: "+key, "0", value)
	}
	return nil
}

// end stops the gateway.
func (d *demo) end(ctx context.Context) error {
	d.step("stopping mirrorgw")
	if err := d.gateway.Stop(ctx); err != nil {
		d.table.failedStep("mirrorgw ends on SIGTERM", "exit status 0", err)
		return ctx.Err()
	}
	d.table.add("mirrorgw ends on SIGTERM", "exit status 0", "exit status 0")
	return nil
}

// fetched is a mailbox as curl got it.
type fetched struct {
	uidls  string
	mails  [][]byte
	server string // the address curl talked to
}

// curlMail fetches the whole mailbox and leaves it on the server.
func (d *demo) curlMail(ctx context.Context, from *Host, name string, server netip.Addr) (fetched, error) {
	folder := filepath.Join(d.lab.Folder(), "fetched "+name)
	if err := os.Mkdir(folder, 0o755); err != nil {
		return fetched{}, err
	}
	url := "pop3://" + netip.AddrPortFrom(server, 110).String()
	curl := []string{"curl", "-sS", "--max-time", "30", "--user", "alice:" + Password}
	uidls, err := from.Output(ctx, append(curl, "--request", "UIDL", url)...)
	if err != nil {
		return fetched{}, err
	}
	seen, err := from.Output(ctx, append(curl, "--globoff", "--write-out", "%{remote_ip}\n",
		"--output", filepath.Join(folder, "1"), url+"/1")...)
	if err != nil {
		return fetched{}, err
	}
	f := fetched{uidls: string(uidls), server: strings.TrimSpace(string(seen))}
	// One session for all the rest. curl's own numbering in URLs cannot be used beside the brackets of an IPv6 address.
	rest := append(curl, "--globoff")
	for i := 2; i <= len(d.mails); i++ {
		rest = append(rest, "--output", filepath.Join(folder, fmt.Sprint(i)), fmt.Sprintf("%s/%d", url, i))
	}
	if _, err := from.Output(ctx, rest...); err != nil {
		return fetched{}, err
	}
	for i := range d.mails {
		b, err := os.ReadFile(filepath.Join(folder, fmt.Sprint(i+1)))
		if err != nil {
			return fetched{}, err
		}
		f.mails = append(f.mails, b)
	}
	return f, nil
}

// fetchmail fetches the whole mailbox and returns how many mails were delivered to the client.
func (d *demo) fetchmail(ctx context.Context) (int, error) {
	home := filepath.Join(d.lab.Folder(), "fetchmail")
	if err := os.Mkdir(home, 0o700); err != nil {
		return 0, err
	}
	delivered := filepath.Join(home, "delivered")
	config := fmt.Sprintf("poll %s protocol pop3 timeout 20\n  user \"alice\" password %q is root here\n  sslproto '' fetchall keep\n  mda \"cat >/dev/null && echo >>%s\"\n",
		MailIPv4, Password, delivered)
	path := filepath.Join(home, "fetchmailrc")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return 0, err
	}
	// root's fetchmails share one file otherwise, and only one of them runs at a time.
	cmd := d.lab.Client.Command(ctx, "fetchmail", "--fetchmailrc", path, "--nosyslog", "--silent", "--pidfile", filepath.Join(home, "pid"))
	cmd.Env = append(os.Environ(), "FETCHMAILHOME="+home, "HOME="+home)
	if _, err := output(cmd, "client: fetchmail"); err != nil {
		return 0, err
	}
	b, err := os.ReadFile(delivered)
	return bytes.Count(b, []byte("\n")), err
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}

func addresses(list []netip.Addr) string {
	if len(list) == 0 {
		return "nobody"
	}
	var words []string
	for _, a := range list {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}
