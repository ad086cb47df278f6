package clamd

import (
	"sync"
	"time"
)

const (
	maxFailed = 3               // questions in a row without a verdict, after which the daemons are left alone
	restTime  = 5 * time.Second // between two questions then
)

// breaker keeps questions from waiting, one after the other, for daemons that do not answer. The zero value admits all.
type breaker struct {
	mu     sync.Mutex
	inARow int       // questions without a verdict; guarded by mu
	next   time.Time // when the next question may be asked, if inARow is maxFailed or more; guarded by mu
}

// admit says whether a question may be asked now. While the daemons are left alone it is one in restTime.
func (b *breaker) admit() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inARow < maxFailed {
		return true
	}
	now := time.Now()
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(restTime)
	return true
}

// succeeded notes a verdict.
func (b *breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inARow = 0
}

// failed notes a question without a verdict, and says whether the daemons are left alone from now on.
func (b *breaker) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inARow++
	b.next = time.Now().Add(restTime)
	return b.inARow == maxFailed
}

// open says whether the daemons are left alone.
func (b *breaker) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.inARow >= maxFailed
}
