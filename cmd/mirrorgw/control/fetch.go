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

	"golang.org/x/sys/unix"
)

// maxStatus bounds an answer, in octets.
const maxStatus = 1 << 20

// Fetch asks the gateway at the socket path for its status.
//
// Errors: one line that says why nobody answered, and what to do.
func Fetch(ctx context.Context, path string) (*Status, error) {
	s, err := fetch(ctx, path)
	if err != nil {
		return nil, explain(err, path)
	}
	return s, nil
}

// explain says in one line why the gateway at path did not answer as asked.
func explain(err error, path string) error {
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

func fetch(ctx context.Context, path string) (*Status, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTime)
	defer cancel()
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
		DisableKeepAlives: true,
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://mirrorgw/status", nil)
	if err != nil {
		return nil, err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %s", resp.Status)
	}
	var s Status
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxStatus)).Decode(&s); err != nil {
		return nil, fmt.Errorf("its answer: %w", err)
	}
	return &s, nil
}
