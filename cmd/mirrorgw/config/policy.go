package config

import "mirrorgw/scanner"

// policy reads v as what is done with a mail that is not clean, by cause.
func (v value) policy(p scanner.Policy) {
	actions := make(map[string]scanner.Action)
	var words []string
	for _, a := range []scanner.Action{scanner.Deliver, scanner.Tag, scanner.Replace, scanner.Retry} {
		actions[a.String()] = a
		words = append(words, a.String())
	}
	causes := make(map[string]func(value), len(p))
	for cause := range p {
		causes[string(cause)] = func(v value) {
			var word string
			oneOf(v, &word, words)
			if action, ok := actions[word]; ok {
				p[cause] = action
			}
		}
	}
	v.fields(causes)
}

// checkPolicy refuses an action that could never be taken. Any other combination is the admin's choice, see Warnings.
func (r *reader) checkPolicy(c *Config) {
	const key = "scan.policy.oversize"
	if c.Scan.Policy[scanner.CauseOversize] == scanner.Replace && c.Spool.Max <= c.Scan.Limits.Message {
		r.failAt(r.file.place(key), "%s: replace keeps the whole mail, and one above scan.limits.message (%s) never fits spool.max (%s): raise spool.max, or write deliver, tag or retry",
			key, formatSize(c.Scan.Limits.Message), formatSize(c.Spool.Max))
	}
}

// Warnings returns what f says that is allowed and seldom meant, in the order of the file.
func (f *File) Warnings() Errors {
	var list Errors
	if f.Config.Shadow {
		list = append(list, f.Errorf("shadow", "shadow: true stops no mail, whatever is found in it"))
	}
	if len(f.Config.Intercept) == 0 {
		list = append(list, f.Errorf("intercept", "intercept has no rule: all mail is forwarded unscanned"))
	}
	for _, c := range causes() {
		action := f.Config.Scan.Policy[c.cause]
		key := "scan.policy." + string(c.cause)
		delivered := action == scanner.Deliver || action == scanner.Tag
		switch {
		case c.cause == scanner.CauseInfected && delivered:
			list = append(list, f.Errorf(key, "%s: %s hands over what an engine found; to try the gateway out there is shadow: true", key, action))
		case c.cause == scanner.CauseError && delivered:
			list = append(list, f.Errorf(key, "%s: %s hands mail over unscanned whenever an engine is down", key, action))
		case (c.cause == scanner.CauseBudget || c.cause == scanner.CausePartial) && delivered:
			list = append(list, f.Errorf(key, "%s: %s hands over what was made not to be scanned; replace keeps it in quarantine", key, action))
		case c.cause != scanner.CauseError && action == scanner.Retry:
			list = append(list, f.Errorf(key, "%s: retry refuses such a mail for ever, since it will be judged the same again; replace keeps it in quarantine", key))
		}
	}
	list.Sort()
	return list
}

// causeWords is a cause and what it means, in words.
type causeWords struct {
	cause   scanner.Cause
	meaning string
}

// causes lists what can be said of a mail that is not clean, in the order in which it is shown.
func causes() []causeWords {
	return []causeWords{
		{scanner.CauseInfected, "an engine found something"},
		{scanner.CauseEncrypted, "a part cannot be read without a password"},
		{scanner.CauseOversize, "larger than limits.message or spool.max"},
		{scanner.CausePartial, "a fragment of a mail, message/partial"},
		{scanner.CauseMalformed, "its structure cannot be taken apart"},
		{scanner.CauseBudget, "limits.expanded, depth, parts or time are spent"},
		{scanner.CauseError, "an engine is down, crashed or out of time"},
	}
}

// meaningOf says in words what an action for a cause does.
func meaningOf(c scanner.Cause, a scanner.Action) string {
	if c == scanner.CauseError && a == scanner.Retry {
		return "the client gets -ERR [SYS/TEMP], the mail stays on the server; from the third time on and an hour after the first, a notice"
	}
	switch a {
	case scanner.Deliver:
		return "the client gets the mail as it came"
	case scanner.Tag:
		return "the client gets the mail with one X-Mirrorgw-Verdict line before its header"
	case scanner.Replace:
		return "the client gets a notice, the original is kept in quarantine"
	default:
		return "the client gets -ERR [SYS/TEMP], the mail stays on the server"
	}
}
