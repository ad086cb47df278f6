package confine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Limits of a worker.
const (
	workerMemory = 1 << 30 // octets of memory that can be written; what is only read, as a mail in a file, does not count
	workerFile   = 1 << 30 // octets of a file it writes, as the rules it has compiled
	workerFiles  = 64      // descriptors
)

// Worker leaves this process, every thread of it, for good, little more than computing: memory within a limit, what it has open, and
// what it is sent. It opens nothing, starts nothing, signals nobody and runs no new code. Whoever started it has seen to the rest, see Thread.
//
// Errors: as those of Apply. Report tells of the system calls alone.
func Worker() (Report, error) {
	r, err := confineWorker()
	if err != nil {
		return Report{}, fmt.Errorf("confining the process: %w", err)
	}
	return r, nil
}

func confineWorker() (r Report, err error) {
	limits := map[int]uint64{unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: workerFile, unix.RLIMIT_NOFILE: workerFiles}
	if limitsMemory {
		limits[unix.RLIMIT_DATA] = workerMemory
	}
	for resource, limit := range limits {
		if err := lower(resource, limit); err != nil {
			return r, err
		}
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return r, fmt.Errorf("no debuggers: %w", err)
	}
	r.Calls, err = filterCalls()
	return r, err
}

// lower sets a limit of this process, unless it is below that already.
func lower(resource int, limit uint64) error {
	var now unix.Rlimit
	if err := unix.Getrlimit(resource, &now); err != nil {
		return fmt.Errorf("reading limit %d: %w", resource, err)
	}
	now.Max = min(now.Max, limit)
	now.Cur = min(now.Cur, now.Max)
	if err := unix.Setrlimit(resource, &now); err != nil {
		return fmt.Errorf("setting limit %d: %w", resource, err)
	}
	return nil
}
