// Package quarantine keeps mails that were replaced by a notice, durably, and lists, shows, exports and deletes them.
//
// # What it holds
//
//   - Store: the writing side, one per folder: Keep. It locks the folder and clears what a crash left unfinished.
//   - Folder: the reading side: List, Get, Export, Delete, Stat. It needs no lock and no running gateway.
//
// It does not know why a mail is kept, does not release mails and does not expire them.
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
//
// An item appears with one rename of a folder whose files are complete and synced, and disappears with one rename. Whoever
// lists meanwhile sees it whole or not at all; a crash leaves an item, or a folder whose name begins with a dot, which the
// next Open removes. Names come from the random source and never from a mail; all access goes through os.Root, so neither
// an ID nor a link leads out of the folder.
//
// # Ownership and end
//
// Store.Close gives the lock back; it is given back too when the process dies. Keep may run in several goroutines.
//
// # Decisions
//
//   - 2026: a folder per item, not two files: one rename puts mail and description in place together.
//   - 2026: the lock is held by the Store only. Readers and deleters work on whole items, so they need none.
package quarantine
