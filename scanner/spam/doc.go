// Package spam asks a spam filter what it thinks of a mail that is delivered, and says how the mail is to be marked.
//
// # What it holds
//
//   - Marker: rates a mail and makes a header field and, above a threshold, a tag for the subject of it (marker.go).
//   - The two protocols: rspamd's over HTTP (rspamd.go), and that of SpamAssassin's spamd (spamd.go).
//
// Spam is no malware: it is never held, replaced or refused, and a filter that fails leaves mail as it was. A mail's own field may
// count as well, where the provider's filter has marked it.
//
// # Ownership and end
//
// A Marker owns its connections, each for as long as a question lasts. It borrows the mail until Mark returns, within Time.
//
// # Decisions
//
//   - 2026: both protocols are spoken here. They take a page each, and there is no library for either that is kept up.
//   - 2026: mails above MaxSize are not asked about: spam is small, and both filters have such a limit of their own.
//   - 2026: nothing of what the filter says but two numbers goes into the mail.
package spam
