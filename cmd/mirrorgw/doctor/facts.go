package doctor

import (
	"net"
	"net/netip"
	"time"
)

// Facts is a snapshot of what a check may look at. The zero value knows nothing.
type Facts struct {
	Host Host
	LAN  LAN
}

// Host is how the gateway's leg stands in its machine.
type Host struct {
	Device string           // the TAP's name
	Bridge string           // the bridge it is configured to join; empty: none
	MAC    net.HardwareAddr // the gateway's own, which no interface has

	Read   bool   // the kernel's interfaces could be read; else TAP, Master and Ports are empty
	TAP    *Link  // nil: it does not exist
	Master *Link  // what TAP is a port of; nil: of nothing
	Ports  []Link // the other ports of Master, sorted by name

	Elsewhere string // the port behind which the bridge learnt MAC; empty: behind TAP, or nowhere

	Forwarding4   Flag // the host forwards IPv4 that comes in by the leg
	Forwarding6   Flag // the host forwards IPv6
	SendRedirects Flag // the host may send ICMP redirects to the leg
	SourceRoute   Flag // the host obeys IPv4 source routes on the leg
	Filtered4     Flag // IPv4 in the bridge passes the host's packet filter
	Filtered6     Flag
	FilteredARP   Flag
}

// Leg is the interface the host itself has on the LAN: the bridge, or where there is none the TAP.
func (h *Host) Leg() string {
	if h.Master != nil {
		return h.Master.Name
	}
	return h.Device
}

// bridged says whether the TAP is a port of a bridge of the kernel's, whose ports and settings are then known.
func (h *Host) bridged() bool { return h.TAP != nil && h.Master != nil && h.Master.Kind == kindBridge }

const kindBridge = "bridge"

// Link is one network interface.
type Link struct {
	Index    int
	Name     string
	Kind     string // bridge, tun, veth and so on; empty for a card
	MAC      net.HardwareAddr
	Up       bool // switched on
	Carrier  bool // has a cable, or what stands for one
	Wireless Flag
	Driver   string // of a card; empty: unknown

	PortState PortState // of a port of a bridge

	// Of a bridge.
	STP          bool
	ForwardDelay time.Duration // a port waits twice as long before it forwards, where STP is on

	master                            int // index; 0: none
	filtered4, filtered6, filteredARP bool
}

// PortState is BR_STATE of linux/if_bridge.h.
type PortState uint8

// What a port of a bridge does.
const (
	PortDisabled PortState = iota
	PortListening
	PortLearning
	PortForwarding
	PortBlocking
)

// Flag is a fact that may not be known.
type Flag uint8

// The zero Flag is unknown.
const (
	Unknown Flag = iota
	No
	Yes
)

func flag(yes bool) Flag {
	if yes {
		return Yes
	}
	return No
}

// either is what an OR of two settings comes to.
func either(a, b Flag) Flag {
	switch {
	case a == Yes || b == Yes:
		return Yes
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return No
}

// both is what an AND of two settings comes to.
func both(a, b Flag) Flag {
	switch {
	case a == No || b == No:
		return No
	case a == Unknown || b == Unknown:
		return Unknown
	}
	return Yes
}

// LAN is what the gateway has seen on the wire.
type LAN struct {
	Now     time.Time
	Uptime  time.Duration
	Routers []Router

	Received uint64 // frames since the start
	Heard    bool   // some of them lately; set by Doctor

	IPv6          bool     // the gateway has an IPv6 address of more than its link
	Advertises    bool     // the gateway sends router advertisements of its own (ra)
	Claim         Sighting // of another station that has one of the gateway's addresses; Addr is the address
	Redirect      Sighting // of an ICMP redirect to the gateway; Addr is the sender's
	Advertisement Sighting // of another router's advertisement that workstations believe now; Addr is the router's
}

// Router is a next hop the gateway was told to use.
type Router struct {
	Addr    netip.Addr
	Answers bool // to the gateway's ARP requests or neighbour solicitations
	Spare   bool // another router stands in for it, or it leads to one network only
}

// Sighting is the last time something was seen, and of whom. The zero value was never seen.
type Sighting struct {
	Addr netip.Addr
	MAC  net.HardwareAddr
	Last time.Time
}

// within says whether it was seen in the last d.
func (s Sighting) within(d time.Duration, now time.Time) bool {
	return !s.Last.IsZero() && now.Sub(s.Last) < d
}
