package main

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// documents is D12: files within what is attached.
func documents() []variant {
	return append(scripts(), texts()...)
}

// coded returns what format makes of each octet of text, joined.
func coded(text, format, joint string) string {
	var list []string
	for i := range len(text) {
		list = append(list, fmt.Sprintf(format, text[i]))
	}
	return strings.Join(list, joint)
}

// scripts are pages whose scripts hold the payload, and save it.
func scripts() []variant {
	pieces := func(text string, n int, joint string) string { return strings.ReplaceAll(fold(text, n), "\n", joint) }
	var all []variant
	for _, s := range []struct {
		name  string
		build func(content string) string // an expression
	}{
		{"string", func(c string) string { return `atob("` + b64(c) + `")` }},
		{"apostrophes", func(c string) string { return `atob('` + b64(c) + `')` }},
		{"template", func(c string) string { return "atob(`\n" + fold(b64(c), 76) + "\n`)" }},
		{"continued", func(c string) string { return "atob(\"" + pieces(b64(c), 76, "\\\n") + "\")" }},
		{"sum", func(c string) string { return `atob("` + pieces(b64(c), 60, `"+"`) + `")` }},
		{"sum-in-lines", func(c string) string { return "atob(\"" + pieces(b64(c), 72, "\" +\n  \"") + "\")" }},
		{"sum-of-a-piece", func(c string) string { return `atob("` + b64(c)[:4] + `" + "` + b64(c)[4:] + `")` }},
		{"array", func(c string) string { return `atob(["` + pieces(b64(c), 50, `","`) + `"].join(""))` }},
		{"slashes", func(c string) string { return `atob("` + strings.ReplaceAll(b64(c), "/", `\/`) + `")` }},
		{"hex-escapes", func(c string) string { return `"` + coded(c, `\x%02x`, "") + `"` }},
		{"unicode-escapes", func(c string) string { return `"` + coded(c, `\u%04x`, "") + `"` }},
		{"octal-escapes", func(c string) string { return `"` + coded(c, `\%03o`, "") + `"` }},
		{"percent", func(c string) string { return `unescape("` + coded(c, "%%%02X", "") + `")` }},
		{"percent-u", func(c string) string { return `unescape("` + coded(c, "%%u%04X", "") + `")` }},
		{"hex", func(c string) string {
			return `"` + hex.EncodeToString([]byte(c)) + `".match(/../g).map(x => String.fromCharCode(parseInt(x, 16))).join("")`
		}},
		{"numbers", func(c string) string { return "new Uint8Array([" + coded(c, "%d", ",") + "])" }},
		{"hex-numbers", func(c string) string { return "String.fromCharCode(" + coded(c, "0x%02x", ", ") + ")" }},
		{"twice", func(c string) string { return `atob(atob("` + b64(b64(c)) + `"))` }},
	} {
		all = append(all, variant{"D12", "script-" + s.name, func(p payload) string {
			page := "<html><body>Wait.<script>\nsave(" + s.build(p.content) + ")\n</script></body></html>\n"
			return mixed(note, "Content-Type: text/html; name=page.html\nContent-Transfer-Encoding: base64\n\n"+fold(b64(page), 76))
		}})
	}
	return all
}

// texts are calendars, address cards and XML that hold the payload.
func texts() []variant {
	folded := func(property string, n int, joint string) string {
		return strings.ReplaceAll(fold(property, n), "\n", joint)
	}
	calendar := func(property string) string {
		return "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\n" + property + "\nEND:VEVENT\nEND:VCALENDAR\n"
	}
	card := func(version, property string) string {
		return "BEGIN:VCARD\nVERSION:" + version + "\nN:x;;;;\nFN:x\n" + property + "\nEND:VCARD\n"
	}
	const attach = "ATTACH;FMTTYPE=application/octet-stream;ENCODING=BASE64;VALUE=BINARY:"
	var all []variant
	for _, d := range []struct {
		name, kind string
		build      func(content string) string
	}{
		{"calendar", "text/calendar; name=a.ics", func(c string) string { return calendar(folded(attach+b64(c), 74, "\n ")) }},
		{"calendar-one-line", "text/calendar; name=a.ics", func(c string) string { return calendar(attach + b64(c)) }},
		{"calendar-short-lines", "text/calendar; name=a.ics", func(c string) string { return calendar(folded(attach+b64(c), 8, "\n\t")) }},
		{"card-3", "text/vcard; name=a.vcf", func(c string) string { return card("3.0", folded("PHOTO;ENCODING=b;TYPE=JPEG:"+b64(c), 74, "\n ")) }},
		{"card-3-key", "text/vcard; name=a.vcf", func(c string) string { return card("3.0", folded("KEY;ENCODING=B:"+b64(c), 20, "\n ")) }},
		{"card-2", "text/x-vcard; name=a.vcf", func(c string) string { return card("2.1", "KEY;ENCODING=QUOTED-PRINTABLE:"+coded(c, "=%02X", "")) }},
		{"word", "application/msword; name=a.doc", func(c string) string {
			return `<?xml version="1.0"?><w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:binData w:name="a.mso">` +
				fold(b64(c), 76) + `</w:binData></w:wordDocument>`
		}},
		{"package", "application/xml; name=a.xml", func(c string) string {
			return `<?xml version="1.0"?><pkg:package xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage"><pkg:part pkg:name="/a.bin"><pkg:binaryData>` +
				b64(c) + `</pkg:binaryData></pkg:part></pkg:package>`
		}},
		{"open-document", "application/xml; name=a.fodt", func(c string) string {
			return `<?xml version="1.0"?><office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"><office:binary-data>` +
				"\n  " + folded(b64(c), 72, "\n  ") + "\n" + `</office:binary-data></office:document>`
		}},
		{"property-list", "application/xml; name=a.mobileconfig", func(c string) string {
			return `<?xml version="1.0"?><plist version="1.0"><dict><key>a</key><data>` + "\n\t" + folded(b64(c), 60, "\n\t") + "\n</data></dict></plist>"
		}},
	} {
		all = append(all, variant{"D12", "text-" + d.name, func(p payload) string {
			return mixed(note, "Content-Type: "+d.kind+"\nContent-Transfer-Encoding: base64\n\n"+fold(b64(d.build(p.content)), 76))
		}})
	}
	return all
}
