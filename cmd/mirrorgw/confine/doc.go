// Package confine takes from the running process what a gateway at work does not need, so that whoever gets hold of it by
// way of a hostile mail or frame has gained little.
//
// # What it holds
//
//   - process.go: no_new_privs, no core dump, no debugger of the same user.
//   - capability.go: of root's capabilities, those a gateway uses.
//   - landlock.go: the files and TCP ports that can be reached.
//   - socket.go: the kinds of socket that can be made.
//   - thread.go, worker.go, calls.go: the same for a process that a gateway starts to scan in, and much stricter; own.go: what it
//     is loaded from.
//
// It decides nothing about a gateway: what can be reached is given to it. What is open already stays usable, and none of it
// can be taken back: a new path or port needs a new process.
//
// # Decisions
//
//   - 2026: best effort. A kernel without Landlock (before 5.13, or switched off) still runs the gateway, and the Report says
//     what is missing; so does one whose Landlock knows fewer rights. What cannot be had on a kernel that could is an error.
//   - 2026: a socket filter beside Landlock. Landlock's TCP rules know nothing of Multipath TCP, which is what Go's net.Listen
//     makes, nothing of UDP before ABI 10, and nothing at all of networks before ABI 4. With TCP ports to listen on or connect to, plain
//     TCP sockets stay possible and Landlock bounds them.
//   - 2026: root stays root, with file access, the right to mend its device, and no other capability. Becoming another user
//     would make files change owners between a run as root and the next one; who wants less runs as a service user.
//   - 2026: signals are not scoped. Kernels before 6.15 count the threads of one process as strangers to each other, and the Go
//     runtime signals its threads.
//   - 2026: a worker's filter of system calls lists what is allowed, and answers EACCES to the rest. To end the process would turn a call that a
//     new C library tries into an engine that is down.
//   - 2026: all of it is for every thread. The C library's threads are reached by libcap's psx, which Landlock's package brings.
package confine
