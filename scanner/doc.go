// Package scanner holds one message, takes it apart, asks the engines, and answers with one verdict; a policy then makes
// an action of the verdict.
//
// # What it holds
//
//   - Buffer: one mail as it arrived, in memory up to a limit and in an unlinked file beyond it.
//   - Engine, Part: what an engine is asked about; scanner/yara is one.
//   - Scanner: walks the MIME structure of a mail and has the whole mail and every decoded part judged.
//   - Verdict, Cause, Finding: the facts. Policy, Action: what follows from them.
//   - Judge: scan, policy, quarantine, notice and log line for one retrieved message, in that order.
//
// It knows no mail access protocol: a relay strips its transport's framing (POP3 dot-stuffing, IMAP literals) before it
// hands a mail over, and it knows no netstack.
//
// # Ownership
//
// A Buffer belongs to the relay that filled it. Scanner and engines borrow it until their call returns and never write
// to it. A Part and its region are valid until Engine.Scan returns.
package scanner
