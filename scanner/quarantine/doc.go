// Package quarantine keeps mails that were replaced by a notice, durably, and lists, shows, exports, releases, deletes and
// expires them.
//
// # What it holds
//
//   - Store: the writing side, one per folder: Keep, Run, Stat. It locks the folder, clears what a crash left unfinished, and removes
//     the oldest items when their time has come or room is needed.
//
//   - Folder: the reading side: List, Get, Export, Delete, and Release, WaitingFor, Consume. It needs no lock and no running
//     gateway.
//
//   - Index: a Folder for many logins, to most of which nothing was released.
//
//   - History: who was delivered which content, by its hash, for as long as is wanted; Folder.Hunt looks in it, and Folder.Infected
//     says for what: it judges anew what is kept.
//
// It does not know why a mail is kept, nor how a released one reaches its reader.
//
// # Layout
//
//	DIR/                    0700
//	    .lock               held by the Store, for as long as it is open
//	    .new-ID/            an item being written
//	    .gone-ID/           an item being deleted
//	    ID/                 an item: 12 hexadecimal digits, random, 0700
//	        mail.eml        the mail as it arrived, CRLF, not dot-stuffed, 0600
//	        item.json       what is known of it, 0600
//	        flow.pcapng     the headers of the frames by which it came, 0600; not there where none were traced
//	    .waiting/           0700
//	        MAILBOX.ID      an empty file: the item is released and waits for the next login to its mailbox
//	    .allowed/           0700
//	        SHA256          an empty file: a mail with this content is delivered whatever is found in it
//
//	    .history/           0700
//	        2026-11-22      what was delivered that day, UTC: lines of JSON, 0600
//
// An item appears with one rename of a folder whose files are complete and synced, and disappears with one rename. Whoever
// lists meanwhile sees it whole or not at all; a crash leaves an item, or a folder whose name begins with a dot, which the
// next Open removes. Names come from the random source and never from a mail; all access goes through os.Root, so neither
// an ID nor a link leads out of the folder.
//
// # Ownership and end
//
// History.Run writes to the disk until its context ends, and Close the rest. Store.Close gives the lock back; it is given back too when the process dies. Keep may run in several goroutines.
//
// # Decisions
//
//   - 2026: a folder per item, not two files: one rename puts mail and description in place together.
//   - 2026: a release is two empty files and no list in memory, so that it works whether a gateway runs or not and needs no word
//     to it. A login costs a look at the times of one folder, which is nearly always empty and read again when they have changed (Index).
//   - 2026: a mailbox is the server's address and port and the login name as given, hashed: names of any octets compare
//     exactly and make no file names. Where the login shows no name there is no mailbox, and a release allows the content only.
//   - 2026: a fetched item stays until retention removes it, and its content stays allowed for a year: a reader may lose a mail
//     again, and clients that leave mail on the server fetch it anew. Deleting an item takes its release back.
//   - 2026: an item's age is that of its file, or of its release where it still waits. The oldest are looked for at most once per mail that is
//     kept and only when room is short, and once an hour.
//   - 2026: the frames are a file of their own, and not in the description: who lists the items reads all of these. Items from before
//     have none.
//   - 2026: free space is looked at before each mail. What a mail needs is known by then, so that a full disk is met before it
//     and not in it; where another program takes the space meanwhile Keep fails as on any error of the disk.
//   - 2026: the history is one file a day, appended to: a day goes by the removal of a file. A record is on the disk after a second
//     at most, without fsync, since it is written for every mail (2.5 µs); a line that a crash has left in half is passed over. What
//     was sent from quarantine after a release is in the log only.
//   - 2026: the store looks at the files of an item once, and then lists the folder only: a status is asked for every few seconds, by the
//     service manager's watchdog too, and where room is short every mail asks for the oldest. Two lstats for each of 60,000 items took a second.
//   - 2026: a mail that the same client fetches from the same mailbox again, with the same findings, is in quarantine already (again.go): a
//     program that fetches one in a loop would fill it within its day, and everybody's infected mail would have to stay on the servers.
//     Which those are is known for the last 1024, until a restart.
//   - 2026: the lock is held by the Store only. Readers and deleters work on whole items, so they need none.
package quarantine
