package scanner

// Refuse rules that a mail is to be refused for now without a look into it, for the reason why. It is counted and logged as one
// that could not be judged; in shadow mode it is delivered. It borrows mail.
func (j *Judge) Refuse(o Origin, mail *Buffer, why string) Ruling {
	v := Verdict{Class: Unscannable, Cause: CauseError, Detail: why, Size: mail.Size()}
	if j.shadow {
		return j.overlook(o, v, Retry, CauseError)
	}
	r := Ruling{Verdict: v, Action: Retry}
	j.count(o, r)
	j.record(o, r, CauseError)
	return r
}
