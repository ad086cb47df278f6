package worker

import (
	"errors"
	"sync/atomic"
)

// Tally counts for one pool after the other, so that no figure falls when one takes another's place. The zero value is ready.
type Tally struct {
	started, failed, lost, crashed, late, rejected, repeated atomic.Uint64
}

// Counters of pools.
type Counters struct {
	WorkersStarted  uint64 // workers that have been started
	StartsFailed    uint64 // times none could be
	WorkersLost     uint64 // workers that ended while they had nothing to do
	WorkersCrashed  uint64 // workers that ended while they were asked
	WorkersLate     uint64 // workers killed since they did not answer in time
	AnswersRejected uint64 // answers that no honest worker gives; the worker was killed
	AskedAgain      uint64 // questions put to a worker a second time, alone
}

// exchange counts what became of an exchange.
func (t *Tally) exchange(failed error) {
	switch {
	case failed == nil:
	case errors.Is(failed, errUnread):
		t.lost.Add(1)
	case errors.Is(failed, errLate):
		t.late.Add(1)
	case errors.Is(failed, errEnded):
		t.crashed.Add(1)
	default:
		t.rejected.Add(1)
	}
}

// Counters returns the counters as they stand.
func (t *Tally) Counters() Counters {
	return Counters{
		t.started.Load(), t.failed.Load(), t.lost.Load(), t.crashed.Load(), t.late.Load(), t.rejected.Load(), t.repeated.Load(),
	}
}
