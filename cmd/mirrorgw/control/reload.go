package control

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// reloadTime bounds a reload: large rule sets take their time to compile.
const reloadTime = 5 * time.Minute

// Reloaded is the answer to a reload.
type Reloaded struct {
	Changed []string `json:"changed"`         // the keys that have another value now; rules may have changed without any
	Refused string   `json:"error,omitempty"` // what is wrong, one thing a line; then nothing has changed
}

// ReloadFunc reads configuration and rules again, and returns the keys that have changed or what is wrong.
type ReloadFunc func(context.Context) (changed []string, err error)

// OfferReload has Run answer POST /reload with what reload does and returns. It is called before Run.
func (s *Server) OfferReload(reload ReloadFunc) { s.reload = reload }

func (s *Server) serveReload(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	until := time.Now().Add(reloadTime)
	_, _ = c.SetReadDeadline(until), c.SetWriteDeadline(until) // a connection that has gone shows in the write
	ctx, cancel := context.WithDeadline(r.Context(), until.Add(-requestTime))
	defer cancel()
	changed, err := s.reload(ctx)
	answer, code := Reloaded{Changed: changed}, http.StatusOK
	if err != nil {
		answer, code = Reloaded{Refused: err.Error()}, http.StatusConflict
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.log.Debug("control: client went away", "error", err)
	}
}

// Reload asks the gateway at the socket path to read its configuration and rules again. What the gateway refuses is in the
// answer, not in the error.
//
// Errors: as Fetch.
func Reload(ctx context.Context, path string) (*Reloaded, error) {
	var answer Reloaded
	err := ask(ctx, path, http.MethodPost, "/reload", reloadTime, &answer, http.StatusOK, http.StatusConflict)
	if err != nil {
		return nil, explain(path, err)
	}
	return &answer, nil
}
