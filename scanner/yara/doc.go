// Package yara is libyara as a scan engine. It is the only package of the program that uses cgo; built with the tag noyara
// it holds no C, New answers ErrNotCompiledIn, and the program can be linked statically.
//
// # What it holds
//
//   - Engine: a compiled rule set, and what runs it: workers (remote.go; servant.go is their side), or this process (local.go).
//   - Matcher: says where in a part the strings of rules match.
//   - Compiling (compile.go, and aside.go in a worker): rule files and folders, each file in a namespace of its own, and the built-in
//     rules, always loaded, which know the EICAR test file and the ClamAV test program.
//   - Trial (trial.go): which rules are slow, and whether all of them together come to an end.
//   - variables.go: what rules made for LOKI and THOR want to know of a content beside its octets.
//
// It does not reload: a new rule set is a new Engine, compiled aside and put in the old one's place.
//
// # Ownership and end
//
// An Engine owns its C memory and its workers. Close waits for running scans, then gives them back. A worker gets a part of up to 64 KiB
// within the question, one in memory as a sealed copy, and one in a file by a descriptor that can only be read and where in it the part stands. In
// this process Scan lends the part's memory, or a mapping of its file, to libyara and returns only when libyara has let go of it; hence a scan there cannot
// be abandoned, only timed out, and libyara counts whole seconds: it may outlast its deadline by up to a second, and a
// cancellation by what is left until the deadline. A worker is killed two seconds after either.
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
//   - 2026: a worker has the rules compiled by another one, which has ended, in a file in memory that is sealed: no mail can change the rules
//     for the next. Each has a copy of its own. It names rules by their place in the set, so that it cannot name one that is not there.
//   - 2026: workers by default. A part of 4 kB costs 15 to 45 µs of processor time more than within the gateway (the least with few rules, the most with a thousand on a busy machine), and libyara has
//     had its overflows. A mail of 4 kB, which is two parts in one question, costs some 40 µs more. 0 workers is for the smallest machines, and for tests.
//   - 2026: rules are timed in groups, on samples of a few kinds, by the thread's processor time: libyara has no figures for a rule as Debian
//     builds it. What is slow on mail but not on those is not found out; it meets the time of a mail.
//   - 2026: rules that take two seconds for 16 KiB are refused like those that do not compile; slow ones are only told of.
package yara
