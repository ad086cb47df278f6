package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// FilterHelp says what ParseFilter reads, for people.
const FilterHelp = `punted           what the gateway keeps to itself: mail sessions and its own traffic; the filter where none is given
host ADDRESS     from or to it
port NUMBER      from or to it, of TCP, UDP, SCTP or DCCP
flow A:PORT B:PORT   both directions of one; an IPv6 address in brackets

Terms are joined by "and". Without punted among them, forwarded frames are captured too.`

// MaxFilter bounds the text of a filter, in octets.
const MaxFilter = 512

// Filter chooses frames. The zero Filter chooses all that is punted and all that the gateway sends by itself.
type Filter struct {
	forwarded bool           // frames that are only forwarded too
	hosts     [2]netip.Addr  // each is one of a packet's ends; an invalid one says nothing
	ports     [2]uint16      // likewise; 0 says nothing
	a, b      netip.AddrPort // the ends of a flow; invalid: none
}

// ParseFilter reads a filter as FilterHelp describes it. The empty text is the zero Filter.
//
// Errors: what is wrong, with the word that is.
func ParseFilter(text string) (Filter, error) {
	if len(text) > MaxFilter {
		return Filter{}, fmt.Errorf("it has %d octets, at most %d can be", len(text), MaxFilter)
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return Filter{}, nil
	}
	var f Filter
	punted := false
	for {
		term := words[0]
		count, known := operands[term]
		switch {
		case !known && term == "and":
			return Filter{}, errors.New(`a term is missing before "and"`)
		case !known:
			return Filter{}, fmt.Errorf("%q is none of punted, host, port and flow", term)
		case len(words) <= count:
			return Filter{}, fmt.Errorf("%s is followed by %d words, not by %s", term, len(words)-1, operandNames[term])
		}
		if err := f.add(term, words[1:1+count], &punted); err != nil {
			return Filter{}, err
		}
		words = words[1+count:]
		if len(words) == 0 {
			break
		}
		if words[0] != "and" {
			return Filter{}, fmt.Errorf(`%q stands where "and" or the end is expected`, words[0])
		}
		if words = words[1:]; len(words) == 0 {
			return Filter{}, errors.New(`a term is missing behind "and"`)
		}
	}
	f.forwarded = !punted
	return f, nil
}

// The words that follow a term.
var (
	operands     = map[string]int{"punted": 0, "host": 1, "port": 1, "flow": 2}
	operandNames = map[string]string{"host": "an address", "port": "a number", "flow": "two ends, each ADDRESS:PORT"}
)

// add adds one term to f. A frame has two ends, so that a third host or port could never hold.
func (f *Filter) add(term string, words []string, punted *bool) error {
	switch term {
	case "punted":
		if *punted {
			return errors.New("punted is there twice")
		}
		*punted = true
	case "host":
		a, err := parseHost(words[0])
		if err != nil {
			return fmt.Errorf("host %q: %w", words[0], err)
		}
		return addTo(&f.hosts, a, netip.Addr{}, "host "+words[0])
	case "port":
		p, err := parsePort(words[0])
		if err != nil {
			return fmt.Errorf("port %q: %w", words[0], err)
		}
		return addTo(&f.ports, p, 0, "port "+words[0])
	case "flow":
		if f.a.IsValid() {
			return errors.New("flow is there twice, and a frame has but one")
		}
		var ends [2]netip.AddrPort
		for i, w := range words {
			end, err := parseEnd(w)
			if err != nil {
				return fmt.Errorf("flow: %q: %w", w, err)
			}
			ends[i] = end
		}
		if ends[0].Addr().Is4() != ends[1].Addr().Is4() {
			return errors.New("flow: one end is of IPv4, the other of IPv6")
		}
		f.a, f.b = ends[0], ends[1]
	}
	return nil
}

// addTo puts v into a free place of list.
func addTo[T comparable](list *[2]T, v, free T, name string) error {
	for i, has := range list {
		switch has {
		case v:
			return fmt.Errorf("%s is there twice", name)
		case free:
			list[i] = v
			return nil
		}
	}
	return fmt.Errorf("%s is the third, and a frame has two ends", name)
}

func parseHost(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, errors.New("it is no address")
	}
	return a, plainAddress(a)
}

// plainAddress says what keeps a from being in a packet.
func plainAddress(a netip.Addr) error {
	switch {
	case a.Zone() != "":
		return errors.New("an address in a packet has no zone")
	case a.Is4In6():
		return fmt.Errorf("in a packet it is %s", a.Unmap())
	}
	return nil
}

// parsePort reads a decimal number without sign and leading zeroes.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '0' {
		return 0, errors.New("it is no number from 1 to 65535")
	}
	return uint16(n), nil
}

func parseEnd(s string) (netip.AddrPort, error) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return netip.AddrPort{}, errors.New("it is not ADDRESS:PORT")
	}
	port, err := parsePort(s[at+1:])
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: %w", s[at+1:], err)
	}
	host := s[:at]
	inner, ok := strings.CutPrefix(host, "[")
	if ok {
		inner, ok = strings.CutSuffix(inner, "]")
	}
	if strings.ContainsRune(host, ':') != ok {
		return netip.AddrPort{}, errors.New("an IPv6 address, and no other, stands in brackets: [2001:db8::1]:110")
	}
	if ok {
		host = inner
	}
	a, err := parseHost(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(a, port), nil
}

// String returns the filter in words that ParseFilter reads.
func (f Filter) String() string {
	var terms []string
	if !f.forwarded {
		terms = append(terms, "punted")
	}
	for _, h := range f.hosts {
		if h.IsValid() {
			terms = append(terms, "host "+h.String())
		}
	}
	for _, p := range f.ports {
		if p != 0 {
			terms = append(terms, "port "+strconv.Itoa(int(p)))
		}
	}
	if f.a.IsValid() {
		terms = append(terms, "flow "+f.a.String()+" "+f.b.String())
	}
	return strings.Join(terms, " and ")
}

// wants says whether a frame that goes one way is chosen.
func (f *Filter) wants(w way, frame []byte) bool {
	if w == forwarded && !f.forwarded {
		return false
	}
	if !f.hosts[0].IsValid() && f.ports[0] == 0 && !f.a.IsValid() {
		return true
	}
	packet, quoted := look(frame)
	return f.holds(packet) || quoted.from.IsValid() && f.holds(quoted)
}

// holds says whether every term about the ends of a packet does.
func (f *Filter) holds(e ends) bool {
	for _, h := range f.hosts {
		if h.IsValid() && e.from.Addr() != h && e.to.Addr() != h {
			return false
		}
	}
	for _, p := range f.ports {
		if p != 0 && e.from.Port() != p && e.to.Port() != p {
			return false
		}
	}
	return !f.a.IsValid() || e.from == f.a && e.to == f.b || e.from == f.b && e.to == f.a
}
