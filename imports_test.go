// Package mirrorgw_test holds what is true of the module as a whole: which package may know which.
package mirrorgw_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// room is one package and what it may import beside the standard library.
type room struct {
	dir   string   // below the module's root; may end in /* for each folder in it
	uses  []permit // in every file
	tests []permit // in _test.go files too
}

// permit allows an import path, or with a final /... all below it.
type permit struct {
	path string
	why  string
	in   string // only in files whose name begins with this; empty: in all
}

const (
	gvisor  = "gvisor.dev/gvisor/pkg/"
	netlink = "github.com/vishvananda/netlink"
	netns   = "github.com/vishvananda/netns"
	packets = "github.com/google/gopacket/..."
	system  = "golang.org/x/sys/unix"
	goleak  = "go.uber.org/goleak"
)

// rooms is the table. Arrows point one way: cmd knows all; stack and forwarder do not know each other, so that each can be
// tested and replaced alone; relays know the scanner and no netstack; testnet is for tests, tools and the lab command.
var rooms = []room{
	{
		dir: ".",
		tests: []permit{
			{path: "mirrorgw/...", why: "tests of the whole may plug everything together, as cmd does"},
			{path: packets, why: "frames are looked at with other eyes than ours"},
		},
	},
	{
		dir: "cmd/mirrorgw",
		uses: []permit{
			{path: "mirrorgw/cmd/mirrorgw/config", why: "every command reads it"},
			{path: "mirrorgw/cmd/mirrorgw/confine", why: "a worker confines itself"},
			{path: "mirrorgw/cmd/mirrorgw/control", why: "questions to a running gateway"},
			{path: "mirrorgw/cmd/mirrorgw/engines", why: "commands judge as the gateway does"},
			{path: "mirrorgw/cmd/mirrorgw/gateway", in: "builtin", why: "the gateway, which no command looks into"},
			{path: "mirrorgw/cmd/mirrorgw/gateway", in: "device", why: "makes the interface that the gateway opens"},
			{path: "mirrorgw/cmd/mirrorgw/service", why: "runs the gateway"},
			{path: "mirrorgw/cmd/mirrorgw/unscanned", in: "report", why: "the book is read whether a gateway runs or not"},
			{path: "mirrorgw/stack", in: "device", why: "makes the interface, and takes it away"},
			{path: "mirrorgw/forwarder/capture", in: "capture", why: "it knows what a filter looks like"},
			{path: "mirrorgw/scanner/...", why: "mail is judged, and the quarantine is shown, without a gateway too"},
			{path: "mirrorgw/testnet", in: "lab", why: "`lab` builds the test network for users; nothing else at run time may depend on it"},
			{path: "github.com/urfave/cli/v2", why: "command line"},
			{path: "filippo.io/age", in: "quarantinebundle", why: "evidence is encrypted to whoever is to look at it"},
			{path: system, why: "access(2), and what else the standard library lacks"},
			{path: "golang.org/x/term", in: "top", why: "the screen's size, and keys as they are typed"},
			{path: "golang.org/x/term", in: "scanprogress", why: "progress is shown to a terminal only"},
		},
		tests: []permit{
			{path: "mirrorgw/...", why: "the program is tested as a whole, and beside rooms plugged together otherwise"},
			{path: packets, why: "frames for the binary, and a look at its own with other eyes than ours"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir: "cmd/mirrorgw/gateway",
		uses: []permit{
			{path: "mirrorgw/stack", why: "plugged together here"},
			{path: "mirrorgw/forwarder/...", why: "plugged together here"},
			{path: "mirrorgw/scanner/...", why: "plugged together here"},
			{path: "mirrorgw/cmd/mirrorgw/engines", why: "what judges"},
			{path: "mirrorgw/cmd/mirrorgw/config", why: "says how"},
			{path: "mirrorgw/cmd/mirrorgw/control", why: "the status is told in its words"},
			{path: "mirrorgw/cmd/mirrorgw/metrics", why: "the figures are told in its words"},
			{path: "mirrorgw/cmd/mirrorgw/doctor", why: "plugged together here"},
			{path: "mirrorgw/cmd/mirrorgw/unscanned", why: "plugged together here"},
		},
		tests: []permit{{path: "mirrorgw/testnet", why: "a clamd that answers as it is told, and waiting"}},
	},
	{
		dir: "cmd/mirrorgw/service",
		uses: []permit{
			{path: "mirrorgw/cmd/mirrorgw/config", why: "says what is within reach, and is read again"},
			{path: "mirrorgw/cmd/mirrorgw/confine", why: "the process is confined"},
			{path: "mirrorgw/cmd/mirrorgw/control", why: "questions are answered"},
			{path: "mirrorgw/cmd/mirrorgw/metrics", why: "figures are offered"},
			{path: "mirrorgw/scanner/clamd", why: "it knows what an address looks like"},
			{path: "mirrorgw/scanner/spam", why: "it knows what an address looks like"},
			{path: "mirrorgw/stack", in: "confinement", why: "it knows where interfaces are opened"},
			{path: system, why: "the service manager's clock"},
		},
	},
	{
		dir: "cmd/mirrorgw/engines",
		uses: []permit{
			{path: "mirrorgw/cmd/mirrorgw/config", why: "says which, and how"},
			{path: "mirrorgw/cmd/mirrorgw/confine", why: "workers are confined"},
			{path: "mirrorgw/scanner/...", why: "scanner, openers and engines are built here"},
		},
	},
	{
		dir: "cmd/mirrorgw/config",
		uses: []permit{
			{path: "go.yaml.in/yaml/v3", why: "the configuration is YAML"},
			{path: "mirrorgw/scanner", why: "causes, actions and the spool are configured in its own types"},
			{path: "mirrorgw/scanner/notice", why: "it knows the languages there are"},
			{path: "mirrorgw/scanner/clamd", why: "it knows what an address looks like"},
			{path: "mirrorgw/scanner/names", why: "it knows what a rule looks like"},
			{path: "mirrorgw/scanner/spam", why: "it knows what an address looks like"},
		},
	},
	{
		dir:  "cmd/mirrorgw/control",
		uses: []permit{{path: system, why: "flock(2) and inodes"}},
	},
	{
		dir: "cmd/mirrorgw/confine",
		uses: []permit{
			{path: "github.com/landlock-lsm/go-landlock/landlock/...", why: "puts files and ports out of reach, on every kernel as far as it goes"},
			{path: "kernel.org/pub/linux/libs/security/libcap/psx", why: "what is a thread's own is changed for every thread, those of C included"},
			{path: system, why: "prctl(2), capabilities and seccomp(2)"},
		},
		tests: []permit{{path: "mirrorgw/cmd/mirrorgw/confine", why: "tests from outside see the public names only"}},
	},
	{dir: "cmd/mirrorgw/unscanned"},
	{
		dir:  "cmd/mirrorgw/metrics",
		uses: []permit{{path: system, why: "what bind(2) says"}},
	},
	{
		dir: "cmd/mirrorgw/doctor",
		uses: []permit{
			{path: netlink + "/...", why: "asks for bridges, ports and their spanning tree in the network namespace at hand, which sysfs may not show"},
			{path: system, why: "names of netlink's messages"},
		},
	},
	{
		dir: "stack",
		uses: []permit{
			{path: gvisor + "...", why: "it owns the netstack"},
			{path: "github.com/songgao/water", why: "opens a plain TAP where the virtio header is refused"},
			{path: netlink, why: "sets up the device and the bridge"},
			{path: system, why: "ioctl(2), readv(2) and friends on the device"},
			{path: "golang.org/x/time/rate", why: "bounds on what a flood may cause"},
		},
		tests: []permit{
			{path: "mirrorgw/stack", why: "tests from outside see the public names only"},
			{path: "mirrorgw/testnet", why: "hosts on both sides of the device"},
			{path: packets, why: "a second opinion on frames; too slow and lax for the path of a frame"},
			{path: netns, why: "a real TAP in a namespace of its own"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir: "forwarder",
		uses: []permit{
			{path: gvisor + "tcpip/header", why: "views on headers, after our own length checks"},
			{path: gvisor + "tcpip/checksum", why: "the sums of ICMP errors"},
			{path: "golang.org/x/time/rate", why: "ICMP errors are rate-limited, RFC 1812 section 4.3.2.8"},
		},
		tests: []permit{
			{path: "mirrorgw/forwarder", why: "tests from outside see the public names only"},
			{path: "mirrorgw/testnet", why: "hosts on both sides"},
			{path: packets, why: "a second opinion on frames; too slow and lax for the path of a frame"},
			{path: gvisor + "...", why: "a second opinion on headers"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir:  "forwarder/pop3",
		uses: []permit{{path: "mirrorgw/scanner", why: "a retrieved mail is judged; what carries the session is only a net.Conn"}},
		tests: []permit{
			{path: "mirrorgw/forwarder/pop3", why: "tests from outside see the public names only"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir:  "forwarder/capture",
		uses: []permit{{path: packets, why: "it writes pcapng"}},
		tests: []permit{
			{path: "mirrorgw/forwarder/capture", why: "tests from outside see the public names only"},
			{path: "mirrorgw/forwarder", why: "what it costs is measured where it is plugged in"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir: "scanner",
		uses: []permit{
			{path: "mirrorgw/scanner/transfer", why: "undoes transfer encodings; knows nothing of mails"},
			{path: "github.com/emersion/go-message/...", why: "the normal MIME parse"},
			{path: "golang.org/x/text/encoding/...", in: "text", why: "subjects, senders and file names come in charsets of their countries"},
			{path: system, why: "memory file descriptors and disk space"},
		},
		tests: []permit{
			{path: "mirrorgw/scanner/...", why: "the pipeline with its real engines, quarantine and notice"},
			{path: "mirrorgw/testnet", why: "a real ClamAV daemon"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{dir: "scanner/transfer"},
	{
		dir: "scanner/carve",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it is an opener"},
			{path: "mirrorgw/scanner/transfer", why: "decodes what it has found"},
		},
		tests: []permit{{path: "mirrorgw/scanner/carve", why: "tests from outside see the public names only"}},
	},
	{
		dir: "scanner/archive",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it is an opener"},
			{path: "github.com/klauspost/compress/zstd", why: "reads zstd, within a window"},
			{path: "github.com/mikelolasagasti/xz", why: "reads xz with its filters, within a dictionary"},
			{path: "github.com/nwaples/rardecode/v2", why: "reads RAR, within a dictionary"},
			{path: "github.com/stangelandcl/ppmd", why: "reads PPMd within 7z archives"},
			{path: "github.com/ulikunitz/xz/lzma", why: "reads LZMA without the container of xz"},
		},
		tests: []permit{
			{path: "mirrorgw/scanner/archive", why: "tests from outside see the public names only"},
			{path: "github.com/ulikunitz/xz", why: "writes xz"},
		},
	},
	{
		dir:  "scanner/envelope",
		uses: []permit{{path: "mirrorgw/scanner", why: "it is an opener"}},
		tests: []permit{
			{path: "mirrorgw/scanner/envelope", why: "tests from outside see the public names only"},
		},
	},
	{
		dir: "scanner/recode",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it is an opener"},
			{path: "mirrorgw/scanner/transfer", why: "undoes base64 in URLs"},
			{path: "golang.org/x/text/encoding/...", why: "UTF-16 and UTF-32"},
		},
		tests: []permit{{path: "mirrorgw/scanner/recode", why: "tests from outside see the public names only"}},
	},
	{
		dir:  "scanner/literal",
		uses: []permit{{path: "mirrorgw/scanner", why: "it is an opener"}},
		tests: []permit{
			{path: "mirrorgw/scanner/literal", why: "tests from outside see the public names only"},
		},
	},
	{
		dir: "scanner/yara",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it is an engine"},
			{path: "mirrorgw/scanner/worker", why: "rules run in processes of their own"},
			{path: "C", why: "libyara is C; nowhere else, so that -tags noyara is a build without cgo"},
			{path: "github.com/hillu/go-yara/v4", why: "the binding to libyara, for the same reason nowhere else"},
			{path: system, why: "mapping of file regions"},
		},
		tests: []permit{
			{path: "mirrorgw/scanner/yara", why: "tests from outside see the public names only"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir:  "scanner/worker",
		uses: []permit{{path: system, why: "socket pairs, and descriptors that go over them"}},
		tests: []permit{
			{path: "mirrorgw/scanner/worker", why: "tests from outside see the public names only"},
			{path: goleak, why: "what ends has ended"},
		},
	},
	{
		dir:   "scanner/spam",
		uses:  []permit{{path: "mirrorgw/scanner", why: "it marks mails held there"}},
		tests: []permit{{path: "mirrorgw/scanner/spam", why: "tests from outside see the public names only"}},
	},
	{
		dir: "scanner/neutral",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it rewrites mails held there"},
			{path: "mirrorgw/scanner/transfer", why: "undoes transfer encodings"},
			{path: "golang.org/x/net/html", why: "reads HTML as browsers do"},
		},
		tests: []permit{{path: "mirrorgw/scanner/neutral", why: "tests from outside see the public names only"}},
	},
	{
		dir: "scanner/names",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "it is an engine"},
			{path: "github.com/gabriel-vasile/mimetype", why: "types by content"},
		},
		tests: []permit{{path: "mirrorgw/scanner/names", why: "tests from outside see the public names only"}},
	},
	{
		dir:  "scanner/clamd",
		uses: []permit{{path: "mirrorgw/scanner", why: "it is an engine"}},
		tests: []permit{
			{path: "mirrorgw/scanner/clamd", why: "tests from outside see the public names only"},
			{path: "mirrorgw/testnet", why: "a real daemon"},
		},
	},
	{
		dir: "scanner/quarantine",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "what is kept is described in its types"},
			{path: system, why: "openat(2) with O_NOFOLLOW, and fsync of folders"},
		},
		tests: []permit{{path: "mirrorgw/scanner/quarantine", why: "tests from outside see the public names only"}},
	},
	{
		dir: "scanner/notice",
		uses: []permit{
			{path: "mirrorgw/scanner", why: "a notice tells a verdict"},
			{path: "github.com/emersion/go-message/...", why: "encoded words and addresses of hostile originals"},
		},
		tests: []permit{{path: "mirrorgw/scanner/notice", why: "tests from outside see the public names only"}},
	},
	{
		dir: "testnet",
		uses: []permit{
			{path: gvisor + "...", why: "hosts in memory are netstacks"},
			{path: netlink, why: "hosts in namespaces"},
			{path: netns, why: "hosts in namespaces"},
			{path: packets, why: "frames for tests"},
			{path: goleak, why: "it is for tests, whose checks it offers"},
			{path: system, why: "namespaces and TAPs"},
		},
		tests: []permit{
			{path: "mirrorgw/testnet", why: "tests from outside see the public names only"},
		},
	},
	{
		dir: "tools/barerelay",
		uses: []permit{
			{path: "mirrorgw/stack", why: "it is what the gateway is without what knows mail, and so measures what these two cost"},
			{path: "mirrorgw/forwarder", why: "the same"},
		},
	},
	{
		dir: "tools/*",
		uses: []permit{
			{path: "mirrorgw/...", why: "a developer's program may look at everything"},
			{path: packets, why: "captures and frames"},
			{path: gvisor + "...", why: "load from userspace hosts"},
			{path: netlink, why: "set-up"},
			{path: netns, why: "set-up"},
			{path: system, why: "set-up"},
			{path: "github.com/urfave/cli/v2", why: "command line"},
		},
	},
}

func TestEveryImportIsAllowed(t *testing.T) {
	module, err := readModule(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(module) < 10 {
		t.Fatalf("only %d packages were found", len(module))
	}
	for _, fault := range check(module, rooms) {
		t.Error(fault)
	}
}

// pkg is one package as it lies on disk, the files of every build tag.
type pkg struct {
	dir     string
	doc     bool // doc.go has a package comment
	imports []imported
}

type imported struct{ file, path string }

// readModule reads the imports of every package below root. Modules inside this one and folders the Go command ignores are
// left out.
func readModule(root fs.FS) ([]pkg, error) {
	byDir := make(map[string]*pkg)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(name)
		if d.IsDir() {
			_, nested := fs.Stat(root, path.Join(name, "go.mod"))
			if name != "." && (nested == nil || base == "testdata" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") {
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		p := byDir[path.Dir(name)]
		if p == nil {
			p = &pkg{dir: path.Dir(name)}
			byDir[p.dir] = p
		}
		p.add(base, file)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the module: %w", err)
	}
	all := make([]pkg, 0, len(byDir))
	for _, p := range byDir {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b pkg) int { return strings.Compare(a.dir, b.dir) })
	return all, nil
}

func (p *pkg) add(base string, file *ast.File) {
	if (base == "doc.go" || p.dir == ".") && file.Doc.Text() != "" { // the root has tests only, and so no doc.go
		p.doc = true
	}
	for _, spec := range file.Imports {
		if to, err := strconv.Unquote(spec.Path.Value); err == nil {
			p.imports = append(p.imports, imported{base, to})
		}
	}
}

// check returns what in module is against the table.
func check(module []pkg, table []room) (faults []string) {
	used := make(map[string]bool)
	for _, p := range module {
		at := slices.IndexFunc(table, func(r room) bool { return r.holds(p.dir) })
		if at < 0 {
			faults = append(faults, p.dir+" is not in the table of imports_test.go: add it, with the reason for each thing it may import")
			continue
		}
		used[table[at].dir] = true
		if !p.doc {
			faults = append(faults, p.dir+" has no doc.go with a package comment")
		}
		for _, i := range p.imports {
			if !table[at].allows(i) {
				faults = append(faults, fmt.Sprintf("%s/%s imports %s, which the table of imports_test.go does not allow", p.dir, i.file, i.path))
			}
		}
	}
	for _, r := range table {
		if !used[r.dir] && !strings.HasSuffix(r.dir, "/*") {
			faults = append(faults, r.dir+" is in the table of imports_test.go and not in the module")
		}
	}
	return faults
}

func (r room) holds(dir string) bool {
	if parent, ok := strings.CutSuffix(r.dir, "/*"); ok {
		return path.Dir(dir) == parent
	}
	return dir == r.dir
}

func (r room) allows(i imported) bool {
	first, _, _ := strings.Cut(i.path, "/")
	if first != "mirrorgw" && first != "C" && !strings.Contains(first, ".") {
		return true // the standard library
	}
	permits := r.uses
	if strings.HasSuffix(i.file, "_test.go") {
		permits = append(slices.Clone(permits), r.tests...)
	}
	return slices.ContainsFunc(permits, func(p permit) bool {
		below, tree := strings.CutSuffix(p.path, "/...")
		return strings.HasPrefix(i.file, p.in) && (i.path == below || tree && strings.HasPrefix(i.path, below+"/"))
	})
}

// TestCheckFindsFaults shows the check at work on a module that breaks each rule once.
func TestCheckFindsFaults(t *testing.T) {
	file := func(src string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(src)} }
	module, err := readModule(fstest.MapFS{
		"a/doc.go":           file("// Package a is documented.\npackage a\n"),
		"a/a.go":             file("//go:build never\n\npackage a\nimport \"mirrorgw/b\"\nimport \"C\"\n"),
		"a/a_test.go":        file("package a_test\nimport \"mirrorgw/b\"\nimport \"example.org/x/y\"\n"),
		"a/lab_x.go":         file("package a\nimport \"example.org/lab\"\n"),
		"a/other.go":         file("package a\nimport \"example.org/lab\"\nimport \"example.org/xx\"\nimport \"net/http\"\n"),
		"b/doc.go":           file("package b\n"),
		"c/c.go":             file("// Package c has its comment elsewhere.\npackage c\n"),
		"tools/t/doc.go":     file("// Command t is a tool.\npackage main\n"),
		"testdata/x.go":      file("package x\nimport \"example.org/x\"\n"),
		"inner/go.mod":       file("module inner\n"),
		"inner/deep/deep.go": file("package deep\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	table := []room{
		{dir: "a", uses: []permit{{path: "example.org/lab", in: "lab"}}, tests: []permit{{path: "mirrorgw/b"}, {path: "example.org/x/..."}}},
		{dir: "b"},
		{dir: "gone"},
		{dir: "tools/*"},
	}
	const not = ", which the table of imports_test.go does not allow"
	want := []string{
		"a/a.go imports mirrorgw/b" + not,
		"a/a.go imports C" + not,
		"a/other.go imports example.org/lab" + not,
		"a/other.go imports example.org/xx" + not,
		"b has no doc.go with a package comment",
		"c is not in the table of imports_test.go: add it, with the reason for each thing it may import",
		"gone is in the table of imports_test.go and not in the module",
	}
	if got := check(module, table); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
