package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"mirrorgw/cmd/mirrorgw/config"
)

// documentsCommand is for the build: the manual page and the completions are made from the command tree, by the program
// itself, so that they cannot lag behind it.
func (p *program) documentsCommand() *cli.Command {
	return &cli.Command{
		Name:      "documents",
		Usage:     "write the manual page, a shell's completions or a first configuration",
		ArgsUsage: "man|bash|zsh|fish|config",
		Hidden:    true,
		Action:    p.documents,
	}
}

func (p *program) documents(c *cli.Context) error {
	words, err := p.exactly(c, "man, bash, zsh, fish or config")
	if err != nil {
		return err
	}
	writers := map[string]func() string{
		"man":  func() string { return manual(c.App) },
		"bash": func() string { return bashCompletion(c.App) },
		"zsh": func() string {
			return "#compdef mirrorgw\nautoload -U +X bashcompinit && bashcompinit\n" + bashCompletion(c.App)
		},
		"fish":   func() string { return fishCompletion(c.App) },
		"config": firstConfig,
	}
	write, ok := writers[words[0]]
	if !ok {
		return usagef("documents: %s; %s", quote(words[0]), suggest(words[0], slices.Sorted(maps.Keys(writers)), "man, bash, zsh, fish or config"))
	}
	_, err = io.WriteString(p.stdout, write())
	return err
}

// firstConfig is the configuration a package brings: what must be set stands there as a comment.
func firstConfig() string {
	return `# The configuration of mirrorgw(8). Set addresses and routers, then: mirrorgw check && systemctl enable --now mirrorgw
# All keys with their defaults: mirrorgw check --print

#device: {bridge: br0}          # the Linux bridge the LAN's interface is a port of
#addresses: [192.168.1.2/24]    # the gateway's own, not this host's
#routers: [192.168.1.1]         # the NAT router
`
}

// manual returns the manual page, in man(7).
func manual(app *cli.App) string {
	var b strings.Builder
	line := func(s string) { b.WriteString(s + "\n") }
	section := func(name string, paragraphs ...string) {
		line(".SH " + name)
		for i, s := range paragraphs {
			if i > 0 {
				line(".PP")
			}
			line(roff(s))
		}
	}
	line(`.TH MIRRORGW 8 "" "mirrorgw ` + roff(app.Version) + `"`)
	section("NAME", "mirrorgw - "+app.Usage)
	section("SYNOPSIS", "mirrorgw COMMAND [FLAG...] [ARGUMENT...]")
	section("DESCRIPTION",
		"The default gateway of a network's workstations, with one leg: passes everything on to the NAT router, except POP3 sessions. Those it "+
			"answers in the mail server's name, and judges each mail for malware before the workstation sees it.",
		"Flags come before arguments. Each command takes --help, and -c FILE for its configuration.")
	line(".SH COMMANDS")
	walk(app, func(path string, c *cli.Command) {
		if len(c.Subcommands) > 0 {
			return // its words say it
		}
		line(".SS " + roff(strings.TrimSpace(path+" "+c.ArgsUsage)))
		line(roff(sentence(c.Usage)))
		for s := range strings.SplitSeq(c.Description, "\n\n") {
			if s != "" {
				line(".PP")
				line(roff(s))
			}
		}
		for _, f := range c.VisibleFlags() {
			if f.Names()[0] == "help" || f.Names()[0] == "config" {
				continue
			}
			name, usage, _ := strings.Cut(f.String(), "\t")
			line(".TP")
			line(".B " + roff(name))
			line(roff(strings.TrimSuffix(usage, " (default: false)")))
		}
	})
	section("EXIT STATUS", "0 done; 1 the answer is no: infected, not there, not running, refused; 2 the command line or the configuration is wrong.")
	section("SIGNALS", "A running gateway reloads on SIGHUP. On SIGTERM and SIGINT it takes no new session and lets the running ones end; a second one ends it at once.")
	section("ENVIRONMENT", configEnv+" names the configuration file where no flag does.")
	section("FILES", config.DefaultPath+" is the configuration; "+config.Default().Quarantine.Dir+" holds replaced mail; "+config.Default().Control.Socket+" is where a running gateway is asked.")
	return b.String()
}

// walk calls visit for every command that is shown, with the words that lead to it.
func walk(app *cli.App, visit func(path string, c *cli.Command)) {
	var each func(before string, all []*cli.Command)
	each = func(before string, all []*cli.Command) {
		for _, c := range all {
			if !c.Hidden {
				path := strings.TrimSpace(before + " " + c.Name)
				visit(path, c)
				each(path, c.Subcommands)
			}
		}
	}
	each("", app.Commands)
}

// roff returns text as man(7) wants it.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if l = strings.TrimSpace(l); strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			l = `\&` + l
		}
		lines[i] = l
	}
	return strings.Join(lines, "\n")
}

// sentence returns a command's usage as one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// wordsAfter returns what may follow the words of a command: its subcommands and flags.
func wordsAfter(subcommands []*cli.Command, flags []cli.Flag) string {
	var words []string
	for _, c := range subcommands {
		if !c.Hidden {
			words = append(words, c.Name)
		}
	}
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 && n != "help" {
				words = append(words, "--"+n)
			}
		}
	}
	return strings.Join(append(words, "--help"), " ")
}

// bashCompletion returns completions for bash, which zsh can read too. Arguments are completed as files.
func bashCompletion(app *cli.App) string {
	var known, cases strings.Builder
	walk(app, func(path string, c *cli.Command) {
		fmt.Fprintf(&known, "|'%s'", path)
		fmt.Fprintf(&cases, "\t'%s') words='%s' ;;\n", path, wordsAfter(c.Subcommands, c.Flags))
	})
	return `_mirrorgw() {
	local cur=${COMP_WORDS[COMP_CWORD]} path='' next word words
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		next="${path:+$path }$word"
		case $next in ` + strings.TrimPrefix(known.String(), "|") + `) path=$next ;; esac
	done
	case $path in
	'') words='` + wordsAfter(app.Commands, app.Flags) + `' ;;
` + cases.String() + `	esac
	COMPREPLY=()
	while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$cur")
}
complete -o default -F _mirrorgw mirrorgw
`
}

// fishCompletion returns completions for fish.
func fishCompletion(app *cli.App) string {
	var b strings.Builder
	within := func(path string) string {
		words := strings.Fields(path)
		if len(words) == 0 {
			return "__fish_use_subcommand"
		}
		return "__fish_seen_subcommand_from " + strings.Join(words, "; and __fish_seen_subcommand_from ")
	}
	text := func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'" }
	walk(app, func(path string, c *cli.Command) {
		before := strings.TrimSpace(strings.TrimSuffix(path, c.Name))
		fmt.Fprintf(&b, "complete -c mirrorgw -n %s -a %s -d %s\n", text(within(before)), c.Name, text(c.Usage))
		for _, f := range c.Flags {
			for _, n := range f.Names() {
				if len(n) > 1 {
					fmt.Fprintf(&b, "complete -c mirrorgw -n %s -l %s\n", text(within(path)), n)
				}
			}
		}
	})
	return b.String()
}
