// Package literal hands out the contents that texts carry as literals: files in the strings of scripts (known as HTML smuggling), in the
// elements of XML documents and the properties of calendars and address cards, and commands that are handed to a program encoded.
//
// # What it holds
//
// Opener is a scanner.Opener. It looks at the octets of every decoded part, whatever it is called, for stretches of text that are too dense
// to be anything but encoded:
//
//   - search.go finds them: stretches of one class of octets.
//   - digits.go reads base64 in both alphabets and plain hexadecimal, across line ends and the joints of strings, as in "TVqQ" + "AAMA".
//   - codes.go reads strings with characters that are told by number: \x4d, \u004d, %4D, %u004D, &#77;, =4D.
//   - numbers.go reads lists of numbers, as in 77, 0x5a, and of pairs of hexadecimal digits.
//   - calendar.go undoes the line folds of iCalendar (RFC 5545 section 3.1) and vCard (RFC 6350 section 3.2), the short ones too.
//
// The whole mail is not looked at, nor is a message in it: what they hold comes as parts.
//
// # Bounds
//
// A content is read in windows, once for the search and once for each literal in it. A literal is read from a second place where a short
// piece stands ahead of it that may belong to it or not. Behind a list of strings the search goes on at its second string, since each
// may be a literal of its own, until as much as the content is long has been read again. Literals of less than maxSmall octets are
// handed out together where there are many, so that a newsletter with a hundred long links is two parts and not a hundred; so are those
// behind the first maxAlone.
//
// # Decisions
//
//   - 2026: nothing is parsed and no name is asked for. Each of the readers that such a text is made for (browsers, Windows' script hosts,
//     PowerShell, Office, calendars) has a syntax of its own, and all write a file as one of a few kinds of literals.
//   - 2026: what decodes to minLiteral octets at least, more than the longest digest in use has: texts are full of digests and keys.
//   - 2026: what a script computes is its own: keys, reversed strings, pieces out of order, pieces that are too short to tell from
//     words. Only running it would tell; the script itself is judged as it stands, and what is found in the open part of it counts.
//   - 2026: the search probes one octet in each stretch and looks back from there (Boyer and Moore), so that of prose and of random octets alike few
//     are looked at at all: 10 MB of text take 1 ms of processor time of some 70 that their judgement takes with the built-in rules, and an
//     attachment 2 ms of 100.
package literal
