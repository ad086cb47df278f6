// Package gateway is the mirror gateway: the rooms of this module, built from one configuration and plugged together.
//
// # What it holds
//
//   - mirror.go: Mirror, the gateway; its building, its run, and the way of a flow. routes.go, device.go: the configuration in
//     the words of stack and forwarder.
//   - mailrooms.go: what is behind the engines (scanner, judge, notices, relays), which a reload builds anew; engines.go, yara.go, spam.go and
//     neutral.go: what stands there; releases.go, unscanned.go, hunt.go, trace.go: what relays and judges are told and tell.
//   - intake.go: what becomes of new mail flows, by request, for want of memory, or since no verdict is reached; memory.go,
//     judgements.go and refuse.go: what it knows, and what a client is told. garbage.go: how much garbage there may be.
//   - status.go, flows.go, metrics.go, doctor.go, capture.go: what is told of it all.
//
// It knows how rooms are plugged together and nothing of how they work, nor of the process it runs in: signals, sockets
// for questions, confinement and the service manager are the affair of package service.
//
// # Ownership and end
//
// New opens device, quarantine and files; what it has opened when it fails it closes. Mirror.Run starts every goroutine there is, and closes
// everything when all of them have ended. Frames are forwarded until the last session has ended.
//
// # Decisions
//
//   - 2026: a reload builds the rooms behind the engines anew beside the old ones. Judges and relays have successors that count
//     together, so that no figure falls and no mail's refusals are forgotten; at most eight older sets live at once.
//   - 2026: the scanner tells by a function how long an engine took, so that it knows nothing of metrics, and no wrapper hides what an
//     engine can do.
//   - 2026: the book of what was not scanned lies in the quarantine's folder, under a name no mail has: that folder is there, is
//     private, and is within reach of a confined gateway.
//   - 2026: a bypass ends with the process: who restarts a gateway wants it as it is configured.
//   - 2026: a request to bypass is above what guards say, and of guards the one that refuses is above the one that forwards: what is
//     refused comes again, what was forwarded is not seen any more.
//   - 2026: the watchdog over verdicts knows progress by verdicts alone. A session that waits for a server or a client is no sign of a fault.
//   - 2026: before memory counts as used up, garbage is collected and given back, at most every ten seconds: without a reason to,
//     the runtime keeps what it has.
package gateway
