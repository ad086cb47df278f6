package doctor

// State is how a check came out.
type State string

// The states of a check.
const (
	OK      State = "ok"
	Unsure  State = "unknown" // what it looks at could not be read, or is not known yet
	Warning State = "warning" // mail may go past the scanner, or the LAN may lose the gateway
	Failing State = "failing" // frames cannot flow
)

// Finding is what one check found. Detail and Fix are empty where all is well.
type Finding struct {
	Check  string // a stable name
	State  State
	Detail string // what is wrong
	Fix    string // what to do about it, in one line
}

// result is a finding without its name.
type result struct {
	state       State
	detail, fix string
}

var (
	ok       = result{state: OK}
	unread   = result{state: Unsure, detail: "the kernel's settings could not be read", fix: "let the gateway read /proc/sys/net and ask netlink"}
	noBridge = ok // what is about a bridge is well where there is none, or it is off: the checks "device" and "bridge" say so
)

// check is one thing to look at.
type check struct {
	name string
	look func(*Facts) result
}

// checks are all of them, in the order of a frame's way: the device, the bridge, the host around it, the LAN.
var checks = [...]check{
	{"device", lookDevice},
	{"duplicate_mac", lookMAC},
	{"bridge", lookBridge},
	{"stp", lookSTP},
	{"bridge_ports", lookPorts},
	{"wireless", lookWireless},
	{"br_netfilter", lookFilter},
	{"forwarding", lookForwarding},
	{"send_redirects", lookRedirects},
	{"source_route", lookSourceRoute},
	{"router", lookRouter},
	{"arp_inspection", lookInspection},
	{"cloud_nic", lookCloud},
	{"duplicate_address", lookClaim},
	{"redirecting_router", lookRedirecting},
	{"ipv6_bypass", lookAdvertisement},
}

// Examine returns one finding for each check, in a fixed order.
func Examine(f *Facts) []Finding {
	all := make([]Finding, 0, len(checks))
	for _, c := range checks {
		r := c.look(f)
		all = append(all, Finding{Check: c.name, State: r.state, Detail: r.detail, Fix: r.fix})
	}
	return all
}
