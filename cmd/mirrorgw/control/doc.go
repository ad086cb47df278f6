// Package control lets a running gateway be asked how it is, over a unix socket.
//
// # What it holds
//
//   - Status: what is answered, in the names promised to users.
//   - Server: the socket and who may open it; one gateway per socket.
//   - Fetch: the question.
//   - Capture: frames as pcapng, for as long as somebody reads. They hold passwords and mail: who may open the socket may see
//     them.
//   - Go's runtime profiles below /debug/pprof/, for whoever looks into a gateway: heap, goroutine and so on, as
//     runtime/pprof has them. They hold stacks and sizes, no mail.
//
// It counts nothing itself: the server asks a function for each answer.
//
// # How it stops
//
// Listen takes the socket and starts nothing. Run answers until its context ends, finishes what is being answered, captures by
// ending them in order, and removes the socket.
//
// # Decisions
//
//   - 2026: HTTP over the socket, with GET /status: curl --unix-socket can ask too, and later commands fit beside it.
//   - 2026: no lock or pid file. A socket that refuses connections belonged to a process that is gone, and is replaced; one
//     that accepts belongs to a gateway. The folder is locked while that is found out, so that of two starters one loses.
//     The socket is made under another name and moved into place: nobody can meet it with the wrong mode.
package control
