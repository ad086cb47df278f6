// Package clamd is the ClamAV daemon as a scan engine, asked over its socket.
//
// # What it holds
//
//   - Engine: asks one of several daemons about a part, and goes on to the next when one does not answer (engine.go, breaker.go).
//   - One question: a connection, the command INSTREAM, the part in chunks, one reply (stream.go, reply.go).
//   - Begin: the same about a mail that still arrives, one chunk after the other (early.go).
//   - Check: whether the daemons see all they should; what a weak one lacks is told with the line of clamd.conf (check.go).
//
// It does not start, stop or configure a daemon, and reads none of its files.
//
// # Ownership and end
//
// An Engine owns one buffer for each question that may be asked at once, and a connection while a question lasts. Scan ends
// soon after its context does, since that closes the connection's wait. Run checks the daemons from time to time until its
// context ends; the engine works without it.
//
// # Decisions
//
//   - 2026: clean is the reply "stream: OK" and its NUL, and nothing else. A limit the daemon met (Heuristics.Limits.Exceeded) and an
//     encrypted file (Heuristics.Encrypted) are no malware: they have causes of their own.
//   - 2026: each decoded part is sent, and the whole mail as well: of a whole mail clamd misses parts that it reads in another way,
//     and hash signatures of quoted-printable attachments. Members of archives are parts too, so that one above MaxFileSize, of
//     which clamd would look at the beginning alone, meets that limit by itself.
//   - 2026: a weak daemon is used and shown as weak. Without AlertExceedsMax it says OK of what it did not look at, and no reply tells
//     the one from the other.
//   - 2026: every part is a question and a connection of its own, of half a millisecond to two. That a mail of more parts than may be has
//     its verdict within a second all the same is the scanner's doing (its rehearsal.go). A nested archive takes as long as clamd is at
//     unpacking it for itself, 1.5 to 5 s for one of 48 kB: MaxFiles, MaxScanTime and scan.limits.time bound that.
//   - 2026: no IDSESSION, which is many streams on one connection. For parts of 1 kB, and a database of one signature, it takes 16 to 19 %
//     off what both processes do (355 µs where it is 440); a real database makes that less. A connection that went stale while nobody
//     asked, replies to be matched by number, and a session that ends with its first stream that is too long would have to be told from
//     a daemon that fails. Command, part and end in one write take off nothing that could be measured.
//   - 2026: PING is no sign of health: behind streams that stall it waits as long as a mail would. What counts is whether questions
//     are answered, and those of the check are questions too.
//   - 2026: what a daemon says of StreamMaxLength it says when a chunk of that length is announced; the chunk itself need not follow.
//   - 2026: mails that still arrive take half of the turns and wait for none, since a daemon's thread waits with each of them. They are
//     not asked about a second time in that way: when the daemon is lost meanwhile, the mail is asked about like any part, with all patience.
package clamd
