package scanner

import "time"

// Class is the coarse outcome of a scan.
type Class uint8

const (
	Unscannable Class = iota // not wholly judged; Verdict.Cause says why. The zero value, so that nothing is clean by omission
	Clean                    // every engine saw every part and found nothing
	Infected                 // at least one engine found something
)

// String returns the class as it is logged and shown: clean, infected or unscannable.
func (c Class) String() string {
	switch c {
	case Clean:
		return "clean"
	case Infected:
		return "infected"
	default:
		return "unscannable"
	}
}

// Cause says why a verdict is not clean. It is the key of a Policy; a clean verdict has none.
type Cause string

// The causes, as they are configured under scan.policy.
const (
	CauseNone      Cause = ""
	CauseInfected  Cause = "infected"
	CauseEncrypted Cause = "encrypted"
	CauseOversize  Cause = "oversize"  // larger than the spool or the scan limit
	CausePartial   Cause = "partial"   // message/partial, RFC 2046 section 5.2.2
	CauseMalformed Cause = "malformed" // declares a structure that cannot be taken apart
	CauseBudget    Cause = "budget"    // expanded size, parts, depth or time spent
	CauseError     Cause = "error"     // an engine is down, crashed or out of time
)

// causeOrder is the order in which causes are named when several hold. Infected comes first: a finding stands, whatever else
// went wrong. An error comes next, since it alone may go away and change the verdict; then what nobody should open, what
// cost too much, and what could not be read. Oversize comes alone: such a mail is not looked into.
func causeOrder() []Cause {
	return []Cause{CauseInfected, CauseError, CausePartial, CauseBudget, CauseMalformed, CauseEncrypted, CauseOversize}
}

// Finding is one match of one engine.
type Finding struct {
	Engine string `json:"engine"`
	Rule   string `json:"rule"`
	Part   string `json:"part"` // Part.Path of the part it matched in
}

// String returns the finding as one short word for logs and people: engine:rule, and @part unless it is the whole mail.
func (f Finding) String() string {
	s := f.Engine + ":" + f.Rule
	if f.Part != "" {
		s += "@" + f.Part
	}
	return s
}

// Verdict is what is known of one mail after scanning. It is a fact; Policy makes an Action of it.
type Verdict struct {
	Class    Class
	Cause    Cause     // the foremost of what keeps it from being clean, see causeOrder
	Also     []Cause   // what else does, in the same order; Policy looks at all of them
	Detail   string    // for a person: which limit, which error; empty when clean or infected
	Findings []Finding // not empty exactly when Class is Infected
	Size     int64     // octets of the mail
	SHA256   [32]byte  // of the mail; of what had arrived when it outgrew the spool; zero when it could not be read back
	Took     time.Duration
	Cached   bool // the same content has been judged before, see Config.Cache

	calledOff bool // engines were, since the mail met a limit
}

// Action is what is done with a mail.
type Action uint8

const (
	Retry   Action = iota // refuse for now (-ERR [SYS/TEMP]); the mail stays on the server. The zero value
	Replace               // keep the original in quarantine, deliver a notice
	Tag                   // deliver with one X-Mirrorgw-Verdict line before the header
	Deliver               // deliver as it came
)

// String returns the action as it is configured and logged.
func (a Action) String() string {
	switch a {
	case Replace:
		return "replace"
	case Tag:
		return "tag"
	case Deliver:
		return "deliver"
	default:
		return "retry"
	}
}
