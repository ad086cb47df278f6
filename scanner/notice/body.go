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

// findings returns one line for each rule that matched, with the part it matched in first.
func findings(all []scanner.Finding) []string {
	var lines []string
	listed := make(map[[2]string]bool)
	for _, f := range all {
		key := [2]string{f.Engine, f.Rule}
		if listed[key] {
			continue
		}
		listed[key] = true
		if len(lines) == maxListed {
			return append(lines, "and others")
		}
		where := ""
		if f.Part != "" {
			where = ", in part " + f.Part
		}
		lines = append(lines, scanner.Printable(f.Rule, 100)+" ("+scanner.Printable(f.Engine, 20)+where+")")
	}
	return lines
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}
