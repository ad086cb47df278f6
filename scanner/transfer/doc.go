// Package transfer undoes the encodings in which octets travel inside a mail: quoted-printable and base64 (RFC 2045), uuencode
// (POSIX), yEnc, and BinHex 4.0 (RFC 1741).
//
// # What it holds
//
// One decoder per encoding, each an io.WriteCloser that takes the encoded text and writes the octets on, and NewReader, which turns
// any of them into an io.Reader. Nothing here fails on a text, however odd: what does not belong to an encoding is skipped or
// taken as it stands, as mail clients do. Where clients differ the decoder has a field for each reading, and its caller tries
// several: the room does not know which one a client takes.
//
// # Bounds
//
// No decoder writes more octets than it was given, but for BinHex's runs, each of which makes 255 octets of 3, and none keeps more
// than a line of the encoding. Memory and time are linear in the text. The fuzz targets hold the decoders to it.
//
// # Decisions
//
//   - 2026: own decoders. The standard library's stop at the first odd octet (encoding/base64, mime/quotedprintable) where mail
//     clients go on, and it has none for the other three.
package transfer
