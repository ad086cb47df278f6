// Command corpus measures what a scanner misses of what a mail client would open.
//
// Mail clients disagree about where a part of an odd mail begins, where its header ends and how it is encoded, so that one opens what
// a scanner that reads like another never sees. This program makes some hundreds of such mails, each with a harmless payload in it;
// asks real parsers which of them give the payload away (the oracle); and counts how many of those each scanner lets pass.
//
// # What it holds
//
//   - mail.go, payload.go, encodings.go: a mail of the corpus and what it is made of. classes*.go: the mails, by class. A class is a kind
//     of ambiguity; the numbers are those of the product's requirements (D1 to D14).
//   - oracle.go: the parsers. Each is a program, or a driver of a few lines around a library (drivers, _goparsers, npm), that is shown
//     all mails at once. A parser that is not installed is left out, and said to be.
//   - clamd.go, gateway.go: the scanners. Both know the payloads by one signature each, and nothing else.
//   - table.go: what is printed.
//
// # Decisions
//
//   - 2026: a payload counts as extracted when some part is the payload octet for octet, line ends behind it aside. The scanners' rules
//     match it at the beginning of a part only, so that finding it takes decoding exactly what the client does.
//   - 2026: the corpus is made anew each time, in the same order with the same octets; nothing of it lies in the repository, and so
//     nothing there is taken for malware.
//   - 2026: the Go and npm parsers are modules of their own with locked versions. Nothing they need becomes the product's.
package main
