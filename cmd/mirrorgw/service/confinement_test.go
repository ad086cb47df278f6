package service

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"mirrorgw/cmd/mirrorgw/config"
)

func TestReach(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/m.yaml", "elsewhere/linked.yaml", "rules/a.yar", "shared/b.yar", "single/c.yar", "texts/own.tmpl"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{
		"etc/link.yaml": dir + "/elsewhere/linked.yaml", "rules/b.yar": "../shared/b.yar", "rules/gone.yar": "/not/there", "current": "rules",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(notifyVariable, "/run/systemd/notify")
	cfg := config.Default()
	cfg.Quarantine.Dir, cfg.Control.Socket, cfg.Spool.Dir = "/var/q", "/run/m/ctl", "/var/spool/m"
	cfg.Scan.YARA.Rules = []string{dir + "/current", dir + "/single/c.yar"}
	cfg.Scan.Clamd.Address = []string{"unix:/run/clamav/clamd.ctl", "tcp:[::1]:3310"}
	cfg.Spam.Rspamd, cfg.Spam.Spamd = "http://127.0.0.1:11333", "tcp:127.0.0.1:783"
	cfg.Notice.Template = dir + "/texts/own.tmpl"
	reach := reachOf(cfg, dir+"/etc/link.yaml")
	for _, want := range []string{dir + "/etc", dir + "/elsewhere", dir + "/current", dir + "/shared/b.yar", dir + "/single", dir + "/texts"} {
		if !slices.Contains(reach.Read, want) {
			t.Errorf("%s is not among %q", want, reach.Read)
		}
	}
	if slices.Contains(reach.Read, dir) || slices.Contains(reach.Read, "/not/there") {
		t.Errorf("%q", reach.Read)
	}
	if !slices.Equal(reach.Write, []string{"/var/q", "/run/m"}) || reach.Spool != "/var/spool/m" ||
		!slices.Equal(reach.Devices, []string{"/dev/net/tun", "/dev/null"}) || !slices.Equal(reach.Sockets, []string{"/run/m/ctl", "/run/clamav", "/run/systemd/notify"}) || len(reach.Listen) > 0 || !slices.Equal(reach.Connect, []uint16{3310, 11333, 783}) {
		t.Errorf("%+v", reach)
	}
	cfg.Spool.Dir = ""
	if reach := reachOf(cfg, ""); reach.Spool != os.TempDir() {
		t.Errorf("spool in %s", reach.Spool)
	}
}

// TestFoldersAtTheTopStayOutOfReach: a configuration that lies in /etc does not open /etc.
func TestFoldersAtTheTopStayOutOfReach(t *testing.T) {
	for file, want := range map[string]string{
		"/etc/mirrorgw.yaml": "/etc/mirrorgw.yaml", "/m.yaml": "/m.yaml", "/etc/mirrorgw/m.yaml": "/etc/mirrorgw", "/srv/../etc/x": "/etc/x",
	} {
		if got := around(file); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %s", file, got, want)
		}
	}
}
