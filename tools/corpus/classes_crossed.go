package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// crossed is how many mails of two or three ambiguities there are. They are the same each time.
const crossed = 200

// crosses is class X: mails in which variants of the other classes meet. In one, the host, the attachment is that of another; in some of them a
// third is in the second, the lines of the attachment end in an odd way, or the whole is a mail attached to a third. Variants of great depth
// and great length are left out.
func crosses(others []variant) []variant {
	probe := payload{"probe", "probe.exe", "what a payload is for, of no meaning and long enough to be folded over several lines, \x00 and \xff"}
	var hosts, guests []variant
	for _, v := range others {
		if v.class == "D13" || strings.Contains(v.name, "depth-") {
			continue
		}
		if strings.Count(v.build(probe), attached(probe)) == 1 {
			hosts = append(hosts, v)
		}
		if _, ok := guest(v, probe); ok {
			guests = append(guests, v)
		}
	}
	r := rand.New(rand.NewPCG(15, 1))
	pick := func(of []variant) variant { return of[r.IntN(len(of))] }
	all := make([]variant, crossed)
	for i := range all {
		host, inner := pick(hosts), pick(guests)
		name := fmt.Sprintf("%03d-%s-%s-and-%s-%s", i, host.class, host.name, inner.class, inner.name)
		build := func(p payload) string { return put(host, p, attachment(inner, p)) }
		switch r.IntN(10) {
		case 0, 1, 2:
			third := pick(guests)
			name += "-and-" + third.class + "-" + third.name
			build = func(p payload) string {
				return put(host, p, strings.Replace(attachment(inner, p), attached(p), attachment(third, p), 1))
			}
		case 3:
			end := []string{"\r", "\r\r\n", "\n\r", "\n\n"}[r.IntN(4)]
			name += fmt.Sprintf("-lines-%x", end)
			build = func(p payload) string { return put(host, p, strings.ReplaceAll(attachment(inner, p), "\n", end)) }
		case 4:
			third := pick(hosts)
			name += "-in-" + third.class + "-" + third.name
			build = func(p payload) string {
				return put(third, p, "Content-Type: message/rfc822\n\n"+put(host, p, attachment(inner, p)))
			}
		}
		all[i] = variant{"X", name, build}
	}
	return all
}

// put returns the mail of a host with another part in the attachment's place.
func put(host variant, p payload, part string) string {
	return strings.Replace(host.build(p), attached(p), part, 1)
}

// attachment is guest for a variant that has one.
func attachment(v variant, p payload) string {
	part, _ := guest(v, p)
	return part
}

// guest returns the attachment of a variant in whose mail nothing else is odd.
func guest(v variant, p payload) (part string, ok bool) {
	around := mixed(note, rawMark)
	before, after, _ := strings.Cut(around, rawMark+"\n")
	part, ok = strings.CutPrefix(v.build(p), before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(part, after)
}
