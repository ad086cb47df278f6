package yara

import (
	"bytes"
	"path"
	"strings"
)

// variableNames are the external variables that rule sets made for LOKI and THOR ask for. owner and md5 are always empty.
func variableNames() []string {
	return []string{"filename", "filepath", "extension", "filetype", "owner", "md5"}
}

// variables returns the values of the first four for a content that begins with head and claims a name, which may be empty.
func variables(name string, head []byte) [4]string {
	base := path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "" {
		base = ""
	}
	return [4]string{base, name, strings.ToLower(path.Ext(base)), fileType(head)}
}

// headSize is what fileType wants to see of a content, in octets.
const headSize = 16

// fileType names the type of a content, as LOKI does, by what it begins with; "" when it is none of the common ones.
func fileType(head []byte) string {
	for _, t := range [...]struct{ magic, name string }{
		{"MZ", "EXE"},
		{"\x7fELF", "ELF"},
		{"%PDF", "PDF"},
		{"PK\x03\x04", "ZIP"},
		{"Rar!\x1a\x07", "RAR"},
		{"7z\xbc\xaf\x27\x1c", "7Z"},
		{"\x1f\x8b", "GZIP"},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"},
		{"{\\rtf", "RTF"},
		{"GIF8", "GIF"},
		{"\xff\xd8\xff", "JPG"},
		{"\x89PNG", "PNG"},
	} {
		if bytes.HasPrefix(head, []byte(t.magic)) {
			return t.name
		}
	}
	return ""
}
