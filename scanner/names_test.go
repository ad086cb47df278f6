package scanner

import (
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, test := range []struct {
		field string
		want  []string // among the names
	}{
		{`Content-Disposition: attachment; filename=a.exe`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="a b.exe"`, []string{"a b.exe"}},
		{`Content-Disposition: attachment; filename=a b.exe`, []string{"a", "a b.exe"}},
		{`Content-Disposition: attachment; filename="a.txt"; filename="b.exe"`, []string{"a.txt", "b.exe"}},
		{`Content-Disposition: attachment; filename="a.txt"` + "\nContent-Disposition: attachment; filename=b.exe", []string{"a.txt", "b.exe"}},
		{`Content-Type: text/plain; name=a.txt` + "\nContent-Disposition: attachment; filename=b.exe", []string{"a.txt", "b.exe"}},
		{`Content-Type: text/plain; filename=b.exe`, []string{"b.exe"}},
		{`Content-Disposition: attachment; filename*=utf-8''a%2Eexe`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename*0=a.; filename*1=exe`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename*1=exe; filename*0=a.`, []string{"a.exe", "exea."}},
		{`Content-Disposition: attachment; filename*0*=utf-8''a%2E; filename*1=e; filename*2*=%78e`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename*0=a.; filename*1=txt; filename*1=exe`, []string{"a.txt", "a.exe"}},
		{`Content-Disposition: attachment; filename=a.txt; filename*=utf-8''b.exe`, []string{"a.txt", "b.exe"}},
		{`Content-Disposition: attachment; filename="=?utf-8?q?a=2Eexe?="`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="=?utf-8?b?YS5l?= =?utf-8?b?eGU=?="`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="a%2Eexe"`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="=?iso-2022-jp?b?YS5lGyhCeGU=?="`, []string{"a.exe"}}, // a.e ESC ( B xe
		{`Content-Disposition: attachment; filename="=?utf-16le?b?YQAuAGUAeABlAA==?="`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="=?ibm037?q?=81K=85=A7=85?="`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="=?koi8-r?b?8NLJ18XU?="`, []string{"Привет"}},
		{`Content-Disposition: attachment; filename*=iso-2022-jp''a.e%1B(Bxe`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename*0*=utf-16le''a%00.%00; filename*1*=e%00x%00e%00`, []string{"a.exe"}},
		{`Content-Disposition: attachment; filename="` + "\xfc.exe" + `"`, []string{"\xfc.exe", "ü.exe"}},
		{`Content-Disposition: attachment; filename="a\"b.exe"`, []string{`a"b.exe`}},
		{`Content-Disposition: attachment; filename=(comment)a.exe;`, []string{"(comment)a.exe"}},
		{`Content-Disposition: ; ; FileName = "a.exe"`, []string{"a.exe"}},
		{"Content-Disposition: attachment;\n filename=\"a\u202eexe.txt\"", []string{"a\u202eexe.txt"}},
		{`Content-Disposition: attachment; filename="` + strings.Repeat("x", 5000) + `.exe"`, []string{strings.Repeat("x", maxNameOctets-4) + ".exe"}},
	} {
		h, _, _, err := readHeader(newLines(strings.NewReader(test.field+"\n\n"), 100), structure())
		if err != nil {
			t.Fatal(err)
		}
		got := fileNames(h)
		for _, want := range test.want {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %q is not among %q", test.field, want, got)
			}
		}
	}
}

// Laws, for any two fields: names are bounded in number and length, distinct, and none is empty; and a name that a strict reader
// takes is among them.
func FuzzNames(f *testing.F) {
	f.Add("attachment; filename=a.exe", "text/plain; name*0*=utf-8''%41; name*1=b")
	f.Add("attachment; filename=\"=?utf-8?q?=41?=\"; filename*9999999999999999999=x", ";;name")
	f.Fuzz(func(t *testing.T, disposition, typ string) {
		names := fileNames(header{fields: map[string][]string{"content-disposition": {disposition}, "content-type": {typ}}})
		if len(names) > maxNames || len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
			t.Errorf("%q", names)
		}
		for _, name := range names {
			if name == "" || len(name) > maxNameOctets*2 {
				t.Errorf("%q", name)
			}
		}
		_, params := mediaType(typ)
		if name := params["name"]; name != "" && len(name) < maxNameOctets && len(names) < maxNames && !slices.Contains(names, name) {
			t.Errorf("%q of %q is not among %q", name, typ, names)
		}
	})
}
