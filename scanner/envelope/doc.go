// Package envelope opens what mail programs wrap around the contents of a mail: CMS (RFC 5652), which S/MIME signs, compresses and
// encrypts in, and TNEF ([MS-OXTNEF]), known as winmail.dat. It tells what is encrypted, be it in CMS or in OpenPGP (RFC 9580).
//
// # What it holds
//
// Opener is a scanner.Opener. It goes by the first octets of a content, whatever a header says of it:
//
//   - cms.go hands out what is signed (SignedData, also DigestedData and AuthenticatedData) and what is compressed (RFC 3274).
//   - tnef.go hands out attachments, embedded messages and bodies.
//   - openpgp.go recognises messages that are encrypted to a key or a passphrase and are not in ASCII armour, for which see scanner/carve.
//
// # Bounds
//
// Each content is read once, from front to back, with one buffer. What is handed out are pieces of it, so that together they are not
// longer, but for what was compressed: that is bounded by who takes it. Lengths in a content are believed as far as it reaches.
//
// # Decisions
//
//   - 2026: own readers. A CMS library (smallstep/pkcs7 was looked at) wants the whole in memory and refuses it for one certificate that
//     it cannot read, where mail programs show the content and a warning; none reads compressed data. No TNEF library that is kept well
//     is to be had. Neither reader verifies anything: signatures are for the recipient to judge.
//   - 2026: rich text in TNEF (PidTagRtfCompressed) is handed out as it is, compressed. It is the body, whose plain and HTML forms stand
//     beside it; files inserted into it are attachments of their own.
package envelope
