package names_test

import (
	"slices"
	"strings"
	"testing"

	"mirrorgw/scanner"
	"mirrorgw/scanner/names"
)

// newPart returns a part with a content of its own.
func newPart(t *testing.T, path, content string, all ...string) *scanner.Part {
	t.Helper()
	b := scanner.Spool{Memory: 64 << 10}.NewBuffer()
	t.Cleanup(func() { b.Close() })
	if _, err := b.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	p := scanner.NewPart(path, "", "", b)
	p.Names = all
	return p
}

// rules returns the rules an engine finds in a part.
func rules(t *testing.T, e *names.Engine, p *scanner.Part) []string {
	t.Helper()
	found, err := e.Scan(t.Context(), p)
	if err != nil {
		t.Error(err)
	}
	var list []string
	for _, f := range found {
		if f.Engine != "names" || f.Part != p.Path {
			t.Errorf("%+v", f)
		}
		list = append(list, f.Rule)
	}
	return list
}

func newEngine(t *testing.T, c names.Config) *names.Engine {
	t.Helper()
	e, err := names.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestNames(t *testing.T) {
	e := newEngine(t, names.Config{Block: []string{"*.exe", "*.JS", "invoice-[0-9]*.zip", "*.tar.gz"}, DoubleExtensions: true})
	for name, want := range map[string]string{
		"":                                   "",
		"report.pdf":                         "",
		"exe":                                "",
		"my.exe.notes.txt":                   "",
		"a.exe":                              "extension:exe",
		"A.ExE":                              "extension:exe",
		".exe":                               "extension:exe",
		"a.exe.":                             "extension:exe",
		"a.exe. . .":                         "extension:exe",
		"a.exe\u00a0":                        "extension:exe",
		"a.exe\t":                            "extension:exe",
		"a.e\u200bxe":                        "extension:exe",
		"a.e\x00xe":                          "extension:exe",
		"a.exe\x00.pdf":                      "extension:exe",
		"a.exe::$DATA":                       "extension:exe",
		"a.exe:stream":                       "extension:exe",
		`C:\temp\a.exe`:                      "extension:exe",
		"dir.exe/readme":                     "",
		"dir/a.js":                           "extension:js",
		"Invoice-7.zip":                      "name:invoice-[0-9]*.zip",
		"x.tar.gz":                           "extension:tar.gz",
		"invoice.pdf.exe":                    "extension:exe double-extension:pdf.exe",
		"invoice.pdf.scr":                    "double-extension:pdf.scr",
		"invoice.pdf . scr":                  "double-extension:pdf.scr",
		"photo.jpg                 .vbs":     "double-extension:jpg.vbs",
		"setup.exe                 .pdf":     "double-extension:exe",
		"gnp.\u202efdp.scr":                  "double-extension:scr",
		"\u202etxt.pdf":                      "",
		"backup.tar":                         "",
		"jquery.min.js":                      "extension:js",
		"v1.2.bat":                           "",
		"caf\xe9.pdf.exe":                    "extension:exe double-extension:pdf.exe",
		"\xff\xfe.exe":                       "extension:exe",
		"[a.exe":                             "extension:exe",
		"a*b?.exe":                           "extension:exe",
		strings.Repeat("a", 5000) + ".exe":   "extension:exe",
		"a.pdf\u2003\u2003.exe\u2003":        "extension:exe double-extension:pdf.exe",
		"\u05d7\u05e9\u05d1\u05d5\u05df.pdf": "",
	} {
		if got := strings.Join(rules(t, e, newPart(t, "1", "x", name)), " "); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
	// Any of several names counts, and each rule once.
	if got := rules(t, e, newPart(t, "1", "x", "a.pdf", "b.exe", "c.js", "d.exe")); !slices.Equal(got, []string{"extension:exe", "extension:js"}) {
		t.Errorf("%q", got)
	}
	p := newPart(t, "1", "x")
	p.Name = "a.exe"
	if got := rules(t, e, p); !slices.Equal(got, []string{"extension:exe"}) {
		t.Errorf("%q", got)
	}
	if got := rules(t, newEngine(t, names.Config{Block: []string{"*.pdf"}}), newPart(t, "1", "x", "a.pdf.exe")); got != nil {
		t.Errorf("%q", got)
	}
}

func TestTypes(t *testing.T) {
	program := "MZ\x90\x00" + strings.Repeat("\x00", 56) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00" + strings.Repeat("\x00", 8<<10)
	e := newEngine(t, names.Config{Types: []string{"application/x-dosexec", "application/pdf", "application/x-elf", "application/zip"}})
	for _, tt := range []struct{ content, want string }{
		{program, "type:application/x-dosexec"},
		{program + strings.Repeat("x", 1<<20), "type:application/x-dosexec"}, // in a file
		{"%PDF-1.7\n", "type:application/pdf"},
		{"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00" + strings.Repeat("\x00", 64), "type:application/x-elf"},
		{"", ""},
		{"plain text\n", ""},
		{"PK\x03\x04", "type:application/zip"},
		{"PK\x03\x04" + strings.Repeat("\x00", 26) + "mimetypeapplication/vnd.oasis.opendocument.text", ""},
	} {
		want := strings.Fields(tt.want)
		if got := rules(t, e, newPart(t, "1", tt.content, "a.txt")); !slices.Equal(got, want) {
			t.Errorf("%.20q: %q, want %q", tt.content, got, want)
		}
	}
	if got := rules(t, e, newPart(t, "", "%PDF-1.7\n")); got != nil {
		t.Errorf("the whole mail: %q", got)
	}
}

func TestWrongRules(t *testing.T) {
	for _, tt := range []struct {
		config names.Config
		want   string
	}{
		{names.Config{Block: []string{"*.exe", ""}}, `names: "" is not a pattern`},
		{names.Config{Block: []string{"dir/*.exe"}}, "is not a pattern"},
		{names.Config{Block: []string{`\*.exe`}}, "is not a pattern"},
		{names.Config{Block: []string{"*.[a"}}, "has a [ without its ]"},
		{names.Config{Types: []string{"exe"}}, "cannot be told by content"},
		{names.Config{Types: []string{"text/plain; charset=utf-8"}}, "is not a media type"},
		{names.Config{Types: []string{"application/x-nothing"}}, "cannot be told by content"},
	} {
		if _, err := names.New(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v", tt.config, err)
		}
	}
	if !(names.Config{}).Empty() || (names.Config{DoubleExtensions: true}).Empty() {
		t.Error("empty")
	}
}

// A name without anything to find costs little.
func BenchmarkNames(b *testing.B) {
	e, err := names.New(names.Config{Block: []string{"*.exe", "*.js", "*.scr"}, DoubleExtensions: true})
	if err != nil {
		b.Fatal(err)
	}
	p := scanner.NewPart("1", "", "", scanner.Spool{}.NewBuffer())
	p.Names = []string{"Quarterly report.pdf"}
	for b.Loop() {
		if _, err := e.Scan(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
}
