// Package engines builds what judges mail from the configuration, so that the running gateway and the commands that judge without one
// judge alike.
//
// # What it holds
//
//   - yara.go: how the rules of a configuration run, and what their workers can reach.
//   - others.go: the engines beside YARA.
//   - scanner.go: the scanner that asks them.
//   - versions.go: what this program was built with.
//
// It compiles no rules and starts nothing: whoever asks for an engine opens it and closes it. What a reload keeps of the engines before is
// the gateway's affair.
//
// # Decisions
//
//   - 2026: a process confined by Landlock cannot confine itself any further as a whole, since the list of its threads is a file. So it
//     confines the thread that starts a worker, and the worker, which is then confined from its first instruction, filters its calls alone.
package engines
