// Package recode reads texts as a mail client or browser would that shows them: in UTF-16, UTF-32 and UTF-7 (RFC 2152), and with the
// contents that HTML carries in data: URLs (RFC 2397).
//
// # What it holds
//
// Opener is a scanner.Opener. It looks at the octets of every decoded part, whatever charset or type is claimed:
//
//   - text.go tells UTF-16 and UTF-32 by their mark or by where their NULs stand, and hands out the same text in UTF-8.
//   - utf7.go does so for UTF-7, which is recognised by a Latin letter or sign anywhere in its shifted form.
//   - dataurl.go hands out what data: URLs hold, in base64 or percent-encoded.
//
// The whole mail is not looked at: what it holds comes as parts.
//
// # Bounds
//
// A content is read in windows, once for the search and once for each of its charsets; data: URLs are read where they stand, each once.
// What is handed out is at most one and a half times as long as the content.
//
// # Decisions
//
//   - 2026: rules are written for ASCII and UTF-8, and clients turn texts into what they display before they act on them, so engines
//     get both. Charsets that agree with ASCII where it counts (ISO 8859, Windows, EUC, Shift JIS) need nothing.
//   - 2026: one Latin letter in a shift is enough, whatever else is in the content: there are decoders of UTF-7 that pass octets over or on
//     which it cannot hold. Of random octets, as in a large compressed file, one place in four million has one by chance, and such a
//     content costs as much again.
//   - 2026: HTML is not parsed: references such as &colon; within a URL are not undone.
package recode
