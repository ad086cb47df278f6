// Package forwarder decides the fate of every frame that reaches the gateway (forward, punt, drop) and does the
// forwarding, its ICMP errors included.
//
// # The way of a frame
//
//  1. A loop, one per device queue, reads a batch of frames (queue.go).
//  2. parse looks at each once and leaves what it saw in a packet; it cannot fail, a fault is a value (packet.go).
//  3. decide answers with a decision; it reads tables and changes nothing (decide.go; own.go and forward.go for what is
//     addressed to the gateway and what is not).
//  4. The loop carries it out: two MACs, TTL and header checksum rewritten in the buffer (rewrite.go), or an ICMP error
//     built (icmp.go), or a next hop asked for (neighbour.go), or a counter (counters.go).
//  5. A tap is shown the batch, where there is one and somebody looks at it (tap.go).
//  6. Forwarded frames leave with one write, punted ones with one call for each of the host's two doors.
//
// Nothing on this way allocates. Step 1 and 4 to 6 happen in the queue's own goroutine; two queues share the neighbour and client
// tables and the rate limits, nothing else.
//
// # What it does not hold
//
// No TCP, no answers to ARP, neighbour solicitations or ping: that is the host's, a netstack behind the Host interface. No
// device: a Port is handed in. No state about flows that are forwarded.
//
// # Ownership
//
// A queue owns its buffers. Port and Host borrow them for the length of a call. A Forwarder's methods may be called from any goroutine.
//
// # How it stops
//
// Run starts one goroutine for each port and one that asks for neighbours. The owner of the ports closes them: a loop ends
// on os.ErrClosed, the neighbour goroutine with the last loop, and Run returns.
//
// # Decisions
//
//   - 2026-11: IP is forwarded here and never by netstack, which forwards martians and sends TTL 1 on as TTL 0. Reversed by
//     nothing short of a netstack with RFC 1812 checks.
//   - 2026-11: frames and headers are read by hand, without a packet library: a bounds check and a load per field, no
//     allocation, no second idea of what a frame is.
//   - 2026-11: TTL is looked at before interception, so that the gateway is hop 1 for mail ports too.
//   - 2026-11: an Authentication Header (RFC 4302) is opaque. What is behind it reaches only an endpoint that shares a security
//     association, and could not be replaced by us anyway.
//   - 2026-11: the router's MAC is refreshed by unicast requests, and while it answers those no other MAC is believed
//     (requirement A18). A request to all, which any answer may satisfy, follows only where unicast went unanswered.
//   - 2026-11: no ICMP redirect is ever sent, and none reaches the host (deviation from RFC 1812 section 5.2.7.2 and RFC 4861 section
//     8.2): a client that obeys one bypasses the gateway.
//   - 2026-11: a panic costs the frame that caused it; a panic inside Host is not caught, since a netstack that
//     panicked may hold its locks. Reversed if Host ever promises to survive one.
package forwarder
