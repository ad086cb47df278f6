package stack

import (
	"fmt"

	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

// JoinAllRouters has the NIC own report itself a member of the group of all IPv6 routers, so that a snooping switch lets
// solicitations of routers (RFC 4861 section 4.1) through to us. It comes after Claim, whose addresses reports are sent from.
func (s *Stack) JoinAllRouters() error {
	if err := s.ns.JoinGroup(ipv6.ProtocolNumber, ownNIC, header.IPv6AllRoutersLinkLocalMulticastAddress); err != nil {
		return fmt.Errorf("joining the group of all routers: %w", asError(err))
	}
	return nil
}
