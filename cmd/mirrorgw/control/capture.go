package control

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	captureType = "application/x-pcapng"
	maxRefusal  = 1 << 10 // of the text that says why there is no capture
)

// CaptureFunc writes the frames that filter chooses to w, as pcapng, until ctx ends, and then what makes the file whole. An
// error before anything is written is a refusal; its text is for people.
type CaptureFunc func(ctx context.Context, filter string, w io.Writer) error

// OfferCapture has Run answer GET /capture?filter=… by streaming what capture writes. It is called before Run.
//
// The client ends a capture by closing its side of the connection for writing; it then gets the rest.
func (s *Server) OfferCapture(capture CaptureFunc) { s.capture = capture }

// serveCapture answers with captures until ctx ends.
func (s *Server) serveCapture(ctx context.Context) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		// A capture lasts as long as it is wanted, and its reader may pause.
		if err := control.SetWriteDeadline(time.Time{}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		capturing, end := context.WithCancel(r.Context())
		defer end()
		defer context.AfterFunc(ctx, end)()
		// At its end the rest is written within a time, or not at all.
		defer context.AfterFunc(capturing, func() { control.SetWriteDeadline(time.Now().Add(s.patience)) })()

		w.Header().Set("Content-Type", captureType)
		out := &flusher{w: w, control: control}
		err := s.capture(capturing, r.URL.Query().Get("filter"), out)
		switch {
		case err == nil:
		case !out.begun:
			w.Header().Del("Content-Type")
			http.Error(w, err.Error(), http.StatusConflict)
		default:
			s.log.Debug("control: a capture broke off", "error", err)
			panic(http.ErrAbortHandler) // or the stream would look whole
		}
	}
}

// flusher sends each write at once.
type flusher struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (f *flusher) Write(b []byte) (int, error) {
	f.begun = true
	n, err := f.w.Write(b)
	if err != nil {
		return n, err
	}
	return n, f.control.Flush()
}

// Stream is a capture that a gateway sends. Read gives pcapng, as it is captured.
type Stream struct {
	body io.ReadCloser
	quit func()
}

// Read implements io.Reader. After the capture's context has ended it gives the rest, and then io.EOF.
func (s *Stream) Read(b []byte) (int, error) { return s.body.Read(b) }

// Close ends the capture, wherever it is.
func (s *Stream) Close() error {
	err := s.body.Close()
	s.quit()
	return err
}

// Capture asks the gateway at the socket path for a capture, which the end of ctx ends in order. The caller closes it.
//
// Errors: one line that says why there is none.
func Capture(ctx context.Context, path, filter string) (*Stream, error) {
	s, err := openCapture(ctx, path, filter)
	if err != nil {
		return nil, explain(path, err)
	}
	return s, nil
}

func openCapture(ctx context.Context, path, filter string) (*Stream, error) {
	// The request outlives ctx, by the time that the rest may take.
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var conn *net.UnixConn
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, "unix", path)
			if err != nil {
				return nil, err
			}
			conn = c.(*net.UnixConn)
			return conn, nil
		},
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	resp, err := begin(ctx, whole, cancel, transport, "http://mirrorgw/capture?filter="+url.QueryEscape(filter))
	if err != nil {
		cancel()
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		if conn.CloseWrite() != nil {
			cancel()
		}
		time.AfterFunc(requestTime, cancel)
	})
	return &Stream{body: resp.Body, quit: func() { stop(); cancel() }}, nil
}

// begin sends the request and waits for the answer to begin, for as long as ctx lasts and requestTime at most.
func begin(ctx, whole context.Context, cancel func(), transport *http.Transport, address string) (*http.Response, error) {
	wait, done := context.WithTimeout(ctx, requestTime)
	defer done()
	stop := context.AfterFunc(wait, cancel)
	req, err := http.NewRequestWithContext(whole, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(req)
	switch {
	case !stop(): // it was too late
		if err == nil {
			resp.Body.Close()
		}
		return nil, context.Cause(wait)
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Type") == captureType:
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil || resp.StatusCode != http.StatusConflict {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	return nil, fmt.Errorf("it refuses: %q", strings.TrimSpace(string(text)))
}
