package main

import (
	"encoding/asn1"
	"fmt"
	"strings"
)

// uuFile returns the payload as a uuencoded file.
func uuFile(p payload) string {
	return "begin 644 " + p.file + "\n" + uuencoded(p.content, '`') + "end\n"
}

// attachedText is D9: files within text, older than MIME or beside it.
func attachedText() []variant {
	const see = "See the file.\n\n"
	files := []struct {
		name  string
		build func(p payload) string
	}{
		{"uuencode", uuFile},
		{"uuencode-blanks", func(p payload) string {
			return "begin 644 " + p.file + "\n" + uuencoded(p.content, ' ') + "end\n"
		}},
		{"uuencode-trimmed", func(p payload) string {
			var lines []string
			for line := range strings.Lines(uuencoded(p.content, ' ')) {
				lines = append(lines, strings.TrimRight(line, " \n"))
			}
			return "begin 644 " + p.file + "\n" + strings.Join(lines, "\n") + "\nend\n"
		}},
		{"uuencode-no-end", func(p payload) string { return strings.TrimSuffix(uuFile(p), "end\n") }},
		{"uuencode-no-zero-line", func(p payload) string { return strings.Replace(uuFile(p), "\n`\nend", "\nend", 1) }},
		{"uuencode-no-mode", func(p payload) string { return strings.Replace(uuFile(p), " 644", "", 1) }},
		{"uuencode-four-digits", func(p payload) string { return strings.Replace(uuFile(p), " 644", " 0644", 1) }},
		{"uuencode-no-name", func(p payload) string { return strings.Replace(uuFile(p), " "+p.file, "", 1) }},
		{"uuencode-indented", func(p payload) string { return " " + strings.ReplaceAll(uuFile(p), "\n", "\n ") + "\n" }},
		{"uuencode-quoted", func(p payload) string { return "> " + strings.ReplaceAll(uuFile(p), "\n", "\n> ") + "\n" }},
		{"uuencode-case", func(p payload) string { return strings.Replace(uuFile(p), "begin", "BEGIN", 1) }},
		{"uuencode-two-blanks", func(p payload) string { return strings.Replace(uuFile(p), "begin ", "begin  ", 1) }},
		{"uuencode-empty-line", func(p payload) string { return strings.Replace(uuFile(p), "\n", "\n\n", 1) }},
		{"uuencode-empty-lines", func(p payload) string { return strings.ReplaceAll(uuFile(p), "\n", "\n\n") }},
		{"uuencode-blank-behind", func(p payload) string { return strings.ReplaceAll(uuFile(p), "\n", " \n") }},
		{"uuencode-checksums", func(p payload) string {
			return strings.ReplaceAll(strings.ReplaceAll(uuFile(p), "\nM", "x\nM"), p.file+"x\n", p.file+"\n")
		}},
		{"uuencode-twice", func(p payload) string {
			return uuFile(payload{"note", "note.txt", "See the other file.\n"}) + "\n" + uuFile(p)
		}},
		{"uuencode-within", func(p payload) string { return "begin 644 note.txt\n" + uuFile(p) + "end\n" }},
		{"begin-base64", func(p payload) string {
			return "begin-base64 644 " + p.file + "\n" + fold(b64(p.content), 60) + "\n====\n"
		}},
		{"begin-base64-no-end", func(p payload) string { return "begin-base64 644 " + p.file + "\n" + fold(b64(p.content), 60) + "\n" }},
		{"yenc", func(p payload) string {
			return fmt.Sprintf("=ybegin line=128 size=%d name=%s\n%s=yend size=%[1]d\n", len(p.content), p.file, yEncoded(p.content))
		}},
		{"yenc-parts", func(p payload) string {
			half, n := len(p.content)/2, len(p.content)
			return fmt.Sprintf("=ybegin part=1 line=128 size=%d name=%s\n=ypart begin=1 end=%d\n%s=yend size=%[3]d part=1\n", n, p.file, half, yEncoded(p.content[:half])) +
				fmt.Sprintf("=ybegin part=2 line=128 size=%d name=%s\n=ypart begin=%d end=%d\n%s=yend size=%d part=2\n", n, p.file, half+1, n, yEncoded(p.content[half:]), n-half)
		}},
		{"binhex", func(p payload) string { return binHexed(p.file, p.content) }},
		{"base64-bare", func(p payload) string { return fold(b64(p.content), 76) + "\n" }},
	}
	var all []variant
	for _, f := range files {
		of := func(name string, build func(p payload) string) {
			all = append(all, variant{"D9", f.name + "-" + name, build})
		}
		of("no-mime", func(p payload) string { return top + "\n" + see + f.build(p) })
		of("text", func(p payload) string {
			return mixed("Content-Type: text/plain\n\n" + see + f.build(p) + "\nThat was it.\n")
		})
		of("epilogue", func(p payload) string { return mixed(note) + "\n" + f.build(p) })
		if f.name == "uuencode" || f.name == "yenc" || f.name == "binhex" || f.name == "begin-base64" {
			of("first", func(p payload) string { return top + "\n" + f.build(p) })
			of("preamble", func(p payload) string {
				return strings.Replace(mixed(note), "\n\n--bound", "\n\n"+f.build(p)+"\n--bound", 1)
			})
			of("html", func(p payload) string { return mixed("Content-Type: text/html\n\n<pre>\n" + f.build(p) + "</pre>\n") })
			of("base64", func(p payload) string {
				return mixed("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + fold(b64(see+f.build(p)), 76))
			})
			of("quoted", func(p payload) string {
				return mixed("Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + escaped(see+f.build(p), 24, "=%02X"))
			})
		}
	}
	return append(all, table("D9", "said-", [][2]string{
		{"x-uuencode", "x-uuencode"},
		{"uuencode", "uuencode"},
		{"x-uue", "x-uue"},
		{"uue", "uue"},
		{"x-uu", "x-uu"},
		{"comment", "x-uuencode (c)"},
		{"other", "base64"},
		{"quoted-printable", "quoted-printable"},
	}, func(p payload, encoding string) string {
		return mixed(note, attachedAs(p, "Content-Transfer-Encoding: "+encoding+"\n", uuFile(p)))
	})...)
}

// messages is D10: mails in mails.
func messages() []variant {
	all := table("D10", "", [][2]string{
		{"rfc822", "Content-Type: message/rfc822\n\n"},
		{"rfc822-attached", "Content-Type: message/rfc822; name=a.eml\nContent-Disposition: attachment; filename=a.eml\n\n"},
		{"rfc822-named-exe", "Content-Type: message/rfc822; name=a.exe\n\n"},
		{"rfc822-no-blank-line", "Content-Type: message/rfc822\n"},
		{"rfc822-empty-line", "Content-Type: message/rfc822\n\n\n"},
		{"rfc822-from", "Content-Type: message/rfc822\n\nFrom alice@example.org Mon Nov  2 10:00:00 2026\n"},
		{"rfc822-headers", "Content-Type: text/rfc822-headers\n\n"},
		{"global", "Content-Type: message/global\n\n"},
		{"news", "Content-Type: message/news\n\n"},
		{"unknown", "Content-Type: message/unknown\n\n"},
		{"delivery-status", "Content-Type: message/delivery-status\n\n"},
		{"http", "Content-Type: message/http\n\n"},
		{"octets", "Content-Type: application/octet-stream; name=a.eml\n\n"},
		{"text", "Content-Type: text/plain\n\n"},
		{"no-type", "\n"},
		{"external-body", "Content-Type: message/external-body; access-type=local-file; name=a.exe\n\n"},
		{"partial", "Content-Type: message/partial; id=1; number=1; total=1\n\n"},
	}, func(p payload, header string) string { return mixed(note, header+mixed(attached(p))) })
	all = append(all, table("D10", "mail-", [][2]string{
		{"rfc822", "Content-Type: message/rfc822\n\n"},
		{"rfc822-case", "Content-Type: MESSAGE/RFC822\n\n"},
		{"external-body", "Content-Type: message/external-body; access-type=local-file; name=a.exe\n\n"},
		{"partial", "Content-Type: message/partial; id=1; number=1; total=1\n\n"},
		{"partial-no-total", "Content-Type: message/partial; id=1; number=1\n\n"},
		{"forwarded-inline", "\n-------- Original Message --------\n"},
		{"bounced-inline", "\nReturned mail follows:\n\n"},
		{"quoted", "\n----- Forwarded -----\n\n"},
	}, func(p payload, header string) string { return top + version + header + mixed(attached(p)) })...)
	for _, depth := range []int{2, 5, 10, 19, 25, 50} {
		all = append(all, variant{"D10", fmt.Sprintf("depth-%d", depth), func(p payload) string {
			return top + version + strings.Repeat("Content-Type: message/rfc822\n\n"+top+version, depth) + attached(p)
		}})
	}
	for _, depth := range []int{1, 2, 5, 12} {
		all = append(all, variant{"D10", fmt.Sprintf("depth-base64-%d", depth), func(p payload) string {
			body := top + version + attached(p)
			for range depth {
				body = top + version + "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + fold(b64(body), 76) + "\n"
			}
			return body
		}})
	}
	return append(all,
		variant{"D10", "single-base64", func(p payload) string { return mixed(note, "Content-Type: message/rfc822\n\n"+top+version+attached(p)) }},
		variant{"D10", "uuencode-inside", func(p payload) string {
			return mixed(note, "Content-Type: message/rfc822\n\n"+top+"\nSee:\n\n"+uuFile(p))
		}},
		variant{"D10", "raw-inside", func(payload) string { return mixed(note, "Content-Type: message/rfc822\n\n"+top+"\n"+rawMark) }},
	)
}

// wrapped is D11: parts in the envelopes of signatures.
func wrapped() []variant {
	signedData := func(content string) string {
		oid := func(last ...int) []byte {
			return must(asn1.Marshal(asn1.ObjectIdentifier(append([]int{1, 2, 840, 113549, 1, 7}, last...))))
		}
		wrap := func(class, tag int, compound bool, content ...[]byte) []byte {
			return must(asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: []byte(joined(content))}))
		}
		sequence := func(content ...[]byte) []byte { return wrap(asn1.ClassUniversal, asn1.TagSequence, true, content...) }
		empty := wrap(asn1.ClassUniversal, asn1.TagSet, true)
		inner := sequence(oid(1), wrap(asn1.ClassContextSpecific, 0, true, wrap(asn1.ClassUniversal, asn1.TagOctetString, false, []byte(content))))
		data := sequence(must(asn1.Marshal(1)), empty, inner, empty)
		return string(sequence(oid(2), wrap(asn1.ClassContextSpecific, 0, true, data)))
	}
	return append(table("D11", "", [][2]string{
		{"smime-opaque", "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m"},
		{"smime-opaque-x", "application/x-pkcs7-mime; name=smime.p7m"},
		{"smime-octets", "application/octet-stream; name=smime.p7m"},
	}, func(p payload, kind string) string {
		return top + version + "Content-Type: " + kind + "\nContent-Transfer-Encoding: base64\n\n" + fold(b64(signedData(attached(p))), 76) + "\n"
	}),
		variant{"D11", "smime-clear", func(p payload) string {
			return top + version + "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=bound\n\n" +
				multipart("bound", attached(p), "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\nMAA=\n")
		}},
		variant{"D11", "pgp-clear", func(p payload) string {
			return top + version + "Content-Type: multipart/signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha256; boundary=bound\n\n" +
				multipart("bound", attached(p), "Content-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n")
		}},
		variant{"D11", "payload-in-signature", func(p payload) string {
			return top + version + "Content-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256; boundary=bound\n\n" +
				multipart("bound", note, "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Transfer-Encoding: base64\n\n"+fold(b64(p.content), 76)+"\n")
		}},
	)
}

// must returns v. What the standard library can encode is known here.
func must(v []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return v
}

func joined(parts [][]byte) string {
	var b strings.Builder
	for _, part := range parts {
		b.Write(part)
	}
	return b.String()
}

// misnamed is D12: parts that are not what they say.
func misnamed() []variant {
	all := table("D12", "type-", [][2]string{
		{"text", "text/plain"},
		{"html", "text/html"},
		{"image", "image/jpeg; name=a.jpg"},
		{"calendar", "text/calendar"},
		{"rich", "text/enriched"},
		{"video", "video/mp4"},
		{"message", "message/rfc822"},
		{"multipart", "multipart/mixed"},
		{"multipart-boundary", "multipart/mixed; boundary=none"},
		{"multipart-appledouble", "multipart/appledouble; boundary=none"},
		{"signature", "application/pgp-signature"},
		{"applefile", "application/applefile"},
		{"binhex", "application/mac-binhex40"},
		{"tnef", "application/ms-tnef; name=winmail.dat"},
		{"pkcs7", "application/pkcs7-mime; name=smime.p7m"},
		{"status", "message/delivery-status"},
		{"headers", "text/rfc822-headers"},
		{"utf-7", "text/plain; charset=utf-7"},
		{"utf-16", "text/plain; charset=utf-16le"},
		{"unknown-charset", "text/plain; charset=x-unknown"},
		{"partial", "message/partial; id=1; number=1; total=2"},
		{"external", "message/external-body; access-type=ftp"},
	}, func(p payload, kind string) string {
		return mixed(note, "Content-Type: "+kind+"\nContent-Transfer-Encoding: base64\n\n"+fold(b64(p.content), 76))
	})
	all = append(all, table("D12", "raw-", [][2]string{
		{"octets-8bit", "application/octet-stream\nContent-Transfer-Encoding: 8bit"},
		{"octets-binary", "application/octet-stream\nContent-Transfer-Encoding: binary"},
		{"octets-7bit", "application/octet-stream\nContent-Transfer-Encoding: 7bit"},
		{"octets-none", "application/octet-stream"},
		{"text-none", "text/plain"},
		{"text-latin", "text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit"},
		{"html", "text/html"},
		{"image", "image/jpeg"},
	}, func(_ payload, kind string) string { return mixed(note, "Content-Type: "+kind+"\n\n"+rawMark+"\n") })...)
	return append(all,
		variant{"D12", "raw-mail", func(payload) string { return top + "\n" + rawMark }},
		variant{"D12", "raw-preamble", func(payload) string {
			return strings.Replace(mixed(note), "\n\n--bound", "\n\n"+rawMark+"\n--bound", 1)
		}},
		variant{"D12", "data-uri", func(p payload) string {
			return mixed("Content-Type: text/html\n\n<a href=\"data:application/octet-stream;base64," + b64(p.content) + "\">open</a>\n")
		}},
		variant{"D12", "two-faces", func(p payload) string { // the text and the file are the same part
			return mixed("Content-Type: text/plain\nContent-Type: application/octet-stream; name=a.exe\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n" +
				fold(b64(p.content), 76))
		}},
	)
}

// sizes is D13: what is hidden by its surroundings' size.
func sizes() []variant {
	filler := strings.Repeat("Nothing to see in this line, which is here for its length alone.\n", 4000)
	var all []variant
	for _, n := range []int{256, 512, 998, 1000, 1023, 1024, 2048, 4096, 8192, 16_384, 65_536} { // where a reader's buffer may end, and its next line begin
		field := "X-Filler: " + strings.Repeat("x", n-len("X-Filler: "))
		all = append(all,
			variant{"D13", fmt.Sprintf("boundary-behind-%d", n), func(p payload) string {
				return mixed(note + strings.Repeat("x", n) + "--bound\n" + attached(p))
			}},
			variant{"D13", fmt.Sprintf("field-behind-%d", n), func(p payload) string {
				return mixed(note, field+attachedAs(p, "Content-Transfer-Encoding: base64\n", fold(b64(p.content), 76)))
			}},
			variant{"D13", fmt.Sprintf("type-behind-%d", n), func(p payload) string {
				return top + version + field + "Content-Type: multipart/mixed; boundary=bound\n\n" + multipart("bound", note, attached(p))
			}},
			variant{"D13", fmt.Sprintf("uuencode-behind-%d", n), func(p payload) string {
				return top + "\n" + strings.Repeat("x", n) + uuFile(p)
			}})
	}
	return append(all, []variant{
		{"D13", "long-text-ahead", func(p payload) string { return mixed(note+filler, attached(p)) }},
		{"D13", "long-preamble", func(p payload) string {
			return strings.Replace(mixed(note, attached(p)), "\n\n--bound", "\n\n"+filler+"--bound", 1)
		}},
		{"D13", "long-part-header", func(p payload) string {
			return mixed(note, strings.Repeat("X-Filler: nothing to see in this line, which is here for its length alone\n", 4000)+attached(p))
		}},
		{"D13", "long-part-field", func(p payload) string { return mixed(note, "X-Filler: "+strings.Repeat("x", 200_000)+"\n"+attached(p)) }},
		{"D13", "long-folded-field", func(p payload) string {
			return mixed(note, "X-Filler: x\n"+strings.Repeat(" folded\n", 2000)+attached(p))
		}},
		{"D13", "many-parts", func(p payload) string {
			return top + version + "Content-Type: multipart/mixed; boundary=bound\n\n" + strings.Repeat("--bound\n"+note, 1500) + multipart("bound", attached(p))
		}},
		{"D13", "blank-lines-ahead-of-base64", func(p payload) string {
			return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", strings.Repeat("\n", 20_000)+fold(b64(p.content), 76)))
		}},
		{"D13", "blanks-ahead-of-base64", func(p payload) string {
			return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", strings.Repeat(" ", 50_000)+"\n"+fold(b64(p.content), 76)))
		}},
		{"D13", "epilogue-behind-filler", func(p payload) string { return mixed(note) + filler + "\n" + attached(p) }},
	}...)
}

// lineEnds is D14: where a line ends.
func lineEnds() []variant {
	whole := func(p payload) string { return mixed(note, attached(p)) }
	header := func(text string) (string, string) {
		head, body, _ := strings.Cut(text, "\n\n")
		return head + "\n", body
	}
	variants := []variant{
		{"D14", "carriage-returns", func(p payload) string { return strings.ReplaceAll(whole(p), "\n", "\r") }},
		{"D14", "carriage-returns-in-header", func(p payload) string {
			head, body := header(whole(p))
			return strings.ReplaceAll(head, "\n", "\r") + "\n\n" + body
		}},
		{"D14", "carriage-returns-in-body", func(p payload) string {
			head, body := header(whole(p))
			return head + "\n" + strings.ReplaceAll(body, "\n", "\r")
		}},
		{"D14", "carriage-returns-in-part", func(p payload) string {
			return mixed(note, strings.ReplaceAll(attached(p), "\n", "\r"))
		}},
		{"D14", "carriage-returns-in-part-header", func(p payload) string {
			head, body := header(attached(p))
			return mixed(note, strings.ReplaceAll(head, "\n", "\r")+"\r"+body)
		}},
		{"D14", "two-carriage-returns", func(p payload) string { return strings.ReplaceAll(whole(p), "\n", "\r\r\n") }},
		{"D14", "line-feed-first", func(p payload) string { return strings.ReplaceAll(whole(p), "\n", "\n\r") }},
		{"D14", "next-line", func(p payload) string {
			return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", strings.ReplaceAll(fold(b64(p.content), 60), "\n", "\x85")))
		}},
		{"D14", "vertical-tabs-in-part-header", func(p payload) string {
			head, body := header(attached(p))
			return mixed(note, strings.ReplaceAll(head, "\n", "\v")+"\n\n"+body)
		}},
	}
	for _, dot := range []struct{ name, text string }{
		{"dot", "\n.\n"}, {"dots", "\n..\n"}, {"carriage-return-dot", "\r.\r"}, {"carriage-return-dot-line", "\r.\n"}, {"blank-dot", "\n. \n"},
	} {
		variants = append(variants, variant{"D14", dot.name + "-ahead-of-part", func(p payload) string { return mixed(note+dot.text, attached(p)) }},
			variant{"D14", dot.name + "-in-preamble", func(p payload) string {
				return strings.Replace(whole(p), "\n\n--bound", "\n"+dot.text+"--bound", 1)
			}},
			variant{"D14", dot.name + "-in-base64", func(p payload) string {
				first, rest, _ := strings.Cut(fold(b64(p.content), 40), "\n")
				return mixed(note, attachedAs(p, "Content-Transfer-Encoding: base64\n", first+dot.text+rest))
			}})
	}
	return variants
}
