package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticksPerSecond is the unit of /proc/PID/stat, USER_HZ, which is the same on every architecture Go has.
const ticksPerSecond = 100

// cpuTime is the CPU time of a process and all it has started, user and system, in seconds. The system's part holds more than what it
// does for the process: a frame written to a device goes on through bridge, router and receiver in the same call.
func cpuTime(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	sum, err := parseStat(string(stat))
	if err != nil {
		return 0, err
	}
	for _, child := range children(pid) {
		if t, err := cpuTime(child); err == nil { // one that has just ended is in its parent's time next
			sum += t
		}
	}
	return sum, nil
}

// children are the processes that a process has started and not yet waited for.
func children(pid int) (pids []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well-formed
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has just ended
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// parseStat reads utime, stime, cutime and cstime, fields 14 to 17 of proc(5); the last two are of children that have ended. The second field is a name in brackets, which may hold blanks and brackets.
func parseStat(stat string) (float64, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	const third, utime = 3, 14 // the first of fields is the third
	if end < 0 || len(fields) < utime+3-third+1 {
		return 0, fmt.Errorf("/proc/PID/stat: %q", stat)
	}
	ticks := 0.0
	for _, f := range fields[utime-third : utime-third+4] {
		n, err := strconv.ParseUint(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		ticks += float64(n)
	}
	return ticks / ticksPerSecond, nil
}
