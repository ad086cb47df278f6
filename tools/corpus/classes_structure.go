package main

import (
	"fmt"
	"strings"
)

// types is D1: what the mail is, said twice or in a way that reads differently.
func types() []variant {
	// Each row is a header without its first lines and, behind \x00, the boundary that the body uses.
	rows := [][2]string{
		{"type-twice-first", "Content-Type: multipart/mixed; boundary=one\nContent-Type: multipart/mixed; boundary=two\n\x00one"},
		{"type-twice-last", "Content-Type: multipart/mixed; boundary=one\nContent-Type: multipart/mixed; boundary=two\n\x00two"},
		{"text-then-multipart", "Content-Type: text/plain\nContent-Type: multipart/mixed; boundary=one\n\x00one"},
		{"multipart-then-text", "Content-Type: multipart/mixed; boundary=one\nContent-Type: text/plain\n\x00one"},
		{"multipart-then-empty", "Content-Type: multipart/mixed; boundary=one\nContent-Type:\n\x00one"},
		{"empty-then-multipart", "Content-Type:\nContent-Type: multipart/mixed; boundary=one\n\x00one"},
		{"type-three-times", "Content-Type: text/plain\nContent-Type: text/html\nContent-Type: multipart/mixed; boundary=one\n\x00one"},
		{"boundary-twice-first", "Content-Type: multipart/mixed; boundary=one; boundary=two\n\x00one"},
		{"boundary-twice-last", "Content-Type: multipart/mixed; boundary=one; boundary=two\n\x00two"},
		{"boundary-twice-quoted-last", "Content-Type: multipart/mixed; boundary=\"one\"; boundary=\"two\"\n\x00two"},
		{"boundary-twice-case", "Content-Type: multipart/mixed; Boundary=one; BOUNDARY=two\n\x00two"},
		{"boundary-in-disposition", "Content-Type: multipart/mixed\nContent-Disposition: inline; boundary=one\n\x00one"},
		{"boundary-in-disposition-other", "Content-Type: multipart/mixed; boundary=two\nContent-Disposition: inline; boundary=one\n\x00one"},
		{"semicolon-quoted", "Content-Type: multipart/mixed; boundary=\"one;two\"\n\x00one;two"},
		{"semicolon-quoted-cut", "Content-Type: multipart/mixed; boundary=\"one;two\"\n\x00one"},
		{"semicolon-quoted-quote-kept", "Content-Type: multipart/mixed; boundary=\"one;two\"\n\x00\"one"},
		{"parameter-in-quotes", "Content-Type: multipart/mixed; x=\"; boundary=one; y=\"; boundary=two\n\x00one"},
		{"parameter-behind-quotes", "Content-Type: multipart/mixed; x=\"; boundary=one; y=\"; boundary=two\n\x00two"},
		{"no-subtype", "Content-Type: multipart; boundary=one\n\x00one"},
		{"empty-subtype", "Content-Type: multipart/; boundary=one\n\x00one"},
		{"only-parameters", "Content-Type: ; boundary=one\n\x00one"},
		{"no-semicolon", "Content-Type: multipart/mixed boundary=one\n\x00one"},
		{"comma", "Content-Type: multipart/mixed, boundary=one\n\x00one"},
		{"semicolon-first", "Content-Type: ;multipart/mixed; boundary=one\n\x00one"},
		{"semicolons", "Content-Type: multipart/mixed;;; boundary=one;\n\x00one"},
		{"three-levels", "Content-Type: multipart/mixed/x; boundary=one\n\x00one"},
		{"unknown-subtype", "Content-Type: multipart/x-unknown; boundary=one\n\x00one"},
		{"form-data", "Content-Type: multipart/form-data; boundary=one\n\x00one"},
		{"alternative", "Content-Type: multipart/alternative; boundary=one\n\x00one"},
		{"encrypted", "Content-Type: multipart/encrypted; boundary=one\n\x00one"},
		{"report", "Content-Type: multipart/report; boundary=one\n\x00one"},
		{"related", "Content-Type: multipart/related; boundary=one\n\x00one"},
		{"quotes-single", "Content-Type: multipart/mixed; boundary='one'\n\x00one"},
		{"quotes-single-kept", "Content-Type: multipart/mixed; boundary='one'\n\x00'one'"},
		{"quote-unclosed", "Content-Type: multipart/mixed; boundary=\"one\n\x00one"},
		{"quote-behind", "Content-Type: multipart/mixed; boundary=one\"\n\x00one"},
		{"quote-behind-kept", "Content-Type: multipart/mixed; boundary=one\"\n\x00one\""},
		{"quote-within", "Content-Type: multipart/mixed; boundary=one\"two\"\n\x00one"},
		{"quotes-twice", "Content-Type: multipart/mixed; boundary=\"one\"\"two\"\n\x00one"},
		{"junk-behind-quotes", "Content-Type: multipart/mixed; boundary=\"one\"two\n\x00one"},
		{"junk-behind-quotes-joined", "Content-Type: multipart/mixed; boundary=\"one\"two\n\x00onetwo"},
		{"backslash", "Content-Type: multipart/mixed; boundary=\"o\\ne\"\n\x00one"},
		{"backslash-kept", "Content-Type: multipart/mixed; boundary=\"o\\ne\"\n\x00o\\ne"},
		{"backslash-quote", "Content-Type: multipart/mixed; boundary=\"one\\\"two\"\n\x00one\"two"},
		{"backslash-quote-cut", "Content-Type: multipart/mixed; boundary=\"one\\\"two\"\n\x00one\\"},
		{"blanks-around-equals", "Content-Type: multipart/mixed; boundary = one\n\x00one"},
		{"blank-ahead-of-value", "Content-Type: multipart/mixed; boundary= one\n\x00one"},
		{"tab-ahead-of-value", "Content-Type: multipart/mixed; boundary=\t\"one\"\n\x00one"},
		{"blanks-in-token", "Content-Type: multipart/mixed; boundary=one two\n\x00one"},
		{"blanks-in-token-kept", "Content-Type: multipart/mixed; boundary=one two\n\x00one two"},
		{"specials-in-token", "Content-Type: multipart/mixed; boundary=one/two=three?four\n\x00one/two=three?four"},
		{"colon-for-equals", "Content-Type: multipart/mixed; boundary:one\n\x00one"},
		{"angle-brackets", "Content-Type: multipart/mixed; boundary=<one>\n\x00<one>"},
		{"at-in-token", "Content-Type: multipart/mixed; boundary=one@two\n\x00one@two"},
		{"eight-bit", "Content-Type: multipart/mixed; boundary=\"\xc3\xb6ne\"\n\x00\xc3\xb6ne"},
		{"newline-folded-in-quotes", "Content-Type: multipart/mixed; boundary=\"one\n two\"\n\x00one two"},
		{"newline-folded-in-quotes-joined", "Content-Type: multipart/mixed; boundary=\"one\n two\"\n\x00onetwo"},
		{"charset-ahead", "Content-Type: multipart/mixed; charset=\"us-ascii; boundary=two\"; boundary=one\n\x00one"},
		{"type-parameter", "Content-Type: text/plain; type=\"multipart/mixed\"; boundary=one\n\x00one"},
		{"text-with-boundary", "Content-Type: text/plain; boundary=one\n\x00one"},
		{"no-type", "\x00one"},
	}
	all := table("D1", "", rows, func(p payload, value string) string {
		fields, boundary, _ := strings.Cut(value, "\x00")
		return top + version + fields + "\n" + multipart(boundary, note, attached(p))
	})
	// The same, but for a part of the mail.
	return append(all, table("D1", "part-", [][2]string{
		{"type-twice", "Content-Type: text/plain\nContent-Type: application/octet-stream\n"},
		{"type-multipart-and-octets", "Content-Type: multipart/mixed; boundary=x\nContent-Type: application/octet-stream\n"},
		{"type-octets-and-multipart", "Content-Type: application/octet-stream\nContent-Type: multipart/mixed; boundary=x\n"},
		{"type-octets-and-rfc822", "Content-Type: application/octet-stream\nContent-Type: message/rfc822\n"},
		{"type-rfc822-and-octets", "Content-Type: message/rfc822\nContent-Type: application/octet-stream\n"},
		{"type-multipart-without-boundary", "Content-Type: multipart/mixed\n"},
		{"type-unknown", "Content-Type: nothing\n"},
		{"type-empty", "Content-Type:\n"},
		{"disposition-twice", "Content-Disposition: inline\nContent-Disposition: attachment; filename=a.exe\n"},
		{"no-type", ""},
	}, func(p payload, fields string) string {
		return mixed(note, fields+"Content-Transfer-Encoding: base64\n\n"+fold(b64(p.content), 76))
	})...)
}

// headers is D2: fields that not everybody takes for what they are.
func headers() []variant {
	all := table("D2", "", [][2]string{
		{"blank-ahead-of-colon", top + version + "Content-Type : multipart/mixed; boundary=bound\n"},
		{"tab-ahead-of-colon", top + version + "Content-Type\t: multipart/mixed; boundary=bound\n"},
		{"no-blank-behind-colon", top + version + "Content-Type:multipart/mixed;boundary=bound\n"},
		{"comment-in-name", top + version + "Content-Type(c): multipart/mixed; boundary=bound\n"},
		{"comment-first", top + version + "Content-Type: (c) multipart/mixed; boundary=bound\n"},
		{"comment-in-type", top + version + "Content-Type: multipart(c)/(d)mixed; boundary=bound\n"},
		{"comment-behind-type", top + version + "Content-Type: multipart/mixed (c); boundary=bound\n"},
		{"comment-ahead-of-boundary", top + version + "Content-Type: multipart/mixed; (c) boundary=bound\n"},
		{"comment-in-parameter", top + version + "Content-Type: multipart/mixed; boundary(c)=(d)bound(e)\n"},
		{"comment-hides-boundary", top + version + "Content-Type: multipart/mixed; (; boundary=other;) boundary=bound\n"},
		{"comment-unclosed", top + version + "Content-Type: multipart/mixed; boundary=bound (c\n"},
		{"comment-nested", top + version + "Content-Type: multipart/mixed (a (b) c); boundary=bound\n"},
		{"blanks-in-type", top + version + "Content-Type: multipart / mixed ; boundary=bound\n"},
		{"odd-case", top + version + "cOnTeNt-tYpE: mUlTiPaRt/MiXeD; bOuNdArY=bound\n"},
		{"nul-in-name", top + version + "Content-\x00Type: multipart/mixed; boundary=bound\n"},
		{"nul-in-value", top + version + "Content-Type: multi\x00part/mixed; boundary=bound\n"},
		{"nul-behind-type", top + version + "Content-Type: multipart/mixed\x00; boundary=bound\n"},
		{"nul-in-boundary", top + version + "Content-Type: multipart/mixed; boundary=bound\x00\n"},
		{"encoded-word-boundary", top + version + "Content-Type: multipart/mixed; boundary=\"=?us-ascii?Q?bound?=\"\n"},
		{"encoded-word-boundary-base64", top + version + "Content-Type: multipart/mixed; boundary==?utf-8?B?Ym91bmQ=?=\n"},
		{"encoded-word-type", top + version + "Content-Type: =?us-ascii?Q?multipart/mixed?=; boundary=bound\n"},
		{"encoded-word-all", top + version + "Content-Type: =?us-ascii?Q?multipart/mixed;_boundary=3Dbound?=\n"},
		{"folded-early", top + version + "Content-Type:\n multipart/mixed;\n boundary=bound\n"},
		{"folded-tab", top + version + "Content-Type: multipart/mixed;\n\tboundary=bound\n"},
		{"folded-blank-line", top + version + "Content-Type: multipart/mixed;\n \n boundary=bound\n"},
		{"folded-in-name", top + version + "Content-Type\n : multipart/mixed; boundary=bound\n"},
		{"folded-many", top + version + "Content-Type:\n \n multipart/mixed\n ;\n \tboundary\n =\n bound\n"},
		{"folded-without-blank", top + version + "Content-Type: multipart/mixed;\nboundary=bound\n"},
		{"folded-in-word", top + version + "Content-Type: multipart/mi\n xed; boundary=bound\n"},
		{"first-line-blank", " " + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"first-line-blank-type", " Content-Type: multipart/mixed; boundary=bound\n" + top + version},
		{"first-line-type", "Content-Type: multipart/mixed; boundary=bound\n" + top + version},
		{"first-line-empty", "\n" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"first-lines-empty", "\n\n\n" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"first-line-from", "From alice@example.org Mon Nov  2 10:00:00 2026\n" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"first-line-quoted-from", ">From alice@example.org Mon Nov  2 10:00:00 2026\n" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"first-line-junk", "junk\n" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"byte-order-mark", "\xef\xbb\xbf" + top + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"line-without-colon", top + version + "no field at all\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"line-of-colon", top + version + ": nothing\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"line-with-blanks-in-name", top + version + "A b c: d\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"line-from-within", top + "From alice@example.org Mon Nov  2 10:00:00 2026\n" + version + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"eight-bit-field", top + version + "X-\xc3\xb6: \xff\xfe\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"no-version", top + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"version-two", top + "MIME-Version: 2.0\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"version-comment", top + "MIME-Version: (c) 1 . 0\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"version-last", top + "Content-Type: multipart/mixed; boundary=bound\n" + version},
		{"long-field", top + version + "X-Long: " + strings.Repeat("x", 10_000) + "\nContent-Type: multipart/mixed; boundary=bound\n"},
		{"long-blanks-ahead", top + version + "Content-Type:" + strings.Repeat(" ", 1500) + "multipart/mixed; boundary=bound\n"},
		{"long-parameter-ahead", top + version + "Content-Type: multipart/mixed; x=" + strings.Repeat("x", 1500) + "; boundary=bound\n"},
		{"many-fields", top + version + strings.Repeat("X-Many: x\n", 1200) + "Content-Type: multipart/mixed; boundary=bound\n"},
		{"many-parameters", top + version + "Content-Type: multipart/mixed;" + strings.Repeat(" x=y;\n", 300) + " boundary=bound\n"},
		{"carriage-return-in-field", top + version + "X: y\rContent-Type: multipart/mixed; boundary=bound\n"},
		{"carriage-return-in-type", top + version + "Content-Type: multipart/mixed;\r boundary=bound\n"},
		{"vertical-tab", top + version + "Content-Type: multipart/mixed;\v\fboundary=bound\n"},
		{"name-underscore", top + version + "Content_Type: multipart/mixed; boundary=bound\n"},
		{"control-ahead-of-name", top + version + "\x1fContent-Type: multipart/mixed; boundary=bound\n"},
	}, func(p payload, header string) string { return header + "\n" + multipart("bound", note, attached(p)) })
	return append(all, table("D2", "part-", [][2]string{
		{"blank-ahead-of-colon", "Content-Transfer-Encoding : base64\n"},
		{"tab-ahead-of-colon", "Content-Transfer-Encoding\t: base64\n"},
		{"no-blank-behind-colon", "Content-Transfer-Encoding:base64\n"},
		{"odd-case", "cONTENT-tRANSFER-eNCODING: BaSe64\n"},
		{"comment-in-name", "Content-Transfer-Encoding(c): base64\n"},
		{"nul-in-name", "Content-Transfer-\x00Encoding: base64\n"},
		{"nul-in-value", "Content-Transfer-Encoding: base\x0064\n"},
		{"nul-behind-value", "Content-Transfer-Encoding: base64\x00\n"},
		{"encoded-word", "Content-Transfer-Encoding: =?us-ascii?Q?base64?=\n"},
		{"folded", "Content-Transfer-Encoding:\n base64\n"},
		{"folded-blank-line", "Content-Transfer-Encoding:\n \n base64\n"},
		{"first-field-indented", " Content-Transfer-Encoding: base64\n"},
		{"line-without-colon", "no field at all\nContent-Transfer-Encoding: base64\n"},
		{"line-from", "From alice@example.org Mon Nov  2 10:00:00 2026\nContent-Transfer-Encoding: base64\n"},
		{"long-blanks", "Content-Transfer-Encoding:" + strings.Repeat(" ", 1500) + "base64\n"},
		{"carriage-return", "X: y\rContent-Transfer-Encoding: base64\n"},
	}, func(p payload, fields string) string {
		return mixed(note, fields+fmt.Sprintf("Content-Disposition: attachment; filename=%q\n\n", p.file)+fold(b64(p.content), 76))
	})...)
}

// delimiters is D3: where a header ends.
func delimiters() []variant {
	rows := [][2]string{
		{"none", ""},
		{"blank", " \n"},
		{"blanks-and-tab", " \t \n"},
		{"carriage-return", "\r"},
		{"carriage-return-and-lines", "\r\n\r"},
		{"two-carriage-returns", "\r\r\n"},
		{"line-carriage-return", "\n\r"},
		{"line-carriage-return-line", "\n\r\n"},
		{"form-feed", "\f\n"},
		{"vertical-tab", "\v\n"},
		{"nul", "\x00\n"},
		{"dot", ".\n"},
		{"no-break-space", "\xc2\xa0\n"},
		{"junk", "junk\n"},
		{"junk-and-blank", "junk\n\n"},
		{"colon", ":\n\n"},
		{"blank-and-empty", " \n\n"},
		{"dashes", "--\n"},
		{"three", "\n\n\n"},
	}
	all := table("D3", "part-", rows, func(p payload, delimiter string) string {
		part := strings.TrimSuffix(attached(p), fold(b64(p.content), 76)+"\n")
		return mixed(note, strings.TrimSuffix(part, "\n")+delimiter+fold(b64(p.content), 76))
	})
	all = append(all, table("D3", "mail-", rows, func(p payload, delimiter string) string {
		return top + version + "Content-Type: multipart/mixed; boundary=\"bound\"\n" + delimiter + multipart("bound", note, attached(p))
	})...)
	all = append(all, table("D3", "single-", rows, func(p payload, delimiter string) string {
		return top + version + "Content-Type: application/octet-stream; name=" + p.file + "\nContent-Transfer-Encoding: base64\n" + delimiter + fold(b64(p.content), 76) + "\n"
	})...)
	return append(all, table("D3", "part-begins-", [][2]string{
		{"empty-line", "\n"},
		{"two-empty-lines", "\n\n"},
		{"blank-line", " \n"},
		{"junk", "junk\n"},
		{"boundary", "--bound\n"},
		{"indented", " "},
	}, func(p payload, begin string) string { return mixed(note, begin+attached(p)) })...)
}
