// Package yara is libyara as a scan engine. It is the only package of the program that uses cgo; built with the tag noyara
// it holds no C, New answers ErrNotCompiledIn, and the program can be linked statically.
//
// # What it holds
//
//   - Engine: a compiled rule set, and the libyara scanners that run it, one per scan in progress.
//   - Matcher: says where in a part the strings of rules match.
//   - Compiling: rule files and folders, each file in a namespace of its own, and the built-in rules, always loaded, which know
//     the EICAR test file and the ClamAV test program.
//
// It does not reload: a new rule set is a new Engine, compiled aside and put in the old one's place.
//
// # Ownership and end
//
// An Engine owns its C memory. Close waits for running scans, then gives it back. Scan lends the part's memory, or a mapping
// of its file, to libyara and returns only when libyara has let go of it; hence a scan cannot be abandoned, only timed out,
// and libyara counts whole seconds: a scan may outlast its deadline by up to a second, and a cancellation by what is left
// until the deadline.
//
// # Decisions
//
//   - 2026: only the API that go-yara 4.2.4 (libyara 4.2) and 4.3.4 (libyara 4.3 and later) share. A time-out is recognised by our
//     own clock and by the words "scan timeout", since the error types differ. Reverse when Debian 12 no longer matters.
//   - 2026: the callback takes rule names only. The binding's MatchRules copies every matched string, up to a million per
//     string and scan, all chosen by the mail. A Matcher, which is for a person at a terminal, has them told, a few of each string.
//   - 2026: libyara's SIGSEGV and SIGBUS handlers stay off (flag 4, SCAN_FLAGS_NO_TRYCATCH): they are installed process-wide, around
//     each scan, over those of the Go runtime.
//   - 2026: include statements are errors. A rule file would otherwise read any file the gateway can; a folder of rules is
//     loaded whole anyway. Reverse by a callback that stays within the configured folder.
package yara
