// Command bareloop reads frames from a TAP device and writes them back with two MAC addresses changed: what userspace can reach
// at most, and so the mark that the gateway is measured against.
//
// # What it holds
//
// A loop per queue of package stack's Device, opened as the gateway opens it. A frame for the gateway's MAC goes back out to the
// address of -to, from the gateway's; every other frame is let fall. The virtio header goes through unchanged.
//
// # What it does not hold
//
// No decision of any kind: no check of any header, no TTL, no counter. Nobody answers ARP or neighbour discovery, so that
// whoever sends to it needs a permanent neighbour entry (ip neighbour replace ADDRESS lladdr MAC nud permanent). It is no
// router: two of them send each other packets for ever.
//
// # Ownership and end
//
// It writes "ready" and its MAC once frames flow, and ends with status 0 on SIGTERM or ctrl-C, when the device is closed; 1 when
// the device fails, 2 for wrong usage.
//
// # Decisions
//
//   - 2026-11: it goes through package stack and not to the device itself, so that the difference to the gateway is what package
//     forwarder costs, and a lever pulled in stack moves both. Reverse when stack's own share is in question.
package main
