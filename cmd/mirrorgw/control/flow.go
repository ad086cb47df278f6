package control

// Flow is a mail session at a glance.
type Flow struct {
	Protocol   string `json:"protocol"`
	Client     string `json:"client"` // address and port
	Server     string `json:"server"`
	User       string `json:"user"`  // as the client gave it: hostile text
	State      string `json:"state"` // greeting, auth, idle, downloading, judging, sending or opaque
	Message    uint64 `json:"message,omitempty"`
	Dripping   bool   `json:"dripping,omitempty"` // the client is given first fields of the message while it waits
	Age        int64  `json:"age_s"`              // seconds
	Waiting    int64  `json:"waiting_s"`          // seconds since the state began
	FromServer uint64 `json:"from_server"`        // octets
	ToClient   uint64 `json:"to_client"`          // octets
	Verdict    string `json:"verdict,omitempty"`  // of the mail judged last
	Action     string `json:"action,omitempty"`
}

// MaxFlows bounds the flows in a status.
const MaxFlows = 4096
