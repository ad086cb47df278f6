package spam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"mirrorgw/scanner"
)

// rspamd asks a worker of rspamd (https://rspamd.com/doc/developers/protocol.html).
type rspamd struct {
	url    string
	client *http.Client
}

func newRspamd(address string, dialer *net.Dialer) rspamd {
	return rspamd{
		url: strings.TrimRight(address, "/") + "/checkv2",
		client: &http.Client{
			Transport:     &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}, // Proxy is nil: none from the environment
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// rate returns the score of a mail.
func (r rspamd) rate(ctx context.Context, mail *scanner.Buffer) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, mail.Reader())
	if err != nil {
		return 0, err
	}
	request.ContentLength = mail.Size()
	response, err := r.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("it answered %s", scanner.Printable(response.Status, 60))
	}
	text, err := readAll(response.Body)
	if err != nil {
		return 0, err
	}
	var said struct {
		Score   *float64 `json:"score"`
		Skipped bool     `json:"is_skipped"`
	}
	switch err := json.Unmarshal(text, &said); {
	case err != nil:
		return 0, fmt.Errorf("its answer: %w", err)
	case said.Score == nil && !said.Skipped:
		return 0, errors.New("its answer has no score")
	case said.Score == nil:
		return 0, nil
	}
	return *said.Score, nil
}
