package scanner

// Policy maps the cause of a verdict to an action. A cause it does not name is retried.
type Policy map[Cause]Action

// DefaultPolicy returns a fresh copy of the policy used where none is configured.
func DefaultPolicy() Policy {
	return Policy{
		CauseInfected:  Replace,
		CauseEncrypted: Tag,
		CauseOversize:  Tag,
		CausePartial:   Replace,
		CauseMalformed: Tag,
		CauseBudget:    Replace,
		CauseError:     Retry,
	}
}

// Action returns what v calls for: Deliver exactly when v is clean, else the action of Decide.
func (p Policy) Action(v Verdict) Action {
	action, _ := p.Decide(v)
	return action
}

// Decide returns what v calls for, and the cause that calls for it.
//
// A clean mail is delivered. An infected one gets the action for infected, whatever else is wrong with it. Where several
// causes hold, the strictest of their actions is taken (retry, replace, tag, deliver), so that adding a harmless defect
// to a mail never softens what is done with it.
func (p Policy) Decide(v Verdict) (Action, Cause) {
	switch v.Class {
	case Clean:
		return Deliver, CauseNone
	case Infected:
		return p[CauseInfected], CauseInfected
	}
	action, cause := p[v.Cause], v.Cause
	for _, c := range v.Also {
		if a := p[c]; a < action { // the constants of Action go from strict to lenient
			action, cause = a, c
		}
	}
	return action, cause
}

// Settles says whether a mail with cause c that is not infected meets with the same end as one that is, a notice or a refusal, so that what else
// might be found in it makes no difference to who fetches it.
func (p Policy) Settles(c Cause) bool {
	return p[c] == p[CauseInfected] && p[c] <= Replace
}
