// Package service is the life of a process that runs a gateway.
//
// # What it holds
//
//   - service.go: Run, from the control socket to the last drained session; gateway.go: what it wants of a gateway.
//   - confinement.go: what the process can still reach; package confine sees to it.
//   - reload.go: which changes of the configuration are taken on while it runs.
//   - notify.go, watchdog.go: what the service manager is told.
//   - log.go, loglines.go: the log.
//
// It knows nothing of frames and mail.
//
// # How it stops
//
// The end of Run's context ends the gateway; questions are answered until that has drained. Every goroutine has ended by then.
//
// # Decisions
//
//   - 2026: the process is confined when everything is open and before the first frame is looked at, as root too. What is read
//     again by a reload is reached by its folder, not by its file, since files are replaced and Landlock's rules are for inodes;
//     folders at the top of the file system are not opened for that. What did not lie within reach at the start takes a restart.
//   - 2026: what a reload may change is a short list (reload.go), and a key that is not on it is refused: a new key is safe by
//     default. Which flows are intercepted is not on it, since the forwarder decides by rule and not by flow.
//   - 2026: the watchdog asks for the status as a user would. Where the quarantine's disk hangs, so does the status, and the
//     service manager starts the gateway anew; forwarding needs no disk and goes on within the second.
//   - 2026: while there are many log lines they are written together, every 50 ms, and at once from a warning on. A gateway that is
//     killed loses those of its last 50 ms.
package service
