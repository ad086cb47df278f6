package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"mirrorgw/testnet"
)

// proxyLimit is how long a proxy may take to answer.
const proxyLimit = 10 * time.Second

// proxy is a mail proxy of another project, which a client must name as its server and which scans nothing.
type proxy struct {
	program string
	config  string // a text in which names in capitals are replaced
	argv    []string
}

// proxies are the peers of a mail session. Each has a process for each of two cores, or one for each session, logs as it does by
// default, and sends a client's name and password on to the one server there is.
func proxies() map[way]proxy {
	return map[way]proxy{
		nginx: {
			program: "nginx",
			argv:    []string{"nginx", "-c", "CONFIG", "-e", "stderr"},
			config: `
daemon off;
worker_processes 2;
worker_rlimit_nofile 65536;
pid FOLDER/nginx.pid;
load_module modules/ngx_mail_module.so;
events { worker_connections 32768; }
mail {
	auth_http LOGIN/;
	server {
		listen PROXY:110 backlog=4096;
		protocol pop3;
		pop3_auth plain;
	}
}
`,
		},
		dovecot: {
			program: "dovecot",
			argv:    []string{"dovecot", "-F", "-c", "CONFIG"},
			config: `
base_dir = FOLDER/run
state_dir = FOLDER/state
log_path = /dev/stderr
protocols = pop3
listen = PROXY
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
passdb {
  driver = static
  args = nopassword=y proxy=y host=SERVER port=110
}
default_client_limit = 32768
service pop3-login {
  chroot =
  service_count = 0
  process_min_avail = 2
  process_limit = 2
  inet_listener pop3s {
    port = 0
  }
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`,
		},
		perdition: {
			program: "perdition",
			argv: []string{
				"perdition", "--config_file", "/dev/null", "--no_daemon", "--protocol", "POP3", "--bind_address", "PROXY", "--listen_port", "110",
				"--outgoing_server", "SERVER", "--outgoing_port", "110", "--no_lookup", "--map_library", "", "--ssl_mode", "none", "--pid_file", "FOLDER/perdition.pid",
			},
		},
	}
}

// enterProxy runs a proxy at the gateway's IPv4 address, on the kernel's TCP. What is not mail it does not forward.
func (b *bench) enterProxy(ctx context.Context, w way) (leave func(context.Context) error, err error) {
	var ends []func(context.Context) error
	undo := func(ctx context.Context) error {
		b.process = nil
		var errs []error
		for i := range ends {
			errs = append(errs, ends[len(ends)-1-i](ctx))
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, undo(context.WithoutCancel(ctx)))
		}
	}()
	ends = append(ends, func(ctx context.Context) error { return b.script(ctx, b.lab.Mirror, hostOff) })
	if err := b.script(ctx, b.lab.Mirror, hostOn); err != nil {
		return nil, err
	}
	login, err := serveLogin(ctx, b.lab.Mirror, netip.AddrPortFrom(testnet.MailIPv4, 110))
	if err != nil {
		return nil, err
	}
	ends = append(ends, func(context.Context) error { return login.Close() })

	p := proxies()[w]
	folder, err := os.MkdirTemp("", "mirrorgw-bench-")
	if err != nil {
		return nil, err
	}
	ends = append(ends, func(context.Context) error { return os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil { // others than root serve from it
		return nil, err
	}
	config := filepath.Join(folder, "config")
	fill := strings.NewReplacer(
		"PROXY", testnet.GatewayIPv4.String(), "SERVER", testnet.MailIPv4.String(), "LOGIN", login.Addr().String(), "FOLDER", folder, "CONFIG", config,
	)
	if err := os.WriteFile(config, []byte(fill.Replace(p.config)), 0o600); err != nil {
		return nil, err
	}
	argv := make([]string, len(p.argv))
	for i, a := range p.argv {
		argv[i] = fill.Replace(a)
	}
	process, err := b.lab.Mirror.Start(p.program, argv...)
	if err != nil {
		return nil, err
	}
	// How it takes being ended is its own affair.
	ends = append(ends, func(ctx context.Context) error { _ = process.Stop(ctx); return nil })
	if err := b.forgetNeighbours(ctx); err != nil {
		return nil, err
	}
	if err := b.waitForProxy(ctx, process); err != nil {
		return nil, err
	}
	b.process = process
	return undo, nil
}

// waitForProxy waits until a proxy greets the client.
func (b *bench) waitForProxy(ctx context.Context, p *testnet.Process) error {
	ctx, cancel := context.WithTimeout(ctx, proxyLimit)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		c, err := b.lab.Client.Dial(ctx, "tcp", netip.AddrPortFrom(testnet.GatewayIPv4, 110))
		if err == nil {
			err = c.SetReadDeadline(time.Now().Add(time.Second))
			if err == nil {
				_, err = bufio.NewReader(c).ReadString('\n')
			}
			c.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.Done():
			log, logErr := p.Log()
			return errors.Join(fmt.Errorf("ended at once: %s", strings.TrimSpace(log)), logErr)
		case <-ctx.Done():
			return fmt.Errorf("no greeting: %w", err)
		}
	}
}

// loginServer answers nginx, which must ask by HTTP where to send whom. It reads no more of the question than its end and costs next
// to nothing.
type loginServer struct {
	net.Listener
	answer  string
	serving sync.WaitGroup
}

// serveLogin sends everybody to one server, until Close.
func serveLogin(ctx context.Context, h *testnet.Host, server netip.AddrPort) (*loginServer, error) {
	l, err := h.Listen(ctx, netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return nil, err
	}
	s := &loginServer{Listener: l, answer: fmt.Sprintf("HTTP/1.0 200 OK\r\nAuth-Status: OK\r\nAuth-Server: %s\r\nAuth-Port: %d\r\n\r\n", server.Addr(), server.Port())}
	s.serving.Go(s.accept) // ends with Close
	return s, nil
}

func (s *loginServer) accept() {
	for {
		c, err := s.Accept()
		if err != nil {
			return
		}
		s.serving.Go(func() { // ends within a second
			defer c.Close()
			if c.SetDeadline(time.Now().Add(time.Second)) != nil {
				return
			}
			var question [4096]byte
			for n := 0; n < len(question); {
				got, err := c.Read(question[n:])
				if n += got; strings.HasSuffix(string(question[:n]), "\r\n\r\n") {
					_, _ = c.Write([]byte(s.answer)) // nginx says what it did not get
					return
				}
				if err != nil {
					return
				}
			}
		})
	}
}

// Close ends the server and waits.
func (s *loginServer) Close() error {
	err := s.Listener.Close()
	s.serving.Wait()
	return err
}
