package notice

import (
	"fmt"
	"strings"

	"mirrorgw/scanner"
)

// maxListed bounds the findings listed in a notice.
const maxListed = 8

// body returns the text of the notice, lines ending in CRLF.
func body(item scanner.Item, id string) string {
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format, args...)
		b.WriteString("\r\n")
	}
	fact := func(name, value string) {
		if value != "" {
			line("    %-15s%s", name+":", value)
		}
	}
	s := item.Summary
	for _, l := range opening(item.Verdict.Class, item.Cause) {
		line("%s", l)
	}
	line("")
	for _, f := range findings(item.Verdict.Findings) {
		fact("Finding", f)
	}
	if item.Verdict.Class != scanner.Infected {
		fact("Reason", scanner.Printable(item.Verdict.Detail, 200))
	}
	fact("From", orNone(s.From))
	fact("Subject", orNone(s.Subject))
	if !s.Date.IsZero() {
		fact("Sent", s.Date.Format("Mon, 2 Jan 2006 15:04 -0700"))
	}
	fact("Stopped", item.Time.Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	fact("Mail server", item.Origin.Server.Addr().String())
	fact("Size", fmt.Sprintf("%d octets", item.Verdict.Size))
	fact("Quarantine id", id)
	line("")
	line("What to do now")
	line("")
	line("  - If you did not expect this message, delete this notice. Nothing else is")
	line("    needed.")
	line("  - If you need it, give the quarantine id above to the person who looks")
	line("    after your network. They can examine the message with")
	line("        mirrorgw quarantine show %s", id)
	line("  - Do not answer to warn the sender: the address may be forged. If you")
	line("    know the person, ask in another way whether they sent it.")
	line("")
	line("-- ")
	line("mirrorgw, the mail gateway of your network")
	return b.String()
}

// opening returns the first lines: what happened, and why, for someone who has never heard of this program.
func opening(class scanner.Class, cause scanner.Cause) []string {
	if class == scanner.Infected {
		return []string{
			"A message to you was stopped because it carries something harmful. It is in",
			"quarantine on your mail gateway; this notice stands in its place.",
		}
	}
	why := "could not be checked for harmful content"
	switch cause {
	case scanner.CauseEncrypted:
		why = "holds encrypted content, which nobody can check"
	case scanner.CauseOversize:
		why = "is too large to be checked for harmful content"
	case scanner.CausePartial:
		why = "is only one piece of a message and cannot be checked"
	case scanner.CauseMalformed:
		why = "is put together wrongly and cannot be checked"
	case scanner.CauseBudget:
		why = "unfolds into more than can be checked"
	}
	return []string{
		"A message to you was stopped because it " + why + ".",
		"It is in quarantine on your mail gateway; this notice stands in its place.",
	}
}

// findings returns one line for each rule that matched, naming a part it matched in if there is one: a rule that matches a
// part often matches the whole mail too, which tells the reader less.
func findings(all []scanner.Finding) []string {
	var rules [][2]string
	part := make(map[[2]string]string)
	for _, f := range all {
		rule := [2]string{f.Engine, f.Rule}
		known, seen := part[rule]
		if !seen {
			rules = append(rules, rule)
		}
		if known == "" {
			part[rule] = f.Part
		}
	}
	var lines []string
	for _, rule := range rules {
		if len(lines) == maxListed {
			return append(lines, "and others")
		}
		where := ""
		if p := part[rule]; p != "" {
			where = ", in part " + p
		}
		lines = append(lines, scanner.Printable(rule[1], 100)+" ("+scanner.Printable(rule[0], 20)+where+")")
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
