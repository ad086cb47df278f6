// Package archive takes archives, compressed files and documents apart: whatever holds other contents that a person would get at by
// a double click.
//
// # What it holds
//
// Opener is a scanner.Opener. It goes by the octets, never by names or declared types (look.go): a content may be several things at
// once, and is opened as each of them. Then there is one file for each family:
//
//   - streams.go: gzip, bzip2, xz, lzma, lzip and zstd files.
//   - zip.go, methods.go: zip archives, and so OOXML and OpenDocument files, by all readings of their two sets of headers.
//   - tar.go, plain.go, arj.go: tar, ar, cpio, SZDD and ARJ.
//   - history.go, deflate64.go, implode.go: what the methods that are decoded here have in common, and the two of zip archives.
//   - sevenzip.go, coders.go, bcj2.go: 7z archives. rar.go: RAR archives.
//   - cab.go, chm.go, lzx.go, solid.go: cabinets and compiled help.
//   - cfb.go, objects.go: compound files, which .doc, .xls, .ppt, .msi and .msg are, and the files embedded in them.
//   - vba.go: the sources of macros in them. iso.go: images of disks in ISO 9660.
//   - pdf.go, pdffilters.go, rtf.go: the streams of PDF documents, and the objects in RTF.
//
// # Bounds
//
// How much comes out of a mail, how many parts, how deep and how long: that is the scanner's to bound, and an Opener ends with
// scanner.ErrStopped at the first breach. What a container states of its length is told ahead (Contents.Expect), so that a bomb which
// admits to be one is not unpacked at all. Here, a decompressor's dictionary is bounded (maxWindow), as are those that feed each
// other in 7z together (maxFolder), and it is let go of before its content is opened in its turn; records of a directory are bounded by number; and what is read of a content by maxWork times its
// length, since containers that lead to the same octets again and again may expand to nothing that could be counted.
//
// # Decisions
//
//   - 2026: what is a text in another charset than it came in is not looked at: no client makes a file of that.
//   - 2026: checksums and dates are not looked at: clients differ in whether they mind. What cannot be unpacked to its end, by a
//     container that says it is one, is malformed, and what came before that point is judged.
//   - 2026: a compression that is not known here is malformed too: something stays unread, and reading it again later would not help.
//     A library that panics is an error: nobody knows what it left.
//   - 2026: encrypted members are noted by name, and their headers not trusted: they are tried as if they were not encrypted.
//   - 2026: zip archives are read by a parser of our own. Readers differ in which of the two descriptions of a member they believe, in
//     which directory, and in what they take for the beginning of the archive; archive/zip has one opinion.
//   - 2026: xz files are read by mikelolasagasti/xz, a translation of XZ Embedded, since ulikunitz/xz knows no bound on dictionaries of
//     xz and no filters; ulikunitz/xz/lzma reads LZMA, with a bound; klauspost/compress reads zstd.
//   - 2026: 7z archives are read by a parser of our own: bodgit/sevenzip makes room for as many items as a header of some octets
//     states, four thousand million if it likes, takes any dictionary, and brings a dozen modules with it. The branch filters are
//     those of the xz library, which gets the stream as an xz file. PPMd is stangelandcl/ppmd's.
//   - 2026: RAR archives are read by nwaples/rardecode, which has a bound on dictionaries. A PPMd model within, of up to 256 MiB, is not
//     bound by it.
//   - 2026: compound files are read by a parser of our own, which opens what the directory holds whether its tree leads there or not;
//     so are the streams of PDF documents, whose tables readers rebuild when they are broken. A stream that is damaged is no defect:
//     viewers show what they get of it.
//   - 2026: macros are found by what their source begins with, packed, and not by the project's own list of its modules, which is packed
//     too and may name others: Office compiles the source anew wherever the version differs. Only compound files that hold a project are searched.
//   - 2026: images of disks are opened by the two directories that Windows reads, ISO 9660 and Joliet. One that has UDF alone, or FAT, NTFS or
//     compressed files, is judged as it stands: what lies in it in one piece is seen by rules that look anywhere.
//   - 2026: the first 2,000 streams of a PDF document are contents each, what follows is one content: a long book has more
//     streams than a mail may have parts.
//   - 2026: programs that unpack themselves in memory, and installers and script compilers with formats of their own (NSIS, InstallShield,
//     AutoIt, Symbian's SIS), are not opened: each is a format of many versions that only its own program reads, which whoever runs it runs
//     anyway. Their outsides are judged. A clamd beside YARA opens all of those that Debian's clamav-testfiles has, 44 of 44; with YARA
//     alone 28 are found, and one of the others is unscannable.
package archive
