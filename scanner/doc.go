// Package scanner holds one message, takes it apart, asks the engines, and answers with one verdict; a policy then makes
// an action of the verdict.
//
// # What it holds
//
//   - Buffer: one mail as it arrived, in memory up to a limit and in an unlinked file beyond it.
//   - Engine, Part: what an engine is asked about; scanner/yara is one.
//   - Streamer, Early: engines that look at a mail while it still arrives; scanner/clamd does.
//   - Opener, Contents: what takes a part apart that holds others.
//   - Scanner: walks the MIME structure of a mail and has the whole mail and every decoded part judged.
//   - Verdict, Cause, Finding: the facts. Policy, Action: what follows from them.
//   - Explanation, Matcher: what a scan came across, for whoever writes rules. Without a trace of it a scan costs what it did.
//   - Judge: scan, policy, quarantine, notice and log line for one retrieved message, in that order.
//   - Marker, Mark: what else is put into a mail that is delivered; scanner/spam is one.
//   - Rewriter, Edit: what is changed in a mail that is delivered; scanner/neutral is one. Bodies: where its parts stand.
//   - Summary: what a mail's header says, made fit to be shown, stored and written into a notice.
//
// It knows no mail access protocol: a relay strips its transport's framing (POP3 dot-stuffing, IMAP literals) before it
// hands a mail over, and it knows no netstack. It keeps no mail and writes no notice: Judge declares a Keeper and a Composer,
// and scanner/quarantine and scanner/notice are those.
//
// # The way of a mail
//
// Scan hashes the mail, has every engine asked about the whole of it (whole.go, ask.go), and walks it (walk.go) over its lines (lines.go). The walk follows
// multiparts as they come, decodes each leaf into a Buffer of its own (decode.go), has it judged, or, of a content seen before, says again what was found (again.go),
// and walks messages inside messages in their turn. What is found, what goes wrong and what is spent is noted in the examination.
// Where engines are slow, a rehearsal without them finds out meanwhile whether a limit ends it all anyway (rehearsal.go).
// What was judged goes to the Openers (opener.go), and what they find in it is judged and opened in its turn; the whole mail goes to
// them last, with a note of what the walk has decoded already (Part.Leaves).
//
// # Ownership and end
//
// A Buffer belongs to the relay that filled it. Scanner and engines borrow it until their call returns and never write
// to it. A Part and its region are valid until Engine.Scan returns. Where there are several engines they are asked about a part at
// once, each but one in a goroutine that ends before the part is left, and about a large mail beside its parts, until Scan returns; so does a rehearsal;
// a call ends when its context does, as soon as the engines at work let go.
//
// # Decisions
//
//   - 2026: the MIME structure is read by a parser of our own, line by line, with the standard library's media types and encoded
//     words. go-message and mime/multipart end a mail at the first line they do not understand and stop a transfer encoding at the
//     first odd octet, where mail clients go on; and nested readers pass every octet once per level. go-message packs the mails that
//     the fuzz test takes apart, and writes the notices' headers.
//   - 2026: odd is not malformed. Bare LF, NULs, 8-bit octets, missing blank lines, endless lines, boundaries never closed and
//     unknown transfer encodings are read as clients read them. Malformed is what leaves something undone: a boundary beyond
//     any use, and containers that an Opener finds torn. What may be read in several ways, as two types or encodings for one part or a
//     multipart without a boundary, is walked in the first and carved in all (scanner/carve), and so needs no note: nearly every mail
//     of that kind is harmless, and a tag on all of them would tell nobody anything.
//   - 2026: a verdict names all causes, and Policy takes the strictest of their actions. With one cause only, adding a lenient
//     defect to a mail would hide the one that matters.
//   - 2026: all engines are asked about everything, also when one has found something: what they say is noted in the order of the
//     engines, so that a verdict does not depend on which was faster.
//   - 2026: to ask about 4 kB costs more than to judge them, and nearly every mail has a part that is as large as itself. So a mail of up to 32 KiB is
//     asked about together with its first part, where the engine takes two at once. A larger one is asked about while the walk
//     takes it apart, and takes two processors. Its answers are noted last and then put first, so that no verdict depends on which was faster; an engine
//     that fails is asked about one more part of such a mail than of a small one.
//   - 2026: a part that is not encoded is a view of the content it stands in (Buffer.view), in memory as in its file, of which engines are given a
//     stretch (Part.Region). One that fits into memory is read there from the file.
//   - 2026: the digest of a body of the mail is put off until there is another content of its size, which is seldom (digest.go): it can be made
//     from the whole mail later. Of a mail of 10 MB that was a fifth of taking it apart.
//   - 2026: no ICAP (RFC 3507). The Go clients there are were not to be had from the module proxy, so none could be judged, and one of
//     our own is not what this program is for. Reverse when there is one that is kept up.
//   - 2026: a mail whose engines are slow is rehearsed beside them (rehearsal.go): taken apart once more without asking, and where that meets a limit,
//     they are called off. 20,000 parts took clamd, asked about the first 10,000, 4.2 s, and 0.3 s since; an archive of archives in 74 kB, which it unpacks
//     by itself, 1.5 to 4.7 s, and 0.3 s. What they would have found yet is not named, and the budget's action counts, as it does for what lies
//     behind the limit: so only where the policy has the same in store for a mail over the budget and for an infected one, which it has
//     unless it is told otherwise. Within the limits it costs the taking apart once more, from 6 % (900 members of 1 kB, clamd) to half
//     (200 of 100 kB) of what the mail took. Mails of more than 1 MiB that arrive in few parts, and those that YARA alone is done with
//     within a quarter of a second, are not rehearsed. A daemon that was called off may be busy with that mail a little longer: its
//     own limit of threads holds, as it would have before.
//   - 2026: when time runs out, the mail is to blame (budget), unless one call of an engine took half of it (error).
//   - 2026: the table of retried mails is a small file of its own, appended to and not forced to the disk: it counts refusals while an
//     engine is down, when every mail is one, and a count lost with the power costs one more refusal. A clock set back begins the hour
//     anew; one set forward may end it early, and never the count.
//   - 2026: verdicts are remembered by the digest of what was judged, in memory and for an hour at most: rules do not change within one
//     Scanner, but an engine outside this process may learn. UIDLs are the server's to choose, and may come back for other mail.
//   - 2026: where the rest of a mail is kept (trim.go), what is kept is copied octet by octet by a reader that is strict where the walk is
//     tolerant, and then judged anew: that the rest is harmless is never concluded from where something was found.
//   - 2026: an engine that is shown a mail while it arrives (early.go) reads from where the mail is kept, at its own pace, and never from
//     the connection: nobody waits for it, and it sees what is judged. What it says counts when it has seen all; whatever goes wrong
//     before, it is asked as ever. Its answer is waited for last, behind the parts. A mail below 512 KiB is there at once, and one of
//     less than 64 KiB a second is not worth keeping a daemon waiting for. From the last octet of a 10 MB attachment to its verdict with
//     clamd took 339 ms before and 178 ms since, with YARA beside it 490 and 271 (BenchmarkLastOctet, on a busy machine); 10 MB of plain
//     text gain little, since all of it is its own part.
//   - 2026: subjects, senders and file names are decoded by golang.org/x/text, in what a browser takes a charset's name for and else in
//     what IANA does: a name in ISO-2022-JP or UTF-16 may end in .exe and not look so in its octets. It makes the program 1 MB larger.
//   - 2026: shadow mode decides like any other and then delivers: what it reports is what would have been done, but for the refusals an
//     engine's failure adds up to, since nothing is refused.
package scanner
