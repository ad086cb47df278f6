// Command mirrorgw is a one-legged mirror gateway: the default gateway of a network's workstations that passes everything
// on to the NAT router, except mail, which it judges for malware on the way.
//
// # What it holds
//
// This package turns flags and a configuration file into running rooms, and a signal into an orderly end:
//
//   - app.go: the command tree; usage.go: what makes a command line wrong; one file for each command.
//   - gateway.go: the rooms, plugged together: the way of a frame and of a mail begins there.
//   - serve.go: the life of a running gateway, from the control socket to the last drained session.
//   - confinement.go: what a running gateway can still reach; mirrorgw/confine sees to it. device.go: what root does for it once.
//   - mirrorgw/config reads the configuration, mirrorgw/control answers `status` and `reload`,
//     mirrorgw/metrics answers Prometheus, mirrorgw/doctor names what would defeat the mirror,
//     mirrorgw/unscanned keeps the book of what was not scanned.
//
// It knows how rooms are plugged together and nothing of how they work.
//
// # How it stops
//
// The first SIGTERM or SIGINT ends the context of the running command: a gateway takes no new session, lets the running
// ones end, and returns. The second one ends the process at once.
//
// # Decisions
//
//   - 2026: flags stand before arguments. urfave/cli stops looking for flags at the first argument; what looks like a flag
//     behind it is refused, since a flag that is silently ignored is a wrong answer.
//   - 2026: exit codes are 0 done, 1 the answer is no, 2 usage or configuration error.
//   - 2026: `scan` exits 2 when something could not be read, even when something else was infected: the answer is incomplete,
//     and either code stops a script. What was infected is listed all the same.
//   - 2026: `scan` takes a file that begins with "From " for an mbox file, except *.eml and what lies in a maildir's cur and
//     new: in those a mail's first line must not have it cut apart.
//   - 2026: `scan`, interrupted, waits for nothing: neither a read of standard input nor an engine at work can be called off.
//     Both end with the process.
//   - 2026: a malformed quarantine ID is an unknown one, exit 1: whoever mistypes one wants to hear that there is no such mail.
//   - 2026: `run` confines itself when everything is open and before the first frame is looked at, as root too. What is read
//     again by a reload is reached by its folder, not by its file, since files are replaced and Landlock's rules are for inodes;
//     folders at the top of the file system are not opened for that. What did not lie within reach at the start takes a restart.
//   - 2026: `device up` makes what is missing and gives it to the service user; what is there already and belongs to somebody else
//     it names, with the command that mends it, and leaves alone. /dev/net/tun is opened to the user's group where only root
//     may open it: udev's rule would open it to everybody, and a TAP without an owner with it.
//   - 2026: a process confined by Landlock cannot confine itself any further as a whole, since the list of its threads is a file. So it
//     confines the thread that starts a worker, and the worker, which is then confined from its first instruction, filters its calls alone.
//   - 2026: what a reload may change is a short list (reload.go), and a key that is not on it is refused: a new key is safe by
//     default. Which flows are intercepted is not on it, since the forwarder decides by rule and not by flow.
//   - 2026: a reload builds the rooms behind the engines anew beside the old ones. Judges and relays have successors that count
//     together, so that no figure falls and no mail's refusals are forgotten; at most eight older sets live at once.
//   - 2026: an engine's time is taken by wrapping it, so that the scanner knows nothing of metrics.
//   - 2026: the watchdog asks for the status as a user would. Where the quarantine's disk hangs, so does the status, and the
//     service manager starts the gateway anew; forwarding needs no disk and goes on within the second.
//   - 2026: the book of what was not scanned lies in the quarantine's folder, under a name no mail has: that folder is there, is
//     private, and is within reach of a confined gateway.
//   - 2026: a bypass ends with the process: who restarts a gateway wants it as it is configured.
//   - 2026: a request to bypass is above what guards say, and of guards the one that refuses is above the one that forwards: what is
//     refused comes again, what was forwarded is not seen any more.
//   - 2026: the watchdog knows progress by verdicts alone. A session that waits for a server or a client is no sign of a fault.
//   - 2026: before memory counts as used up, garbage is collected and given back, at most every ten seconds: without a reason to,
//     the runtime keeps what it has.
//   - 2026: while there are many log lines they are written together, every 50 ms, and at once from a warning on. A gateway that is
//     killed loses those of its last 50 ms.
//   - 2026: the manual page and completions are written by the program itself when it is installed, by a command that is not
//     shown (documents): nothing generated is committed.
package main
