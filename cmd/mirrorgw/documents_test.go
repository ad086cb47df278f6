package main

import (
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// What is written for the build names every command and flag there is, and is not offered itself.
func TestDocumentsNameEveryCommand(t *testing.T) {
	r := rooms{newGateway: newIdle}
	p := &program{rooms: r}
	texts := make(map[string]string)
	for _, kind := range []string{"man", "bash", "zsh", "fish"} {
		code, stdout, stderr := call(t, r, "documents", kind)
		if code != exitDone || stderr != "" {
			t.Fatalf("%s: exit %d, %q", kind, code, stderr)
		}
		if strings.Contains(stdout, "documents") {
			t.Errorf("%s offers what is for the build", kind)
		}
		texts[kind] = stdout
	}
	commands := 0
	walk(p.app(), func(path string, c *cli.Command) {
		commands++
		if len(c.Subcommands) == 0 && !strings.Contains(texts["man"], "\n.SS "+roff(path)) {
			t.Errorf("man: no %s", path)
		}
		for _, f := range c.Flags {
			name := "--" + f.Names()[0]
			if name != "--config" && len(c.Subcommands) == 0 && !strings.Contains(texts["man"], roff(name)) {
				t.Errorf("man: no %s of %s", name, path)
			}
			if !strings.Contains(texts["bash"], "\t'"+path+"') words='") || !strings.Contains(texts["bash"], name) {
				t.Errorf("bash: no %s of %s", name, path)
			}
		}
		if !strings.Contains(texts["fish"], "-a "+c.Name+" ") {
			t.Errorf("fish: no %s", path)
		}
	})
	if commands < 10 {
		t.Errorf("only %d commands", commands)
	}
	if code, _, stderr := call(t, r, "documents", "troff"); code != exitUsage || !strings.HasPrefix(stderr, "mirrorgw: documents: troff; ") {
		t.Errorf("exit %d, %q", code, stderr)
	}
}

func TestRoff(t *testing.T) {
	if got, want := roff(".a -b\n'c \\d\n.e"), `\&.a \-b`+"\n"+`\&'c \ed`+"\n"+`\&.e`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
