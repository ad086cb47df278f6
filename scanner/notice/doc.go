// Package notice writes the mail that a client gets in place of one that is kept in quarantine.
//
// # What it holds
//
//   - Composer: one notice, complete: header and body, CRLF line ends, lines of at most 998 octets.
//   - languages: the built-in texts, a template of package text/template for each language, and what the scanner says of mails
//     that are not clean, sentence by sentence.
//   - Fields: what those, and a template of one's own, can say of a mail.
//
// It reads no mail: all it knows of the original is a scanner.Summary, whose texts are bounded, printable and decoded, and
// which it encodes anew. Nothing of the original is copied as it stands, so neither its line ends, its encodings nor its
// own X-Mirrorgw-Verdict field can reach the notice. It does not stuff dots: that is the relay's.
//
// # Decisions
//
//   - 2026: From, To and Date are those of the original, so that a client's rules and its sorting by sender and time treat the
//     notice as they would the mail. The subject begins with [mirrorgw], and Auto-Submitted (RFC 3834) keeps robots from
//     answering the sender, who may be forged.
//   - 2026: Message-ID is derived from the original's and the quarantine id, and differs from both: a client that
//     suppresses duplicates must not hide the original once it is released.
//   - 2026: one text/plain part in quoted-printable: every client and every server shows it, and no line is long.
//   - 2026: a template makes the text alone. What stands in the header is not for the admin to get wrong, and the subject's prefix is
//     promised to users.
//   - 2026: a template of one's own is executed for a mail of every kind, full and empty, before it is used; should it fail for a real
//     one all the same, the built-in text takes its place, counted and logged: a notice is no reason to withhold a mailbox.
//   - 2026: where only a part of a mail is replaced (part.go), the mail keeps its own header but for what is said of it here, and the
//     fields stand behind those that stay, since the first of these may have left already.
//   - 2026: the built-in texts are whole files, not one layout with words for it: who translates one sees what the reader will.
//   - 2026: the scanner gives its reasons in English, for logs, scan and quarantine. Here its sentences are recognised, figures and names put
//     aside, as gettext goes by the English text: no verdict needs to carry more than a text, and what is not recognised is
//     still told. Not translated is what is wrong inside an archive: it helps who reads formats, and is tagged by default.
package notice
