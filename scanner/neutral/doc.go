// Package neutral makes HTML in mails that are delivered harmless: nothing in it is fetched from elsewhere, and nothing in it runs.
//
// # What it holds
//
//   - Rewriter: finds the bodies of type text/html in a mail, and encodes what has become of them as they were encoded (rewriter.go).
//   - neutralise: passes over HTML token by token (html.go), over the attributes of a tag (attributes.go) and over style sheets (css.go).
//
// What goes: scripts and handlers of events; frames, objects, embedded documents, SVG and MathML; images, backgrounds, style sheets, fonts
// and whatever else is fetched without a click; redirections and base addresses. What stays: the text, links, and pictures that are in the
// mail itself (cid:, data:). A link that would run a script loses its address.
//
// Whatever need not go stays octet for octet, in the HTML as in the mail, and a part in which nothing has to go is not touched.
//
// # What is left alone
//
// Counted, and delivered as it came: parts that are signed, since a changed part has no valid signature (inside a multipart/signed, or with
// OpenPGP in the text); parts in a transfer encoding that is none of RFC 2045, or in a charset that is no extension of ASCII; parts above
// MaxPart, what is beyond MaxHTML or maxParts, and mails above MaxMail; mails that readers may take apart in several ways. A DKIM signature, which gateways check and clients
// seldom do, does not hold for a changed mail, but its fields stay.
//
// # Ownership and end
//
// A Rewriter borrows the mail until Rewrite returns; the texts of the edits belong to the caller. It starts nothing. As many parts are at
// work at once as there are processors, each with some three times its size in memory.
//
// # Decisions
//
//   - 2026: the tokenizer of golang.org/x/net/html, which is kept up and reads as browsers do, and no sanitizer: those there are
//     (bluemonday) write the whole document anew from a list of what is allowed, without style sheets, comments and declarations, and mails
//     made for Outlook come out unreadable. What this room promises is less than to be fit for a web page: that nothing is fetched and
//     nothing runs.
//   - 2026: elements whose content some readers take for text and others for markup (noscript, iframe, noembed, noframes, xmp, plaintext)
//     lose their tags, so that there is one reading. SVG and MathML too, whose content has other rules.
//   - 2026: comments that Outlook takes for markup (<!--[if …]>) are passed over like the document itself.
//   - 2026: style sheets are not parsed. Addresses in url(), and @import, are taken out where they can be seen, and a style sheet in which
//     something of the kind is left then, hidden behind escapes for example, goes as a whole.
//   - 2026: relative addresses go as well: what they are relative to is the sender's to choose.
package neutral
