package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// serveCaptures runs a server that offers capture, with little patience.
func serveCaptures(t *testing.T, patience time.Duration, capture CaptureFunc) (path string, end func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ctl")
	s, err := Listen(path, discard())
	if err != nil {
		t.Fatal(err)
	}
	s.patience = patience
	s.OfferCapture(capture)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, func() Status { return Status{} }) }() // ends with end
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return path, end
}

// A capture arrives as it is written, lasts longer than any other answer may, and what is written at its end arrives too, when the
// client has asked for the end and when the server is asked to end.
func TestCaptureLastsAndEndsWhole(t *testing.T) {
	const patience = 50 * time.Millisecond
	written := make(chan string)
	path, endServer := serveCaptures(t, patience, func(ctx context.Context, filter string, w io.Writer) error {
		if _, err := io.WriteString(w, "begin "+filter+"\n"); err != nil {
			return err
		}
		for {
			select {
			case s := <-written:
				if _, err := io.WriteString(w, s); err != nil {
					return err
				}
			case <-ctx.Done():
				_, err := io.WriteString(w, "end\n")
				return err
			}
		}
	})
	for _, by := range []string{"client", "server"} {
		t.Run(by, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s, err := Capture(ctx, path, "port 110 and host fd00::1")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got := make([]byte, 100)
			want := "begin port 110 and host fd00::1\n"
			if _, err := io.ReadFull(s, got[:len(want)]); err != nil || string(got[:len(want)]) != want {
				t.Fatalf("%q, %v", got, err)
			}
			tick := time.NewTicker(patience / 5)
			defer tick.Stop()
			for begun := time.Now(); time.Since(begun) < 4*patience; { // the time is the kernel's
				<-tick.C
				written <- "frame\n"
				if _, err := io.ReadFull(s, got[:6]); err != nil {
					t.Fatalf("after %v: %v", time.Since(begun), err)
				}
			}
			if by == "client" {
				cancel()
			} else {
				go endServer() // ends when the capture has
			}
			if rest, err := io.ReadAll(s); string(rest) != "end\n" || err != nil {
				t.Errorf("the rest is %q, %v", rest, err)
			}
		})
	}
}

// A reader that takes nothing does not keep the server from ending.
func TestStuckReaderKeepsNobody(t *testing.T) {
	ended := make(chan error, 1)
	path, end := serveCaptures(t, 50*time.Millisecond, func(ctx context.Context, _ string, w io.Writer) error {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				ended <- err
				return err
			}
		}
	})
	s, err := Capture(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	end()
	if err := <-ended; err == nil {
		t.Error("the capture did not end")
	}
}

// A client that goes away ends the capture, and one that breaks off does not look whole.
func TestCaptureBreaksOff(t *testing.T) {
	ended := make(chan struct{}, 1)
	path, _ := serveCaptures(t, requestTime, func(ctx context.Context, filter string, w io.Writer) error {
		if _, err := io.WriteString(w, "begin\n"); err != nil {
			return err
		}
		if filter == "broken" {
			return errors.New("broken")
		}
		<-ctx.Done()
		ended <- struct{}{}
		return nil
	})
	s, err := Capture(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	<-ended
	s, err = Capture(t.Context(), path, "broken")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got, err := io.ReadAll(s); string(got) != "begin\n" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestCaptureSaysWhatIsWrong(t *testing.T) {
	path, _ := serveCaptures(t, requestTime, func(context.Context, string, io.Writer) error { return errors.New("no more\x1b[1m") })
	without := filepath.Join(t.TempDir(), "ctl")
	start(t, without, func() Status { return Status{} })
	deaf := filepath.Join(t.TempDir(), "deaf")
	l, err := net.Listen("unix", deaf)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	late, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	for _, c := range []struct {
		ctx  context.Context
		path string
		want string
	}{
		{t.Context(), path, `asking the gateway at ` + path + `: it refuses: "no more\x1b[1m"`},
		{t.Context(), without, "asking the gateway at " + without + ": it answered 404 Not Found"},
		{t.Context(), path + "x", "no gateway answers at " + path + "x: "},
		{late, deaf, "the gateway at " + deaf + " does not answer in time"},
	} {
		if s, err := Capture(c.ctx, c.path, ""); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, %v\nwant %s", s, err, c.want)
		}
	}
	// Whoever asks without our client gets the reason as text.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x/capture", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusConflict || string(text) != "no more\x1b[1m\n" {
		t.Errorf("%s: %q", resp.Status, text)
	}
}
