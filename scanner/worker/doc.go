// Package worker runs an engine in processes of their own, so that a mail which breaks the engine breaks one process that can
// do nothing else, and another takes its place.
//
// # What it holds
//
//   - Pool: a fixed number of workers, each replaced as soon as it ends, and the questions put to them, several in a message.
//   - Process: one worker, asked by one goroutine at a time.
//   - Serve: the worker's side.
//   - Tally, Counters: what became of workers and questions.
//
// It knows no engine: a question and its answer are octets, whose form is the engine's (scanner/yara). What a worker cannot reach
// is not decided here either: the program, started anew as a worker, confines itself before it says hello.
//
// # The way of a question
//
// Pool.Ask puts a question in the queue (errand.go), and who is first there leads the next exchange with a worker that nobody asks. It takes along what
// else waits and fits, writes one message to the worker's socket, waits for one in answer, and tells those it has taken along. So a busy
// pool wakes two processes for many questions. A content of some size is no part of the message but a file descriptor beside it; that
// question goes alone. The Question judges the answer, for the worker may be in the hands of the mail it was asked about.
//
// Where the worker has ended, or its message is no answer, each question that was in the exchange is put once more, alone, to another worker:
// only one that fails then is to blame. A worker that is late with a question alone, in the question's own time, is killed, and the question is not put
// again. A message of several has a short time of its own instead, and a worker leaves the rest of it undone where one question takes long: what
// was left is asked alone, and nobody's time is spent on another's mail.
//
// # Ownership and end
//
// A worker has a goroutine (supervise) that starts it, waits for its end and starts the next one, until Close. It ends with the pool,
// and with this process, however that ends: its socket ends, and the kernel kills it when the thread that started it is gone. So that
// goroutine keeps its thread to itself. Close waits for the questions being answered. A question's goroutine leads its exchange itself, or
// waits for the one that does, which is over within seconds; nothing else runs.
//
// # Decisions
//
//   - 2026: a worker is this program, executed anew: nothing of the gateway's memory is in it, as it would be after a fork, which Go
//     cannot do in any case. The confined gateway may execute its own file for that, and what is in the folders of its libraries, and nothing is won by whoever makes it: what is executed
//     is confined as the one who does it. A launcher started before the confinement would need a protocol that passes sockets and processes
//     on, and its end could not be mended.
//   - 2026: packets over a socket pair (SOCK_SEQPACKET), and blocking calls at both ends. A question of 4 kB and its answer alone cost
//     8 to 13 µs of processor time, both processes together; with the runtime's poller it is 12 to 18. Shared memory would save a
//     copy of 4 kB and need a futex in the place of the socket.
//   - 2026: a worker's timers may be late (PR_SET_TIMERSLACK). The monitor of Go's runtime wakes every 20 µs while threads are held up in system
//     calls, to take their processor from them: of six context switches for two questions five were its own and what it caused, and of
//     47 µs of CPU time 10, on a machine with little else to do; 0.5 ms of 4 of a session with ten mails on a busy one. Two processors for
//     each worker save half as much.
//   - 2026: time is what a question is bounded by, not processor time. A worker has one thread at work, so that the one bounds the
//     other, and the kernel's limit for processor time counts per process, not per question.
//   - 2026: a worker that is late gets two seconds more before it is killed: the engine has a clock of its own, and a worker that ends
//     by itself costs nothing.
//   - 2026: a question is put again to another worker, not always to one just started: nothing of a mail stays in a worker that
//     answered.
//   - 2026: nobody waits for company. A message takes along what is there when a worker is free, 16 questions and 72 KiB at most, so that a lone question is no
//     later for it, and a question that does not fit keeps its place in the queue.
//   - 2026: an exchange of several is not ended with the context of any who is in it: it is over in the time that a few small contents take, and
//     who has gone waits for that.
//   - 2026: mails share a worker, and a message. One that took a worker over could answer for those beside it, as it could for all that the
//     worker is asked later: it is confined, but not found out while its answers are well formed. A worker for each mail would cost a
//     process each.
//   - 2026: workers write to no log. What they would say, a mail may have them say.
package worker
