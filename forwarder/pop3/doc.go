// Package pop3 relays one POP3 session and has each retrieved message judged before the client sees it.
//
// # What it holds
//
//   - Relay: the settings and counters all sessions share. Serve relays one session between two connections.
//   - Two pumps and one queue of outstanding commands per session. The client pump parses each command line once and
//     either sends it on or refuses it; either way it first puts into the queue how the answer is framed and what to do
//     with it. The server pump takes the queue's entries in order, reads the reply each one calls for, and is the only
//     writer towards the client, so a refusal never overtakes a reply.
//   - retrieval: the answer to RETR or TOP, from the download to what the client gets in the end; held: the message meanwhile.
//   - Pulses (pulse.go): while the server pump waits for a message or its verdict, they speak in its stead, to the client (drip.go) and
//     to the server (keepalive.go). The pump stops each before it goes on.
//   - maildrop: mails that were released from quarantine to the user of the session, as the last messages of the maildrop.
//   - Framing: status lines, the dot-stuffing of multi-line replies (framer), and the cut that makes a TOP of a RETR.
//   - record: what was said last in a session, for the quarantine.
//   - Running: what each session is busy with, for onlookers. Sessions keep it in atomics; nobody waits for anybody.
//
// It implements RFC 1939 and RFC 2449 as a relay, RFC 5034 (AUTH) up to the mechanism's own messages, RFC 2595 (STLS)
// by hiding it or by stepping aside, and refuses RFC 6856 (LANG, UTF8).
//
// # What it does not hold
//
// No dialling, no address spoofing and no netstack: it is given two net.Conns. No verdict, policy, quarantine or notice:
// those are behind Judge, and released mails behind Releases. No log line per message or per flow: Judge and the caller of Serve write them; here are only
// warnings.
//
// # Ownership
//
// Serve owns both connections from its call on and has closed them when it returns. The buffers of a message belong to
// the session; a Judge borrows the content until it returns.
//
// # How it stops
//
// A session ends with its server, with its client, with a broken rule of the protocol, with a time-out, or with the
// context of Serve: then a reply in progress may finish within Config.Drain, and no new command is taken. Whatever the
// end, QUIT, DELE and RSET reach the server only when this client sent them.
//
// # Decisions
//
// Dated 2026-11-21. A mail system in use that breaks on one is the reason to reverse it.
//
//   - The server pump is woken by the server's octets, not by commands: it waits in a read, which the client pump ends (leg.nudge) when
//     there is something to do that the server knows nothing of. A goroutine of its own for that wait, and a switch to the server pump
//     for each command, were a tenth of a short session's CPU time.
//   - A session has no buffers while it waits for a command or a reply: both pumps read one octet first (leg.await). Of 77 KiB of heap for a
//     session that says nothing, buffers were 52.
//   - Commands go upstream rebuilt from their parse: verb in capitals, one blank, CRLF. A line that ends in a bare LF or
//     has blanks at its end is understood, and no server can read it otherwise than we did. User names, passwords and
//     SASL data are not touched.
//   - What the client says waits for the server's greeting. A server that does not greet within Config.Greeting, or otherwise, and a
//     client that speaks first and says no command, speak no POP3; such a session is closed, or opaque from its first octet.
//   - A client has Config.Login in all before login, of its own time: a slow server costs its client nothing.
//   - A multi-line reply ends at CRLF.CRLF, or, where every status line of the server so far ended in a bare LF, at a
//     dot alone on a line ended by LF. Dots are removed for the judge after any LF, since most clients split lines
//     there; the octets sent on are those that came. Lines the gateway makes end in CRLF.
//   - SASL mechanisms come from a list of those known to add no security layer and no channel binding. An unknown one
//     could end in octets nobody here can read.
//   - TOP n 0 is free while it holds header fields only and at most 64 KiB. TOP n k goes upstream as RETR n, since what
//     was not judged whole is not shown; some servers then mark the message as seen.
//   - The TOP of a message that was replaced earlier in the session is answered from that notice. The server is still
//     asked, and what it sends is dropped, so that a deleted message stays an error and replies stay in order. At most
//     maxNotices octets of notices are remembered; a message forgotten is judged anew, and its TOP n 0 shows the original fields.
//   - A client that waits for a message gets its first fields one by one, from Config.Drip on (drip.go). Only fields that mail
//     systems put on top leave so: they are not shown, nothing is read by them, and they may stand before a notice too. Then come
//     lines of the gateway's own, bounded. Fields leave whole, so that a tag, a notice or the rest can follow. A message whose first
//     line is no field gets nothing put before it, since some clients would then find another header in it: its client waits. The
//     status line that begins all this has no count of octets, which may turn out wrong.
//   - A message that may not be delivered once its reply has begun ends the session without the dot: there is no -ERR any more.
//   - Engines may look at a message while it arrives (Config.Early). They read from what is held of it: the server pump only says how
//     much that is, and waits for nobody.
//   - A server that has sent a message is sent NOOPs while that is judged and taken. None is sent while it has anything else to
//     answer: it is at work then, and a reply could be in progress. Their replies are read before any other.
//   - Sizes that STAT and LIST give are the server's, and stay so. They are asked for before anything is judged, and a size that
//     changed between LIST and RETR, or between two LISTs, would mislead a client more than a notice that is shorter than was said
//     (RFC 1939 section 11 knows sizes to be inexact). The status lines of what does not leave as it came have no count. Where a
//     client wants as many octets as were announced, Config.Pad gives a notice blank lines up to the mail's own size; a TOP that
//     is answered from memory has none.
//   - Unique-ids of mails are known where the client has asked for them (UIDL), the latest of a long list: to ask for one with each RETR
//     would cost a round trip. They tell people of a mail and decide nothing.
//   - Released mails are numbered after the server's own. They are looked for before a login goes up, and only where some wait does
//     the gateway wait for its answer and ask how many messages there are (STAT), before the client can have deleted one. All other
//     sessions stay what they were, octet for octet. The words of a status line, which may count messages, are replaced in such a
//     session; that of the login is not, since it has left by then.
//   - A released mail is consumed once the server has said +OK to QUIT, before the client hears it. When the server cannot carry
//     out QUIT, or the session ends without it, the mail is there again at the next login. Sessions of one user at one time all
//     show it; what one of them has consumed the others have no more at their next login.
//   - Whose mail it is the login must say without doubt (identity.go): a client that names several users, or uses a mechanism that
//     shows no name, is shown nothing.
//   - DELE n is refused while the last RETR n of the session was refused by the gateway: a client that sends RETR and
//     DELE in one go would otherwise lose a mail that nobody has seen. A new session may delete it. A session with more such messages
//     than are remembered ends.
//   - A message the server does not finish ends the client's connection with FIN, so that what was delivered before it is
//     not lost; when part of it was already sent, with a reset.
package pop3
