package scanner

import (
	"errors"
	"sync/atomic"
)

// ErrSpoolFull is returned by Buffer.Write when all buffers together hold what their Quota allows on disk, or what the
// file system can give.
var ErrSpoolFull = errors.New("the spool is full")

// Quota bounds what all buffers of the spools that share it hold together. Where there is no more room in memory a buffer goes
// to its file at once; where there is none on disk a write fails. It is safe for concurrent use; its zero value sets no bound.
type Quota struct {
	memoryMax, diskMax atomic.Int64 // 0: none
	memory, disk       atomic.Int64
	spilled, refused   atomic.Uint64
}

// QuotaCounters say what a Quota holds and has done.
type QuotaCounters struct {
	Memory       int64  // octets held in memory now
	Disk         int64  // octets held on disk now
	SpilledEarly uint64 // buffers that went to disk because memory was used up
	Full         uint64 // writes that failed because the disk's share was used up
}

// SetLimits changes the bounds, in octets; 0 is none. What is held already stays.
func (q *Quota) SetLimits(memory, disk int64) {
	q.memoryMax.Store(memory)
	q.diskMax.Store(disk)
}

// Counters returns the figures as they are now.
func (q *Quota) Counters() QuotaCounters {
	return QuotaCounters{Memory: q.memory.Load(), Disk: q.disk.Load(), SpilledEarly: q.spilled.Load(), Full: q.refused.Load()}
}

// takeMemory says whether n octets more may be held in memory. A nil Quota allows anything.
func (q *Quota) takeMemory(n int64) bool {
	if q.mayTakeMemory(n) {
		return true
	}
	q.spilled.Add(1)
	return false
}

// mayTakeMemory is takeMemory for what can be done without.
func (q *Quota) mayTakeMemory(n int64) bool { return q == nil || take(&q.memory, &q.memoryMax, n) }

// takeDisk says whether n octets more may be held on disk.
func (q *Quota) takeDisk(n int64) bool {
	if q == nil || take(&q.disk, &q.diskMax, n) {
		return true
	}
	q.refused.Add(1)
	return false
}

// give gives back what was taken.
func (q *Quota) give(memory, disk int64) {
	if q != nil {
		q.memory.Add(-memory)
		q.disk.Add(-disk)
	}
}

// take adds n to used unless that would be beyond limit.
func take(used, limit *atomic.Int64, n int64) bool {
	if now, most := used.Add(n), limit.Load(); most > 0 && now > most {
		used.Add(-n)
		return false
	}
	return true
}
