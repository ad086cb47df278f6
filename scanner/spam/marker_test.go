package spam_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/spam"
)

const mail = "Subject: buy\r\nX-Spam-Flag: NO\r\n\r\nnow\r\n"

func newMail(t *testing.T, text string) *scanner.Buffer {
	t.Helper()
	b := scanner.Spool{}.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := io.WriteString(b, text); err != nil {
		t.Fatal(err)
	}
	return b
}

func newMarker(t *testing.T, c spam.Config) *spam.Marker {
	t.Helper()
	m, err := spam.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// answers are what a filter may say, by what comes of it.
type answer struct {
	text string
	mark scanner.Mark
}

var (
	yes = scanner.Mark{Field: "X-Mirrorgw-Spam: yes; score=7.3; required=5.0", Subject: "[SPAM] "}
	no  = scanner.Mark{Field: "X-Mirrorgw-Spam: no; score=-0.1; required=5.0"}
)

func TestRspamd(t *testing.T) {
	for _, tt := range []answer{
		{`{"score": 7.3, "required_score": 15, "action": "add header"}`, yes},
		{`{"score": 5}`, scanner.Mark{Field: "X-Mirrorgw-Spam: yes; score=5.0; required=5.0", Subject: "[SPAM] "}},
		{`{"score": -0.1, "is_skipped": false}`, no},
		{`{"is_skipped": true}`, scanner.Mark{Field: "X-Mirrorgw-Spam: no; score=0.0; required=5.0"}},
		{`{}`, scanner.Mark{}},
		{`{"score": "7.3"}`, scanner.Mark{}},
		{`{"score": 1e300}`, scanner.Mark{}},
		{`nonsense`, scanner.Mark{}},
		{``, scanner.Mark{}},
		{`{"score": 1` + strings.Repeat(" ", 300<<10) + `}`, scanner.Mark{}},
		{"500", scanner.Mark{}},
		{"302", scanner.Mark{}},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || string(body) != mail || r.Method != "POST" || r.URL.Path != "/checkv2" || r.ContentLength != int64(len(mail)) {
				t.Errorf("%s %s %q, %v", r.Method, r.URL, body, err)
			}
			if code, err := strconv.Atoi(tt.text); err == nil {
				w.Header().Set("Location", "/checkv2")
				w.WriteHeader(code)
				return
			}
			_, _ = io.WriteString(w, tt.text)
		}))
		m := newMarker(t, spam.Config{Rspamd: srv.URL + "/", Tag: 5, Subject: "[SPAM] "})
		if got := m.Mark(t.Context(), newMail(t, mail)); got != tt.mark {
			t.Errorf("%.60s: %+v", tt.text, got)
		}
		srv.Close()
		_, err := m.Health()
		if failed := m.Counters().Failures == 1; failed != (tt.mark == scanner.Mark{}) || failed != (err != nil) {
			t.Errorf("%.60s: %+v, %v", tt.text, m.Counters(), err)
		}
	}
}

// spamd plays a SpamAssassin that gives one answer, and returns its address.
func spamd(t *testing.T, text string) string {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	want := fmt.Sprintf("CHECK SPAMC/1.5\r\nContent-length: %d\r\n\r\n%s", len(mail), mail)
	go func() { // ends with the listener
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			asked := make([]byte, len(want))
			if _, err := io.ReadFull(conn, asked); err != nil || string(asked) != want {
				t.Errorf("asked %q, %v", asked, err)
			}
			_, _ = io.WriteString(conn, text)
			conn.Close()
		}
	}()
	return "unix:" + socket
}

func TestSpamd(t *testing.T) {
	for _, tt := range []answer{
		{"SPAMD/1.1 0 EX_OK\r\nContent-length: 0\r\nSpam: True ; 7.3 / 5.0\r\n\r\n", yes},
		{"SPAMD/1.1 0 EX_OK\r\nSpam: False ; -0.1 / 5.0\r\n\r\n", no},
		{"SPAMD/1.0 76 Bad header line: nonsense\r\n\r\n", scanner.Mark{}},
		{"SPAMD/1.1 0 EX_OK\r\n\r\n", scanner.Mark{}},
		{"SPAMD/1.1 0 EX_OK\r\nSpam: True ; much / 5.0\r\n\r\n", scanner.Mark{}},
		{"SPAMD/1.1 0 EX_OK\r\nSpam: True ; NaN / 5.0\r\n\r\n", scanner.Mark{}},
		{"HTTP/1.1 0 EX_OK\r\nSpam: True ; 7.3 / 5.0\r\n\r\n", scanner.Mark{}},
		{"", scanner.Mark{}},
	} {
		m := newMarker(t, spam.Config{Spamd: spamd(t, tt.text), Tag: 5, Subject: "[SPAM] "})
		if got := m.Mark(t.Context(), newMail(t, mail)); got != tt.mark {
			_, err := m.Health()
			t.Errorf("%q: %+v, %v", tt.text, got, err)
		}
	}
}

// A filter that is not there, or does not answer, leaves mail as it was.
func TestFilterAway(t *testing.T) {
	m := newMarker(t, spam.Config{Spamd: "unix:" + t.TempDir() + "/none", Tag: 5})
	if got := m.Mark(t.Context(), newMail(t, mail)); got != (scanner.Mark{}) || m.Counters().Failures != 1 {
		t.Errorf("%+v, %+v", got, m.Counters())
	}
	if got := m.Mark(t.Context(), newMail(t, mail+strings.Repeat("x", spam.MaxSize))); got != (scanner.Mark{}) || m.Counters().TooLarge != 1 {
		t.Errorf("%+v, %+v", got, m.Counters())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := m.Mark(ctx, newMail(t, mail)); got != (scanner.Mark{}) || m.Counters().Failures != 1 {
		t.Errorf("%+v, %+v", got, m.Counters())
	}
}

// What the provider's filter has written into the mail counts.
func TestOwnField(t *testing.T) {
	want := scanner.Mark{Field: "X-Mirrorgw-Spam: yes; by=header", Subject: "*** "}
	m := newMarker(t, spam.Config{Field: "X-Spam-Flag: Yes", Subject: "*** "})
	for text, isSpam := range map[string]bool{
		"X-Spam-Flag: YES\r\n\r\n":                    true,
		"x-spam-flag:yes, score=7\r\n\r\n":            true,
		"X-Spam-Flag: NO\r\nX-Spam-Flag: YES\r\n\r\n": true,
		"X-Spam-Flag: NO\r\n\r\n":                     false,
		"X-Spam-Flag: YESTERDAY\r\n\r\n":              false,
		"Subject: x\r\n\r\nX-Spam-Flag: YES\r\n":      false,
		"X-Other: X-Spam-Flag: YES\r\n\r\n":           false,
	} {
		got := m.Mark(t.Context(), newMail(t, text))
		if isSpam && got != want || !isSpam && got != (scanner.Mark{}) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	for want, c := range map[string]spam.Config{
		"rspamd and spamd at once":         {Rspamd: "http://127.0.0.1:11333", Spamd: "tcp:127.0.0.1:783"},
		"is not the address of an rspamd":  {Rspamd: "http://rspamd:11333"},
		`"https://127.0.0.1:1" is not the`: {Rspamd: "https://127.0.0.1:1"},
		`"http://127.0.0.1:1/x" is not`:    {Rspamd: "http://127.0.0.1:1/x"},
		"is not the address of a spamd":    {Spamd: "tcp:spamd:783"},
		`"unix:s" is not`:                  {Spamd: "unix:s"},
		"is not a tag":                     {Subject: "a\r\nBcc: b"},
		`"Ä" is not a tag`:                 {Subject: "Ä"},
		"is not a field and its value":     {Field: "X-Spam"},
	} {
		if _, err := spam.New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
