package control

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// Intake says what becomes of new mail flows.
type Intake struct {
	State   IntakeState `json:"state"`
	Reason  string      `json:"reason,omitempty"`
	Until   time.Time   `json:"until,omitzero"`    // when a bypass ends by itself; absent: no such time
	Failing bool        `json:"failing,omitempty"` // a fault is the reason, or one of them
}

// IntakeState is what becomes of them.
type IntakeState string

// The states.
const (
	IntakeServe   IntakeState = "serve"   // they are relayed and their mail is judged
	IntakeForward IntakeState = "forward" // they are forwarded, and their mail is not scanned
	IntakeRefuse  IntakeState = "refuse"  // the client is told to try again later
	IntakeReset   IntakeState = "reset"   // the connection is refused
)

// BypassFunc has new mail flows forwarded, for a time or with 0 without end, or no longer, and returns what becomes of them now.
// The text of its error is for people.
type BypassFunc func(on bool, d time.Duration) (Intake, error)

// OfferBypass has Run answer POST /bypass?on=BOOL&for=DURATION with what bypass does. It is called before Run.
func (s *Server) OfferBypass(bypass BypassFunc) { s.bypass = bypass }

// bypassed is the answer.
type bypassed struct {
	Intake
	Refused string `json:"error,omitempty"`
}

func (s *Server) serveBypass(w http.ResponseWriter, r *http.Request) {
	on := r.URL.Query().Get("on")
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil || on != "true" && on != "false" {
		http.Error(w, "on is true or false, for is a duration such as 10m", http.StatusBadRequest)
		return
	}
	now, err := s.bypass(on == "true", d)
	answer, code := bypassed{Intake: now}, http.StatusOK
	if err != nil {
		answer, code = bypassed{Refused: err.Error()}, http.StatusConflict
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.log.Debug("control: client went away", "error", err)
	}
}

// Bypass asks the gateway at the socket path to forward new mail flows unscanned, for a time or with 0 without end, or to scan
// them again. refused is what the gateway says against it.
//
// Errors: as Fetch.
func Bypass(ctx context.Context, path string, on bool, d time.Duration) (now Intake, refused string, err error) {
	state := "false"
	if on {
		state = "true"
	}
	query := url.Values{"on": {state}, "for": {d.String()}}
	var answer bypassed
	err = ask(ctx, path, http.MethodPost, "/bypass?"+query.Encode(), requestTime, &answer, http.StatusOK, http.StatusConflict)
	if err != nil {
		return Intake{}, "", explain(path, err)
	}
	return answer.Intake, answer.Refused, nil
}
