package main

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// encoded makes variants whose payload is written by the function of each row, in a part of the encoding named.
func encoded(class, prefix, encoding string, rows []encoder) []variant {
	var all []variant
	for _, row := range rows {
		all = append(all, variant{class, prefix + row.name, func(p payload) string {
			return mixed(note, attachedAs(p, "Content-Transfer-Encoding: "+encoding+"\n", row.encode(p.content)))
		}})
	}
	return all
}

// encoder is one way of writing a payload.
type encoder struct {
	name   string
	encode func(content string) string
}

// base64s is D5: base64 as RFC 2045 section 6.8 does not have it.
func base64s() []variant {
	// between puts something between groups of n digits.
	between := func(n int, what string) func(string) string {
		return func(content string) string { return strings.ReplaceAll(fold(b64(content), n), "\n", what) }
	}
	around := func(before, after string) func(string) string {
		return func(content string) string { return before + fold(b64(content), 76) + after }
	}
	return encoded("D5", "", "base64", []encoder{
		{"plain", around("", "")},
		{"one-a-line", between(1, "\n")},
		{"two-a-line", between(2, "\n")},
		{"three-a-line", between(3, "\n")},
		{"four-a-line", between(4, "\n")},
		{"five-a-line", between(5, "\n")},
		{"seventy-seven-a-line", between(77, "\n")},
		{"one-line", b64},
		{"empty-lines", between(60, "\n\n")},
		{"blanks", between(4, " ")},
		{"blanks-in-quanta", between(3, " ")},
		{"tabs", between(5, "\t")},
		{"indented", around("    ", "")},
		{"lines-indented", between(60, "\n  ")},
		{"trailing-blanks", between(60, "  \n")},
		{"quoted-lines", func(c string) string { return "> " + strings.ReplaceAll(fold(b64(c), 60), "\n", "\n> ") }},
		{"exclamation-marks", between(7, "!")},
		{"asterisks", between(1, "*")},
		{"dashes", between(9, "-")},
		{"underscores", between(9, "_")},
		{"dots", between(9, ".")},
		{"commas", between(60, ",\n")},
		{"eight-bit", between(11, "\xe4\xf6")},
		{"nuls", between(11, "\x00")},
		{"carriage-returns", between(60, "\r")},
		{"form-feeds", between(60, "\f")},
		{"comments", between(60, "\n# {}\n")},
		{"equals-in-quanta", between(7, "=")},
		{"equals-between-quanta", between(8, "=")},
		{"two-equals-between-quanta", between(8, "==")},
		{"equals-at-line-ends", between(60, "=\n")},
		{"equals-first", around("=", "")},
		{"four-equals-first", around("====", "")},
		{"equals-first-line", around("====\n", "")},
		{"equals-once-early", func(c string) string { t := b64(c); return fold(t[:10]+"="+t[10:], 76) }},
		{"equals-many-behind", around("", "=======")},
		{"equals-line-behind", around("", "\n====\n")},
		{"no-padding", func(c string) string { return fold(strings.TrimRight(b64(c), "="), 76) }},
		{"half-padding", func(c string) string { return fold(strings.Replace(b64(c), "==", "=", 1), 76) }},
		{"padding-on-own-line", func(c string) string {
			return fold(strings.TrimRight(b64(c), "="), 76) + "\n" + strings.Repeat("=", strings.Count(b64(c), "="))
		}},
		{"padding-apart", func(c string) string { return strings.ReplaceAll(fold(b64(c), 76), "=", "\n=") }},
		{"padded-blocks", func(c string) string { return blocks(c, 10) }},
		{"padded-blocks-joined", func(c string) string { return strings.ReplaceAll(blocks(c, 10), "\n", "") }},
		{"padded-blocks-of-one", func(c string) string { return blocks(c, 1) }},
		{"padded-blocks-of-two", func(c string) string { return blocks(c, 2) }},
		{"padded-blocks-of-lines", func(c string) string { return blocks(c, 55) }},
		{"padded-first-octet", func(c string) string { return b64(c[:1]) + "\n" + fold(b64(c[1:]), 76) }},
		{"unpadded-blocks", func(c string) string { return strings.ReplaceAll(blocks(c, 10), "=", "") }},
		{"url-safe", func(c string) string { return fold(base64.URLEncoding.EncodeToString([]byte(c)), 76) }},
		{"url-safe-no-padding", func(c string) string { return fold(base64.RawURLEncoding.EncodeToString([]byte(c)), 76) }},
		{"imap-digits", func(c string) string { return strings.ReplaceAll(fold(b64(c), 76), "/", ",") }},
		{"loose-bits", func(c string) string {
			t := b64(c[:len(c)-len(c)%3])
			if rest := c[len(c)-len(c)%3:]; rest != "" {
				tail := []byte(strings.TrimRight(b64(rest), "="))
				tail[len(tail)-1]++
				t += string(tail) + strings.Repeat("=", 4-len(tail))
			}
			return fold(t, 76)
		}},
		{"prose-ahead", around("This is the file, in base64:\n", "")},
		{"prose-and-line-ahead", around("This is the file, in base64:\n\n", "")},
		{"quanta-of-prose-ahead", around("abcd\n\n", "")},
		{"punctuation-ahead", around("!!! ---\n", "")},
		{"empty-lines-ahead", around("\n\n\n", "")},
		{"blank-lines-ahead", around("  \n\t\n", "")},
		{"dashes-ahead", around("--\n", "")},
		{"prose-behind", around("", "\nThat was the file.")},
		{"prose-and-line-behind", around("", "\n\nThat was the file.")},
		{"digit-behind", around("", "A")},
		{"digits-behind", around("", "AAAA")},
		{"footer-behind", around("", "\n\n_______________\nA list footer\nhttp://example.org/")},
		{"pem", around("-----BEGIN FILE-----\n", "\n-----END FILE-----")},
		{"armour", around("-----BEGIN FILE-----\nVersion: 1\n\n", "\n=AbCd\n-----END FILE-----")},
		{"quotes", around("\"", "\"")},
		{"escaped", func(c string) string { return strings.ReplaceAll(fold(b64(c), 70), "=", "=3D") }},
		{"html", around("<pre>", "</pre>")},
		{"dot-behind", around("", "\n.\n")},
		{"not-encoded", func(string) string { return rawMark }},
	})
}

// quotedPrintables is D6: quoted-printable as RFC 2045 section 6.7 does not have it.
func quotedPrintables() []variant {
	every := func(n int, format, soft string) func(string) string {
		return func(content string) string { return strings.ReplaceAll(escaped(content, n, format), "=\n", soft) }
	}
	// some escapes only what must be.
	some := func(content string, must func(c byte) bool) string {
		var b strings.Builder
		for i := range len(content) {
			if c := content[i]; c < ' ' || c > '~' || c == '=' || must(c) {
				fmt.Fprintf(&b, "=%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		return b.String()
	}
	never := func(byte) bool { return false }
	return encoded("D6", "", "quoted-printable", []encoder{
		{"all", every(24, "=%02X", "=\n")},
		{"all-lower", every(24, "=%02x", "=\n")},
		{"one-a-line", every(1, "=%02X", "=\n")},
		{"one-line", every(10_000, "=%02X", "=\n")},
		{"soft-blanks", every(20, "=%02X", "= \n")},
		{"soft-tab", every(20, "=%02X", "=\t\n")},
		{"soft-many-blanks", every(20, "=%02X", "="+strings.Repeat(" ", 100)+"\n")},
		{"soft-twice", every(20, "=%02X", "=\n=\n")},
		{"soft-and-empty-line", every(20, "=%02X", "=\n\n")},
		{"soft-junk", every(20, "=%02X", "=junk\n")},
		{"soft-equals", every(20, "=%02X", "==\n")},
		{"soft-carriage-return", every(20, "=%02X", "=\r")},
		{"soft-nul", every(20, "=%02X", "=\x00\n")},
		{"soft-comment", every(20, "=%02X", "=  (c)\n")},
		{"hard-lines", every(20, "=%02X", "\n")},
		{"blanks-behind-escapes", every(20, "=%02X", " \n")},
		{"blank-in-escape", every(24, "= %02X", "=\n")},
		{"decimal", every(24, "=%03d", "=\n")},
		{"prefix-zero-x", every(24, "=0x%02X", "=\n")},
		{"percent", every(24, "%%%02X", "=\n")},
		{"escape-broken-by-soft-end", func(c string) string { return strings.ReplaceAll(every(1, "=%02X", "")(c), "=5", "=5=\n") }},
		{"escape-of-equals", func(c string) string { return strings.ReplaceAll(every(24, "=%02X", "=\n")(c), "=5", "=3D5") }},
		{"some", func(c string) string { return some(c, never) }},
		{"some-soft", func(c string) string { return fold(some(c, never), 70) }},
		{"letters", func(c string) string { return some(c, func(c byte) bool { return c >= 'A' && c <= 'Z' }) }},
		{"digits", func(c string) string { return some(c, func(c byte) bool { return c >= '0' && c <= '9' }) }},
		{"first-octet", func(c string) string { return fmt.Sprintf("=%02X", c[0]) + some(c[1:], never) }},
		{"last-octet", func(c string) string { return some(c[:len(c)-1], never) + fmt.Sprintf("=%02X", c[len(c)-1]) }},
		{"lower-letters", func(c string) string {
			return strings.ToLower(some(c[:1], func(byte) bool { return true })) + some(c[1:], never)
		}},
		{"equals-behind", func(c string) string { return some(c, never) + "=" }},
		{"soft-behind", func(c string) string { return some(c, never) + "=\n=\n" }},
		{"blanks-behind", func(c string) string { return some(c, never) + "   \t" }},
		{"equals-ahead", func(c string) string { return "=\n" + some(c, never) }},
		{"bad-escape-behind", func(c string) string { return some(c, never) + "\n=ZZ" }},
		{"escaped-newline-behind", func(c string) string { return some(c, never) + "=0D=0A" }},
		{"escaped-newline-ahead", func(c string) string { return "=0D=0A" + some(c, never) }},
		{"underscores", func(c string) string { return strings.ReplaceAll(every(24, "=%02X", "=\n")(c), "=20", "_") }},
		{"raw", func(string) string { return rawMark }},
	})
}

// encodingFields is D7: how a part says, or does not say, that it is encoded.
func encodingFields() []variant {
	rows := [][2]string{
		{"none", ""},
		{"empty", "Content-Transfer-Encoding:\n"},
		{"twice-base64-first", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n"},
		{"twice-base64-last", "Content-Transfer-Encoding: 7bit\nContent-Transfer-Encoding: base64\n"},
		{"twice-quoted-first", "Content-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: base64\n"},
		{"twice-quoted-last", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable\n"},
		{"empty-and-base64", "Content-Transfer-Encoding:\nContent-Transfer-Encoding: base64\n"},
		{"base64-and-empty", "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding:\n"},
		{"base64-comma", "Content-Transfer-Encoding: base64,7bit\n"},
		{"comma-base64", "Content-Transfer-Encoding: 7bit,base64\n"},
		{"base64-blank", "Content-Transfer-Encoding: base64 7bit\n"},
		{"blank-base64", "Content-Transfer-Encoding: 7bit base64\n"},
		{"semicolon", "Content-Transfer-Encoding: base64;\n"},
		{"parameter", "Content-Transfer-Encoding: base64; x=y\n"},
		{"parameter-first", "Content-Transfer-Encoding: x=y; base64\n"},
		{"quoted", "Content-Transfer-Encoding: \"base64\"\n"},
		{"quoted-single", "Content-Transfer-Encoding: 'base64'\n"},
		{"comment-ahead", "Content-Transfer-Encoding: (c) base64\n"},
		{"comment-behind", "Content-Transfer-Encoding: base64 (c)\n"},
		{"comment-joined", "Content-Transfer-Encoding: base64(c)\n"},
		{"comment-within", "Content-Transfer-Encoding: base(c)64\n"},
		{"comment-all", "Content-Transfer-Encoding: (base64)\n"},
		{"blank-within", "Content-Transfer-Encoding: base 64\n"},
		{"dash-within", "Content-Transfer-Encoding: base-64\n"},
		{"unknown", "Content-Transfer-Encoding: x-base64\n"},
		{"unknown-word", "Content-Transfer-Encoding: mystery\n"},
		{"short", "Content-Transfer-Encoding: b64\n"},
		{"longer", "Content-Transfer-Encoding: base6464\n"},
		{"letter", "Content-Transfer-Encoding: b\n"},
		{"seven-bit", "Content-Transfer-Encoding: 7bit\n"},
		{"eight-bit", "Content-Transfer-Encoding: 8bit\n"},
		{"binary", "Content-Transfer-Encoding: binary\n"},
		{"backslash", "Content-Transfer-Encoding: base\\64\n"},
		{"dot", "Content-Transfer-Encoding: base64.\n"},
		{"equals", "Content-Transfer-Encoding = base64\n"},
		{"content-encoding", "Content-Encoding: base64\n"},
		{"transfer-encoding", "Transfer-Encoding: base64\n"},
		{"in-type", "X-Type: application/octet-stream; encoding=base64\n"},
		{"long-s", "Content-Transfer-Encoding: ba\u017fe64\n"},
		{"long-s-in-name", "Content-Tran\u017ffer-Encoding: base64\n"},
		{"no-break-space-ahead", "Content-Transfer-Encoding: \u00a0base64\n"},
		{"no-break-space-in-name", "Content-Transfer-Encoding\u00a0: base64\n"},
		{"byte-order-mark-ahead", "\ufeffContent-Transfer-Encoding: base64\n"},
		{"zero-width-space-ahead", "Content-Transfer-Encoding: \u200bbase64\n"},
		{"folded-in-name", "Content-Transfer-\n Encoding: base64\n"},
		{"folded-in-value", "Content-Transfer-Encoding: base\n 64\n"},
		{"folded-other-behind", "Content-Transfer-Encoding: base64\n 8bit\n"},
		{"folded-other-ahead", "Content-Transfer-Encoding: 8bit\n base64\n"},
		{"nul-and-other", "Content-Transfer-Encoding: base64\x007bit\n"},
		{"two-colons", "Content-Transfer-Encoding:: base64\n"},
		{"encoded-words", "Content-Transfer-Encoding: =?utf-8?Q?base?= =?utf-8?Q?64?=\n"},
		{"parameter-of-type", "Content-Type: application/octet-stream; content-transfer-encoding=base64\n"},
		{"file-separator-ahead", "X: y\x1cContent-Transfer-Encoding: base64\n"},
		{"next-line-ahead", "X: y\u0085Content-Transfer-Encoding: base64\n"},
		{"line-separator-ahead", "X: y\u2028Content-Transfer-Encoding: base64\n"},
	}
	all := table("D7", "part-", rows, func(p payload, fields string) string {
		return mixed(note, attachedAs(p, fields, fold(b64(p.content), 76)))
	})
	all = append(all, table("D7", "mail-", rows, func(p payload, fields string) string {
		return top + version + attachedAs(p, fields, fold(b64(p.content), 76))
	})...)
	all = append(all, table("D7", "quoted-", [][2]string{
		{"short", "qp"},
		{"joined", "quotedprintable"},
		{"blank", "quoted printable"},
		{"unknown", "x-quoted-printable"},
		{"comment", "quoted-printable (c)"},
		{"semicolon", "quoted-printable;"},
		{"quoted", "\"quoted-printable\""},
		{"none", "8bit"},
	}, func(p payload, encoding string) string {
		return mixed(note, attachedAs(p, "Content-Transfer-Encoding: "+encoding+"\n", escaped(p.content, 24, "=%02X")))
	})...)
	// What is encoded holds the parts themselves.
	inner := func(p payload) string { return multipart("inner", note, attached(p)) }
	for _, e := range []struct {
		name, field string
		encode      func(string) string
	}{
		{"base64", "base64", func(text string) string { return fold(b64(text), 76) }},
		{"base64-only-said", "base64", func(text string) string { return text }},
		{"quoted", "quoted-printable", func(text string) string { return escaped(text, 24, "=%02X") }},
		{"quoted-only-said", "quoted-printable", func(text string) string { return text }},
		{"base64-not-said", "7bit", func(text string) string { return fold(b64(text), 76) }},
	} {
		field := "Content-Transfer-Encoding: " + e.field + "\n"
		all = append(
			all,
			variant{"D7", "multipart-mail-" + e.name, func(p payload) string {
				return top + version + "Content-Type: multipart/mixed; boundary=inner\n" + field + "\n" + e.encode(inner(p)) + "\n"
			}},
			variant{"D7", "multipart-part-" + e.name, func(p payload) string {
				return mixed(note, "Content-Type: multipart/mixed; boundary=inner\n"+field+"\n"+e.encode(inner(p)))
			}},
			variant{"D7", "message-" + e.name, func(p payload) string {
				return mixed(note, "Content-Type: message/rfc822\n"+field+"\n"+e.encode(mixed(attached(p))))
			}},
		)
	}
	for _, e := range []struct {
		name, field string
		encode      func(string) string
	}{
		{"base64-twice", "base64", func(c string) string { return fold(b64(fold(b64(c), 76)), 76) }},
		{"quoted-in-base64", "base64", func(c string) string { return fold(b64(escaped(c, 24, "=%02X")), 76) }},
		{"base64-in-quoted", "quoted-printable", func(c string) string { return escaped(fold(b64(c), 76), 24, "=%02X") }},
		{"base64-with-quoted-ends", "quoted-printable", func(c string) string {
			return strings.ReplaceAll(strings.ReplaceAll(fold(b64(c), 70), "=", "=3D"), "\n", "=\n")
		}},
		{"both-said", "base64\nContent-Transfer-Encoding: quoted-printable", func(c string) string { return escaped(fold(b64(c), 76), 24, "=%02X") }},
	} {
		all = append(all, variant{"D7", "double-" + e.name, func(p payload) string {
			return mixed(note, attachedAs(p, "Content-Transfer-Encoding: "+e.field+"\n", e.encode(p.content)))
		}})
	}
	return all
}
