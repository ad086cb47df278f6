// Package recode reads texts as a mail client or browser would that shows them: in UTF-16, UTF-32 and UTF-7 (RFC 2152), and with the
// contents that HTML carries in data: URLs (RFC 2397).
//
// # What it holds
//
// Opener is a scanner.Opener. It looks at the octets of every decoded part, whatever charset or type is claimed:
//
//   - text.go tells UTF-16 and UTF-32 by their mark or by where their NULs stand, and hands out the same text in UTF-8.
//   - windows.go recognises UTF-7 by a Latin letter or sign anywhere in its shifted form, and says how far around it the text is to be read;
//     utf7.go decodes that.
//   - dataurl.go hands out what data: URLs hold, in base64 or percent-encoded.
//
// The whole mail is not looked at: what it holds comes as parts.
//
// # Bounds
//
// A content is read in windows, once for the search and once for each of its charsets; data: URLs are read where they stand, each once.
// What is handed out is at most one and a half times as long as the content. Of a content with a few such letters in it, it is some 128 to
// 256 KiB for each.
//
// # Decisions
//
//   - 2026: rules are written for ASCII and UTF-8, and clients turn texts into what they display before they act on them, so engines
//     get both. Charsets that agree with ASCII where it counts (ISO 8859, Windows, EUC, Shift JIS) need nothing.
//   - 2026: one Latin letter in a shift is enough, whatever else is in the content: there are decoders of UTF-7 that pass octets over or on
//     which it cannot hold.
//   - 2026: what is read in UTF-7 is the text around such letters, 64 Ki characters and more on each side, and all of it where that is most
//     of it. Of random octets, as in a large compressed file, one place in four million looks like such a letter, and decoding all of it for
//     that cost as much as the rest of its judgement: 10 MB with an attachment took 156 ms of CPU time and now 112. The margin is counted in
//     characters, not octets: shifts may hold none, and so put any distance between two of the text. What is missed is what
//     would be missed without those letters, which is a text whose shifts hold no Latin letter, but plus signs, or nothing; and, of rules
//     that relate the size of a content, or two places in it, what holds for all of the text only.
//   - 2026: a text in another charset is no archive or document (scanner.Contents.Text). Nobody opens as a file what a client shows; and with one
//     octet changed by such a letter a good archive is a broken one: of zip archives beyond 8 MB nearly each was malformed.
//   - 2026: HTML is not parsed: references such as &colon; within a URL are not undone.
package recode
