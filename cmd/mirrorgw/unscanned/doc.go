// Package unscanned keeps a book of the mail and the flows that were not scanned: by day, reason, client and server.
//
// # What it holds
//
//   - Book: what a running gateway notes, kept on disk.
//   - Read, Days: what was noted, whether a gateway runs or not. In: where it lies.
//
// It holds addresses and counts, no user, no subject and no mail.
//
// # On disk
//
// One file a day, YYYY-MM-DD.json by the local calendar, 0600 in a folder that is 0700. A file is written whole beside the old one
// and takes its name, so that a crash leaves the one or the other. What is younger than flushEvery is lost with the process.
// Files older than Keep are deleted, and what is not named like one of ours is left alone.
//
// # How it stops
//
// Open starts nothing. Run writes now and then until its context ends, and then once more.
//
// # Decisions
//
//   - 2026: whole files instead of a log that grows: at most maxEntries lines, whatever happened, and a reader needs no replay.
//   - 2026: what comes when a day's table is full is counted by reason alone: a flood of forged addresses must not hide how much
//     there was, and may hide from whom.
package unscanned
