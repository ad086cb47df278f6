// Package names is a scan engine that goes by what a part is called and by what kind of file it is: it finds what a site does not
// want in mail at all, such as programs, known to anybody or not.
//
// # What it holds
//
//   - Engine: the rules of one configuration (engine.go).
//   - Readings of a name: what it is called when the tricks played with it are undone (readings.go).
//   - Kinds: which extensions run, and which of them look harmless (kinds.go); types by content are those of the library mimetype.
//
// It opens nothing: the members of archives come to it as parts of their own, with their names.
//
// # Ownership and end
//
// An Engine does not change once made and holds nothing that must be given back.
//
// # Decisions
//
//   - 2026: a rule holds when any reading of any name that some client may take for the part's matches. Who sends a part with two
//     names means to show one of them to the scanner.
//   - 2026: types by content come from github.com/gabriel-vasile/mimetype: maintained since 2018, no dependency, a table of 170
//     types with tests of its own. The standard library's http.DetectContentType knows no programs. It reads the first 3072 octets.
//   - 2026: a type is found when it is the one named, by whichever of its names, or a kind of it, as a program for Linux is of ELF. Not
//     so for wrappings: who blocks zip archives does not mean word processors' files.
package names
