// Command barerelay ends intercepted TCP flows as the gateway does and copies octets between their two connections: what a relay
// on a netstack in userspace can reach at most, and so the mark that the gateway's mail is measured against.
//
// # What it holds
//
// Packages stack and forwarder, plugged together as the gateway plugs them: device, netstack, decisions about frames, forwarding
// of what is not intercepted, dials before handshakes. A flow is two loops that read what there is and write it to the other side.
//
// # What it does not hold
//
// Nothing that knows what passes: no POP3, no scanner, no trace of frames, no log of flows, no limits, no garbage but what flows leave,
// which is collected seldom. It is no gateway: mail goes through it unseen.
//
// # Ownership and end
//
// It writes "ready" and its MAC once flows are taken, and ends with status 0 on SIGTERM or ctrl-C: flows have a second then, and are reset;
// 1 when it cannot begin or go on, 2 for wrong usage. A flow has two goroutines, which end when both its sides have, or when one fails.
//
// # Decisions
//
//   - 2026-11: it goes through packages stack and forwarder, so that the difference to the gateway is what packages forwarder/pop3 and
//     scanner cost, and a lever pulled in stack moves both. Reverse when stack's own share is in question.
//   - 2026-11: a buffer is small until a read has filled it, so that an idle flow takes little memory. The gateway waits without any.
package main
