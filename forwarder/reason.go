package forwarder

import "fmt"

// fate is what becomes of a frame. The zero value is the safe one.
type fate uint8

const (
	drop          fate = iota // discard and count
	forward                   // rewrite and send back out
	forwardSplit              // the same, in fragments
	puntOwn                   // hand to the host: it is for the gateway itself
	puntIntercept             // hand to the host: of an intercepted flow
)

// Reason says why a frame was dropped. Its String is stable: metrics and status carry it.
type Reason uint8

const (
	Undecided       Reason = iota // no decision was made; counted so that it would show
	Malformed                     // a header is short, contradicts itself, or its lengths do not fit the frame
	BadChecksum                   // IPv4 header, or the transport of a frame for the host
	VLANTagged                    // 802.1Q or 802.1ad
	Unsupported                   // an EtherType that is not ARP, IPv4 or IPv6
	NotForUs                      // another station's unicast MAC, or ARP about another station
	Multicast                     // group-addressed, and nothing a host at our addresses must see
	SourceOwn                     // our own frame came back
	Martian                       // an address that no router forwards (RFC 1812 section 5.3.7)
	Spoofed                       // a LAN source from the router, or a foreign source from the LAN (RFC 2827)
	PingPong                      // would go back to where it came from
	SourceRoute                   // IPv4 LSRR or SSRR, IPv6 type 0 routing header
	TCPFragment                   // of an intercepted flow, for the host, or not known to follow on its first
	HeaderChain                   // IPv6 extension headers that could hide a TCP port
	Redirect                      // ICMP redirect for the host
	TinyMTU                       // ICMP that asks the host for packets below 552 octets, below 1,280 in IPv6
	RouterDiscovery               // another's router advertisement, which is noted, or a solicitation of ours
	ForgedNeighbour               // ARP or neighbour discovery that contradicts the learnt router
	TTLExpired                    // answered by Time Exceeded where that is allowed
	TooBig                        // longer than the MTU; answered by Packet Too Big, or a super-frame that may not be fragmented
	NoRoute                       // off-link, and no router of that family
	Unresolved                    // the next hop's MAC is not known yet
	SYNLimit                      // a client opens flows faster than it finishes handshakes
	FragmentLimit                 // fragments for the gateway itself, faster than anything in use sends them
	WriteError                    // the device did not take it
	Panic                         // its handling panicked

	reasons // number of reasons
)

var reasonNames = [reasons]string{
	Undecided:       "undecided",
	Malformed:       "malformed",
	BadChecksum:     "bad_checksum",
	VLANTagged:      "vlan_tagged",
	Unsupported:     "unsupported",
	NotForUs:        "not_for_us",
	Multicast:       "multicast",
	SourceOwn:       "source_own",
	Martian:         "martian",
	Spoofed:         "spoofed",
	PingPong:        "ping_pong",
	SourceRoute:     "source_route",
	TCPFragment:     "tcp_fragment",
	HeaderChain:     "header_chain",
	Redirect:        "redirect",
	TinyMTU:         "tiny_mtu",
	RouterDiscovery: "router_discovery",
	ForgedNeighbour: "forged_neighbour",
	TTLExpired:      "ttl_expired",
	TooBig:          "too_big",
	NoRoute:         "no_route",
	Unresolved:      "unresolved",
	SYNLimit:        "syn_limit",
	FragmentLimit:   "fragment_limit",
	WriteError:      "write_error",
	Panic:           "panic",
}

// String returns the reason's stable name in snake case.
func (r Reason) String() string {
	if r < reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason(%d)", uint8(r))
}
