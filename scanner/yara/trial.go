//go:build !noyara

package yara

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"time"

	libyara "github.com/hillu/go-yara/v4"
	"golang.org/x/sys/unix"
)

// What rules are tried on: samples of each kind, short ones to find out the disastrous before they take all the time, and longer ones.
const (
	shortSample = 512
	longSample  = 16 << 10
)

const (
	slowCost  = 0.010           // seconds of processor time for each megabyte; a thousand ordinary rules together take some 0.004
	fileCost  = 0.030           // the same, of all strings of a file
	worstCost = 0.300           // the same, of short samples
	timing    = 4 * time.Second // of processor time, for finding out which rules are slow
	trialTime = 2 * time.Second // for each long sample, all rules together
	groupSize = 512             // rules timed at once, as long as they are fast
	maxSlow   = 20              // rules named; who has more of them needs no longer list
)

// samples returns n octets of each kind.
func samples(n int) [][]byte {
	random := make([]byte, n)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range random {
		random[i] = byte(source.Uint32())
	}
	program := slices.Clone(random)
	copy(program, "MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00")
	fill := func(text string) []byte { return []byte(strings.Repeat(text, n/len(text)+1)[:n]) }
	return [][]byte{
		make([]byte, n),
		fill("<p style=\"margin:0\">Dear Sir or Madam, please find the invoice of 2024-05-17 attached: http://www.example.org/a?b=c</p>\r\n"),
		fill("TVqQAAMAAAAEAAAA//8AALgAAAAAAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"),
		program,
	}
}

// try times the rules, whose texts these are, notes which are slow, and sees whether all together are fit for use. What they find does not matter here.
//
// Errors: rules that do not come to an end.
func (set *ruleSet) try(texts []source) error {
	runtime.LockOSThread() // processor time is a thread's
	defer runtime.UnlockOSThread()
	j, err := newJudge(set)
	if err != nil {
		return fmt.Errorf("yara: trying the rules: %w", err)
	}
	defer j.close()
	t := trial{judge: j, all: set.rules.GetRules(), until: processorTime() + timing, slow: make(map[int]Slow)}
	t.time(texts)
	for _, content := range samples(longSample) {
		switch err := j.scan(content, "", trialTime); {
		case errors.Is(err, errTime):
			return fmt.Errorf("yara rules: they take more than %v for %d octets: %s", trialTime, len(content), t.worst())
		case err != nil:
			return fmt.Errorf("yara: trying the rules: %w", err)
		}
	}
	return nil
}

// processorTime returns what this thread has had.
func processorTime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// trial finds out which rules are slow. libyara has no figures for each rule as Debian builds it, so that rules are switched off,
// and on again in groups; a group that takes long is halved. What is switched off is a rule's condition: its strings are looked for all the
// same. Where all strings together take long, each file is compiled alone; slow conditions may then stay hidden behind them.
type trial struct {
	judge *judge
	all   []libyara.Rule
	until time.Duration // processor time of this thread
	slow  map[int]Slow  // by place
}

func (t *trial) time(texts []source) {
	for i := range t.all {
		t.all[i].Disable()
	}
	defer func() {
		for i := range t.all {
			t.all[i].Enable()
		}
	}()
	about := &t.judge.set.about
	short, long := samples(shortSample), samples(longSample)
	idleShort, idleLong := t.judge.measure(short, 3), t.judge.measure(long, 3)
	for from := 0; from < len(t.all); from += groupSize {
		if processorTime() >= t.until {
			about.Untimed = len(t.all) - from
			break
		}
		to := min(from+groupSize, len(t.all))
		t.halve(from, to, short, idleShort, worstCost)
		t.halve(from, to, long, idleLong, slowCost)
	}
	if cost := perMegabyte(idleLong, long); cost > fileCost {
		t.files(texts, long)
	}
	for _, place := range t.places() {
		if len(about.Slow) < maxSlow {
			about.Slow = append(about.Slow, t.slow[place])
		}
	}
}

// halve looks for rules in all[from:to] that take more than cost for contents. idle is what those take with no rule at all.
func (t *trial) halve(from, to int, contents [][]byte, idle time.Duration, cost float64) {
	rounds := 1
	if to-from == 1 {
		rounds = 3 // this one is told of, so it had better be true
	}
	t.enable(from, to, true)
	took := t.judge.measure(contents, rounds) - idle
	t.enable(from, to, false)
	switch {
	case perMegabyte(took, contents) < cost, took < idle/4: // which may be noise
	case to-from == 1:
		rule := t.judge.set.about.Rules[from]
		t.slow[from] = Slow{Rule: rule.Name, File: rule.File, Cost: perMegabyte(took, contents)}
	case processorTime() >= t.until:
		t.judge.set.about.Untimed += to - from
	default:
		middle := (from + to) / 2
		t.halve(from, middle, contents, idle, cost)
		t.halve(middle, to, contents, idle, cost)
	}
}

// enable switches rules on or off, but for those known to be slow.
func (t *trial) enable(from, to int, on bool) {
	for i := from; i < to; i++ {
		if _, slow := t.slow[i]; on && !slow {
			t.all[i].Enable()
		} else {
			t.all[i].Disable()
		}
	}
}

// measure returns the processor time that contents take, at its least of some rounds. A content that takes more than a second
// ends the round.
func (j *judge) measure(contents [][]byte, rounds int) time.Duration {
	least := time.Duration(1<<63 - 1)
	for range rounds {
		started := processorTime()
		for _, c := range contents {
			if j.scan(c, "", time.Second) != nil { // out of time, or else found out when all rules are tried
				break
			}
		}
		least = min(least, processorTime()-started)
		if least > time.Second/2 { // no noise could be
			break
		}
	}
	return least
}

// perMegabyte returns seconds for each megabyte.
func perMegabyte(took time.Duration, contents [][]byte) float64 {
	octets := 0
	for _, c := range contents {
		octets += len(c)
	}
	return took.Seconds() / float64(octets) * 1e6
}

// files looks for files with slow strings.
func (t *trial) files(texts []source, contents [][]byte) {
	for _, file := range texts {
		if processorTime() >= t.until {
			return // what libyara warns of has been told
		}
		if cost := stringsCost(file, contents); cost > fileCost {
			about := &t.judge.set.about
			about.Slow = append(about.Slow, Slow{File: file.path, Cost: cost})
		}
	}
}

// stringsCost returns what the strings of a file take for contents; 0 when that cannot be told.
func stringsCost(file source, contents [][]byte) float64 {
	c, err := emptyCompiler()
	if err != nil {
		return 0
	}
	defer c.Destroy()
	if c.AddString(file.text, "") != nil { // it has compiled before
		return 0
	}
	rules, err := c.GetRules()
	if err != nil {
		return 0
	}
	defer rules.Destroy()
	all := rules.GetRules()
	for i := range all {
		all[i].Disable()
	}
	j, err := newJudge(&ruleSet{rules: rules})
	if err != nil {
		return 0
	}
	defer j.close()
	return perMegabyte(j.measure(contents, 3), contents)
}

// places returns the places of the slow rules, the slowest first.
func (t *trial) places() []int {
	places := make([]int, 0, len(t.slow))
	for place := range t.slow {
		places = append(places, place)
	}
	slices.SortFunc(places, func(a, b int) int {
		switch ca, cb := t.slow[a].Cost, t.slow[b].Cost; {
		case ca > cb:
			return -1
		case ca < cb:
			return 1
		}
		return a - b
	})
	return places
}

// worst says which rule to look at first.
func (t *trial) worst() string {
	if slow := t.judge.set.about.Slow; len(slow) > 0 {
		return slow[0].String()
	}
	return "none of them does alone"
}
