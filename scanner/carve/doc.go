// Package carve takes a mail apart without believing its structure. Mail clients disagree about where a part begins, where its
// header ends and how it is encoded, and a mail can be made so that each sees another one (draft-chen-email-mime-ambiguity-defense).
// So this room asks only where a part could begin, and decodes from there in every way a client might.
//
// # What it holds
//
// Carver is a scanner.Opener. It passes twice over a content:
//
//   - search.go reads it line by line, at LF, CR and CRLF alike, and notes the starts: places where some client may see the first
//     octet of a body. A line that begins with two hyphens may be a boundary of something and ends what runs up to it; where no header
//     has declared it (boundaries.go), the next one that has been declared is another end.
//   - readings.go decodes from each start to its ends, in those of the readings (raw, base64 in six ways, quoted-printable in four,
//     uuencode, yEnc, BinHex) that what stands there (marks.go, traits.go) allows, and hands each result to the scanner, which judges
//     what it has not seen. What the scanner's walk has decoded the same way is passed over.
//
// # Bounds
//
// Both passes hold one line's beginning and one start's decoder at a time. All decoding of one content together stays within
// maxWork times its length. Starts are tried in the order of their strength: a strong one stands where a header ends or a boundary
// is, a weak one behind any other blank line, and only where what follows looks encoded. A content whose strong starts need more is
// over the budget, and so never clean; weak ones are given up silently, since ordinary text is full of them.
//
// # Decisions
//
//   - 2026: what no client would decode costs nothing: base64 is tried where the text ahead says so or looks like it, quoted-printable
//     where the text ahead may say so, the raw text where it is not base64, whose octets the engines have seen in the whole mail.
//   - 2026: in the midst of a text, lines of nothing but base64 digits that follow one another are only counted, and so are lines of mere
//     prose, which could begin nothing: nearly all lines of a large mail are of the two kinds. While no start waits for its end, as in most of a
//     file, not even that: whatever its lines hold, nearly all are passed over by how they begin and end (random octets: 1.3 to 0.6 ns each).
//     That the search finds the same either way is a law of fuzz targets.
//   - 2026: a mail is carved after it was walked. Of an ordinary mail nothing is then left to decode, and what is left to do is one
//     pass over its lines.
package carve
