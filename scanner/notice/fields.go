package notice

import (
	"net/mail"
	"reflect"
	"strconv"
	"strings"
	"time"

	"mirrorgw/scanner"
)

// maxListed bounds the findings listed in a notice.
const maxListed = 8

// timeFormat is the same in every language.
const timeFormat = "2006-01-02 15:04:05 -0700"

// Fields is what a template can say of a mail. Every text is one printable line of bounded length; what is not known is empty.
// All but the last few have the names that p3scan's templates gave them.
type Fields struct {
	MailFrom   string // From of the mail, decoded
	MailTo     string // addresses of To
	UserName   string // as the client logged in
	Subject    string
	MailDate   string // Date of the mail
	ServerIP   string
	ServerPort string
	ClientIP   string
	ClientPort string
	Protocol   string // "pop3"
	ProgName   string // "mirrorgw"
	Version    string
	Engines    string // scan engines and their versions, p3scan's VDINFO
	HostName   string // of the gateway
	DomainName string
	VirusName  string // rules that matched, with commas
	ID         string // in quarantine, p3scan's MAILFILE and P3SCANID

	Language     string // "de"
	Verdict      string // infected or unscannable
	Cause        string // infected, encrypted, oversize, partial, malformed, budget or error
	Detail       string // which limit, which error; empty for what is infected. An engine's own words are in English
	Findings     []Finding
	MoreFindings bool   // there are more than are listed
	Time         string // of the verdict
	Size         int64  // octets
	PartName     string // in the template "part": file name of what was removed
}

// Finding is one rule that matched.
type Finding struct {
	Rule   string
	Engine string
	Part   string // a part it matched in, "1.2"; empty: the mail as a whole
}

// fieldNames returns the names a template can use.
func fieldNames() string {
	var names []string
	for f := range reflect.TypeFor[Fields]().Fields() {
		names = append(names, "."+f.Name)
	}
	return strings.Join(names, " ")
}

// fields says of a mail what templates can say.
func (c *Composer) fields(item scanner.Item, id, language string) Fields {
	s := item.Summary
	f := Fields{
		MailFrom: s.From,
		MailTo:   scanner.Printable(list(s.Recipients), 200),
		UserName: scanner.Printable(item.Origin.User, 200),
		Subject:  s.Subject,
		Protocol: item.Origin.Protocol,
		ProgName: "mirrorgw",
		Version:  c.cfg.Version,
		Engines:  c.cfg.Engines,
		ID:       id,
		Language: language,
		Verdict:  item.Verdict.Class.String(),
		Cause:    string(item.Cause),
		Time:     item.Time.Format(timeFormat),
		Size:     item.Verdict.Size,
		MailDate: formatTime(s.Date),
	}
	if a := item.Origin.Server; a.IsValid() {
		f.ServerIP, f.ServerPort = a.Addr().String(), strconv.Itoa(int(a.Port()))
	}
	if a := item.Origin.Client; a.IsValid() {
		f.ClientIP, f.ClientPort = a.Addr().String(), strconv.Itoa(int(a.Port()))
	}
	f.HostName, f.DomainName, _ = strings.Cut(c.cfg.HostName, ".")
	if item.Verdict.Class != scanner.Infected {
		f.Detail = scanner.Printable(c.phrases[language].translate(item.Verdict.Detail), 200)
	}
	f.Findings, f.MoreFindings = findings(item.Verdict.Findings)
	var rules []string
	for _, found := range f.Findings {
		rules = append(rules, found.Rule)
	}
	f.VirusName = strings.Join(rules, ", ")
	return f
}

// findings returns each rule that matched once, with a part it matched in if there is one: a rule that matches a part often
// matches the whole mail too, which tells the reader less.
func findings(all []scanner.Finding) (listed []Finding, more bool) {
	at := make(map[[2]string]int)
	for _, f := range all {
		rule := [2]string{f.Engine, f.Rule}
		i, known := at[rule]
		switch {
		case known && listed[i].Part == "":
			listed[i].Part = scanner.Printable(f.Part, 100)
		case known:
		case len(listed) == maxListed:
			more = true
		default:
			at[rule] = len(listed)
			listed = append(listed, Finding{Rule: scanner.Printable(f.Rule, 100), Engine: scanner.Printable(f.Engine, 20), Part: scanner.Printable(f.Part, 100)})
		}
	}
	return listed, more
}

func list(addresses []*mail.Address) string {
	var all []string
	for _, a := range addresses {
		all = append(all, a.Address)
	}
	return strings.Join(all, ", ")
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(timeFormat)
}
