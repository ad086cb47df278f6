package confine

import (
	"fmt"
	"strings"
)

// Config says what stays within reach. Every path must exist, but for those in Read and Execute.
type Config struct {
	Execute []string // files, and folders with all below them, to be read and executed: this program's own, to start it anew; one that is not there is left out
	Read    []string // files and folders with all below them, to be read; one that is not there is left out
	Write   []string // folders, to be read and changed
	Spool   string   // folder for new files of our own, which may not be listed; empty: none
	Devices []string // device files, to be opened, written and asked with ioctl(2)
	Sockets []string // unix sockets of other programs, or folders of them, to be connected to; with a first @ in the abstract namespace
	Listen  []uint16 // TCP ports, to be listened on after Apply
	Connect []uint16 // TCP ports, to be connected to, of any host
}

// Report is what Apply achieved.
type Report struct {
	// Landlock is the ABI in force; 0: none, for the reason Missing gives.
	Landlock int
	Missing  string

	// Sockets says that the kinds of socket are filtered, Calls that all system calls are, see Worker.
	Sockets, Calls bool
}

// Confined says whether files and ports out of reach are out of reach.
func (r Report) Confined() bool { return r.Landlock > 0 }

// String returns one line for status and log.
func (r Report) String() string {
	var line strings.Builder
	if r.Confined() {
		fmt.Fprintf(&line, "confined: landlock ABI %d", r.Landlock)
	} else {
		fmt.Fprintf(&line, "not confined: %s", r.Missing)
	}
	if r.Sockets {
		line.WriteString(", sockets filtered")
	}
	return line.String()
}

// Apply confines this process, every thread of it, for good.
//
// Errors: what the kernel refuses although it could, with the path it is about. The process may then be confined in part,
// and is to end.
func Apply(c Config) (Report, error) {
	r, err := apply(c)
	if err != nil {
		return Report{}, fmt.Errorf("confining the process: %w", err)
	}
	return r, nil
}

func apply(c Config) (r Report, err error) {
	if err := hardenProcess(); err != nil {
		return r, err
	}
	if err := dropCapabilities(); err != nil {
		return r, err
	}
	if r.Landlock, r.Missing, err = restrictReach(c); err != nil {
		return r, err
	}
	r.Sockets, err = filterSockets(len(c.Listen)+len(c.Connect) > 0)
	return r, err
}
