// Command mirrorgw is a one-legged mirror gateway: the default gateway of a network's workstations that passes everything
// on to the NAT router, except mail, which it judges for malware on the way.
//
// # What it holds
//
// This package is the command line: it turns words into one call of a room, and what comes of it into words and an exit code.
//
//   - app.go: the command tree; usage.go: what makes a command line wrong; one file or a few of one prefix for each command.
//   - rooms.go: what the commands need of the rest of the program; builtin.go: what they get of it in this build.
//
// The gateway and what surrounds it are rooms of their own, which the commands see from outside:
//
//   - mirrorgw/gateway is the gateway: the rooms of the module, plugged together. The way of a frame and of a mail begins there.
//   - mirrorgw/service is the life of a process that runs one, from the control socket to the last drained session.
//   - mirrorgw/engines builds what judges mail, for the gateway and for commands that judge without one.
//   - mirrorgw/config reads the configuration, mirrorgw/control answers `status` and `reload`,
//     mirrorgw/metrics answers Prometheus, mirrorgw/doctor names what would defeat the mirror,
//     mirrorgw/unscanned keeps the book of what was not scanned, mirrorgw/confine takes from a process what it does not need.
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
//   - 2026: exit codes are 0 done, 1 the answer is no, 2 usage or configuration error, that of a rule that does not compile among them.
//   - 2026: `scan` exits 2 when something could not be read, even when something else was infected: the answer is incomplete,
//     and either code stops a script. What was infected is listed all the same.
//   - 2026: `scan` takes a file that begins with "From " for an mbox file, except *.eml and what lies in a maildir's cur and
//     new: in those a mail's first line must not have it cut apart.
//   - 2026: `scan`, interrupted, waits for nothing: neither a read of standard input nor an engine at work can be called off.
//     Both end with the process.
//   - 2026: a malformed quarantine ID is an unknown one, exit 1: whoever mistypes one wants to hear that there is no such mail.
//   - 2026: `device up` makes what is missing and gives it to the service user; what is there already and belongs to somebody else
//     it names, with the command that mends it, and leaves alone. /dev/net/tun is opened to the user's group where only root
//     may open it: udev's rule would open it to everybody, and a TAP without an owner with it.
//   - 2026: the manual page and completions are written by the program itself when it is installed, by a command that is not
//     shown (documents): nothing generated is committed.
package main
