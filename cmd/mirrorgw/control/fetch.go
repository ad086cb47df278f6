package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// maxStatus bounds an answer, in octets.
const maxStatus = 8 << 20

// Fetch asks the gateway at the socket path for its status.
//
// Errors: one line that says why nobody answered, and what to do.
func Fetch(ctx context.Context, path string) (*Status, error) {
	var s Status
	if err := ask(ctx, path, http.MethodGet, "/status", requestTime, &s, http.StatusOK); err != nil {
		return nil, explain(path, err)
	}
	return &s, nil
}

// explain says why nobody answered.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("no gateway answers at %s: start one with `mirrorgw run`, or name its configuration with -c", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened by this user: ask as root or as a member of the socket's group", path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("the gateway at %s does not answer in time", path)
	default:
		return fmt.Errorf("asking the gateway at %s: %w", path, err)
	}
}

// ask sends one request without a body and reads the answer, JSON with one of the status codes wanted.
func ask(ctx context.Context, path, method, what string, within time.Duration, answer any, wanted ...int) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://mirrorgw"+what, nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if !slices.Contains(wanted, resp.StatusCode) {
		return fmt.Errorf("it answered %s", resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(answer); err != nil {
		return fmt.Errorf("its answer: %w", err)
	}
	return nil
}
