package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mirrorgw/cmd/mirrorgw/config"
	"mirrorgw/scanner"
	"mirrorgw/scanner/quarantine"
)

// malware is an engine that knows one word.
type malware struct{}

func (malware) Name() string { return "malware" }

func (malware) Scan(_ context.Context, part *scanner.Part) (scanner.Findings, error) {
	content, err := io.ReadAll(part.Reader())
	if err == nil && bytes.Contains(content, []byte("malware")) {
		return scanner.Findings{{Engine: "malware", Rule: "Malware", Part: part.Path}}, nil
	}
	return nil, err
}

// infected is what is kept of a mail that was found to be infected.
func infected(mail string) scanner.Item {
	return scanner.Item{Verdict: scanner.Verdict{Class: scanner.Infected, Size: int64(len(mail)), SHA256: sha256.Sum256([]byte(mail))}}
}

// Who has what is kept now, or what new rules find in quarantine, is in the log.
func TestHunter(t *testing.T) {
	store, err := quarantine.Open(t.TempDir(), quarantine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	const known = "Subject: hello\r\n\r\nmalware\r\n"
	kept, err := store.Keep(t.Context(), infected(known), strings.NewReader(known))
	if err != nil {
		t.Fatal(err)
	}
	history, err := quarantine.OpenHistory(store, 30*24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for client, mail := range map[string]string{"192.0.2.17:4000": known, "192.0.2.18:4000": "fresh"} {
		history.Delivered(time.Now(), scanner.Origin{Protocol: "pop3", Client: netip.MustParseAddrPort(client), User: "bob", UIDL: "uid-1"}, infected(mail).Verdict)
	}
	if err := history.Close(); err != nil {
		t.Fatal(err)
	}
	sc, err := scanner.New(scanner.Config{Engines: []scanner.Engine{malware{}}})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		m := &Mirror{mail: &mailRooms{cfg: &config.Config{}, scanner: sc}}
		h := newHunter(store, slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.run(ctx, m); close(done) }()
		says := func(want string) {
			t.Helper()
			synctest.Wait()
			text := log.String()
			log.Reset()
			if got := strings.Count(text, "delivered before it was known"); (want == "") != (got == 0) || got > 1 || !strings.Contains(text, want) {
				t.Errorf("the log says %q, want %q", text, want)
			}
		}
		says("")
		for _, class := range []scanner.Class{scanner.Unscannable, scanner.Infected} {
			item := infected("fresh")
			item.Verdict.Class = class
			if _, err := h.Keep(ctx, item, strings.NewReader("fresh")); err != nil {
				t.Fatal(err)
			}
			if class != scanner.Infected {
				says("")
			}
		}
		says("client=192.0.2.18:4000 server=\"\" user=bob uidl=uid-1 ")
		h.reloaded()
		says("client=192.0.2.17:4000") // and not the other, which the rules do not find
		if h.found.Load() != 2 || m.mail.sessions != 0 {
			t.Errorf("%d found, %d sessions", h.found.Load(), m.mail.sessions)
		}
		if _, err := store.Release(kept); err != nil {
			t.Fatal(err)
		}
		h.reloaded()
		says("") // who has that now has it by somebody's decision
		cancel()
		<-done
	})
}
