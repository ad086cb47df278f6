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

// Action returns what v calls for: Deliver exactly when v is clean, else what p says of its cause.
func (p Policy) Action(v Verdict) Action {
	if v.Class == Clean {
		return Deliver
	}
	return p[v.Cause]
}
