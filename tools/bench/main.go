package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"mirrorgw/scanner/yara"
)

// options are the flags.
type options struct {
	program     string // this one, for processes of its own
	gateway     string
	bareloop    string
	barerelay   string
	name        string
	only        string
	ways        []way
	runs        int
	upload      time.Duration
	datagrams   time.Duration
	pings       int
	sessions    int
	concurrency int
	large       int
	idle        int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is the program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if slices.Equal(args, yara.WorkerArgs()) { // started by measureYARA
		if yara.Serve(os.Stdin, "not confined") != nil {
			return 1
		}
		return 0
	}
	if len(args) == 2 && args[0] == serveCommand { // started by mailLoad
		if err := serveMailbox(ctx, args[1]); err != nil {
			fmt.Fprintf(stderr, "bench: %v\n", err)
			return 1
		}
		return 0
	}
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	measure := func() error { return measureAll(ctx, o, stdout, stderr) }
	if o.only == onlyYARA {
		measure = func() error { return measureYARA(ctx, o, stdout) }
	}
	if err := measure(); err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 1
	}
	return 0
}

// parse reads the flags.
//
// Errors: flag.ErrHelp, when the help has been written.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	var err error
	if o.program, err = os.Executable(); err != nil {
		return o, err
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.gateway, "mirrorgw", besideThis("mirrorgw"), "`PATH` of the gateway")
	flags.StringVar(&o.bareloop, "bareloop", besideThis("bareloop"), "`PATH` of the bare loop")
	flags.StringVar(&o.barerelay, "barerelay", besideThis("barerelay"), "`PATH` of the bare relay")
	flags.StringVar(&o.name, "name", "bench", "`NAME` of the lab")
	flags.StringVar(&o.only, "only", "", "measure `WHAT` only: "+subjectNames())
	flags.Func("ways", "measure on these `WAYS` only: "+wayNames(), func(list string) (err error) { o.ways, err = parseWays(list); return err })
	flags.IntVar(&o.runs, "runs", 5, "rounds; a figure is their median")
	flags.DurationVar(&o.upload, "time", 5*time.Second, "how long each upload takes, in whole seconds")
	flags.DurationVar(&o.datagrams, "udptime", 2*time.Second, "how long each stream of datagrams takes")
	flags.IntVar(&o.pings, "pings", 300, "pings of each measurement, ten milliseconds apart")
	flags.IntVar(&o.sessions, "sessions", 4000, "POP3 sessions in each run; those with mails are a quarter of it")
	flags.IntVar(&o.concurrency, "concurrency", 64, "POP3 sessions at a time")
	flags.IntVar(&o.large, "large", 16, "mails of 10 MB in each run")
	flags.IntVar(&o.idle, "idle", 10_000, "idle POP3 sessions whose memory is measured, fewer where not as many files may be open")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case !knownSubject(o.only):
		return o, fmt.Errorf("-only %q: want %s", o.only, subjectNames())
	case o.runs < 1 || o.pings < 1 || o.sessions < 16 || o.concurrency < 1 || o.large < 1 || o.idle < 1:
		return o, errors.New("-runs, -pings, -concurrency, -large and -idle are at least 1, -sessions at least 16")
	case o.upload < time.Second || o.upload%time.Second != 0:
		return o, fmt.Errorf("-time %s: want whole seconds", o.upload)
	case o.datagrams < 100*time.Millisecond || o.datagrams > time.Hour:
		return o, fmt.Errorf("-udptime %s: want 100ms to 1h", o.datagrams)
	}
	return o, nil
}

// besideThis is the path of a program in the folder this one lies in.
func besideThis(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name
	}
	return filepath.Join(filepath.Dir(self), name)
}

// needTools says which programs are missing and where they come from.
func needTools(o options) error {
	_, err := os.Stat(o.gateway)
	if err != nil {
		err = fmt.Errorf("no gateway to measure: %w: \"make build\" makes it, -mirrorgw PATH names another", err)
	}
	packages := map[string]string{"ping": "iputils-ping"}
	tools := []string{"ping"}
	if o.measuresAny(func(s subject) bool { return s.mail }) {
		if _, missing := os.Stat(o.barerelay); missing != nil {
			err = errors.Join(err, fmt.Errorf("no bare relay to measure: %w: \"make build\" makes it, -barerelay PATH names another", missing))
		}
	}
	if o.measuresAny(func(s subject) bool { return !s.mail }) {
		if _, missing := os.Stat(o.bareloop); missing != nil {
			err = errors.Join(err, fmt.Errorf("no bare loop to measure: %w: \"make build\" makes it, -bareloop PATH names another", missing))
		}
		if o.only != "packets" {
			tools = append(tools, "iperf3")
		}
	}
	for _, tool := range tools {
		if _, missing := exec.LookPath(tool); missing != nil {
			name := tool
			if p, ok := packages[tool]; ok {
				name = p
			}
			err = errors.Join(err, fmt.Errorf("%s is not installed: apt-get install %s", tool, name))
		}
	}
	return err
}
